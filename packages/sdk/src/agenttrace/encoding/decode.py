"""From a payload back to an equal value of the same types.

A recording is untrusted input. Classes are found among the loaded ones, or in the caller's own
list; nothing is imported, and nothing is unpickled. Objects are made without their `__init__`, from
the fields that their kind declares. A map that does not fit its value is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from agenttrace.encoding.builders import BUILDERS
from agenttrace.encoding.classes import describe_missing, find_class, pick_class
from agenttrace.encoding.tree import MAX_DEPTH, MAX_NODES, SHOWN
from agenttrace.errors import DecodeError
from agenttrace.wire import Fidelity

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_LEVELS: Final = 4 * MAX_DEPTH
"""How deep a payload may nest: what the recorder writes stays well below."""
_MAX_TYPES: Final = 4 * MAX_NODES
_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
_KEPT: Final = frozenset({Fidelity.EXACT.value, Fidelity.STRUCTURAL.value})


def decode_payload(
    payload: Mapping[str, Any],
    *,
    classes: Mapping[str, type] | None = None,
    degrade: bool = False,
    with_redacted: bool = False,
    with_classes: bool = False,
) -> Any:
    """Return the value that a payload holds, made anew at each call.

    `payload` is the wire format's object, its `value` as any JSON parser reads it. `classes` maps
    `module:Qualname` to classes that count before the loaded ones. With `degrade`, what cannot be
    made again is left as the content that the payload shows. With `with_redacted`, a value of
    which secrets were taken out is made with marks such as `[redacted:bearer]` in their place.
    With `with_classes` it may hold classes, as the arguments of an exception do.

    Raises:
        DecodeError: when the payload does not hold the whole value, when a class is not loaded or
            is not what the payload takes it for, or when the types do not fit the value.

    """
    fidelity = payload.get("fidelity")
    is_kept = fidelity in _KEPT or (with_redacted and fidelity == Fidelity.REDACTED.value)
    if not degrade and not is_kept:
        raise DecodeError(f"the payload's fidelity is {fidelity}: it does not hold the whole value")
    codec = payload.get("codec")
    if codec not in {"json", "typed"}:
        raise DecodeError(f"codec {str(codec)[:64]!r}; expected 'json' or 'typed'")
    if "value" not in payload:
        raise DecodeError("the payload has no value")
    types = payload.get("types", {}) if codec == "typed" else {}
    decoder = Decoder(classes, degrade=degrade, with_classes=with_classes)
    return decoder.decode(payload["value"], types)


class _Place:
    """A place in the value: what stands there, and the places below it that have a type."""

    __slots__ = ("below", "type")

    def __init__(self) -> None:
        self.type: Any = None
        self.below: dict[str, _Place] = {}


class Decoder:
    """One decoding. With `is_check` it runs no code of any class: what would need it is refused."""

    __slots__ = ("_level", "classes", "degrade", "is_check", "wild", "with_classes")

    def __init__(
        self,
        classes: Mapping[str, type] | None = None,
        *,
        degrade: bool = False,
        is_check: bool = False,
        with_classes: bool = False,
    ) -> None:
        self.classes = classes
        self.degrade = degrade
        self.is_check = is_check
        self.with_classes = with_classes
        self.wild = 0  # how many objects were made whose hash or equality is user code
        self._level = 0

    def decode(self, value: Any, types: Any) -> Any:
        """Return the value that this content and these types stand for."""
        return self._build(value, _read_types(types))

    def find(self, spelled: str) -> type:
        """Return the class of this name."""
        found = find_class(spelled, self.classes)
        if found is None:
            raise DecodeError(describe_missing(spelled), spelled)
        return found

    def _build(self, value: Any, place: _Place | None) -> Any:
        if self._level > MAX_LEVELS:
            raise DecodeError(f"the payload is nested more than {MAX_LEVELS} levels deep")
        self._level += 1
        try:
            if place is None or place.type is None:
                return self._build_content(value, place)
            return self._build_typed(value, place, place.type)
        finally:
            self._level -= 1

    def _build_content(self, value: Any, place: _Place | None) -> Any:
        kind = type(value)
        below = {} if place is None else place.below
        if kind is list:
            _check_pointers(below, {str(index) for index in range(len(value))} if below else ())
            return [self._build(item, below.get(str(i))) for i, item in enumerate(value)]
        if kind is dict:
            _check_pointers(below, value)
            return {key: self._build(item, below.get(key)) for key, item in value.items()}
        if kind not in _PLAIN:
            raise DecodeError(f"the payload holds a {kind.__name__}, which is no JSON")
        _check_pointers(below, ())
        return value

    def _build_typed(self, value: Any, place: _Place, described: Any) -> Any:
        text, extra = _read_descriptor(described)
        kind, _, argument = text.partition(" ")
        if kind == SHOWN:
            if not self.degrade:
                why = f"only the content of a {argument[:200]} was kept"
                raise DecodeError(why, argument, is_shown_only=True)
            return self._build_inner(value, place, extra)
        builder = BUILDERS.get(kind)
        if builder is None:
            raise DecodeError(f"type {text[:200]!r} is unknown")
        before = self.wild
        content = self._build_inner(value, place, extra)
        try:
            return builder(self, content, argument, extra, before)
        except DecodeError:
            if self.degrade:
                return content
            raise
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if self.degrade:
                return content
            raise DecodeError(
                f"a {text[:200]!r} cannot be made of its content: {type(error).__name__}",
                pick_class(argument),
            ) from error

    def _build_inner(self, value: Any, place: _Place, extra: dict[str, Any]) -> Any:
        inner = extra.get("of")
        if inner is None:
            return self._build_content(value, place)
        self._level += 1
        if self._level > MAX_LEVELS:
            raise DecodeError("a type of a type of a type has no end")
        try:
            return self._build_typed(value, place, inner)
        finally:
            self._level -= 1

    def decode_state(self, extra: dict[str, Any], name: str) -> dict[str, Any]:
        """Return what an object held beside its content, by name."""
        part = extra.get(name)
        if part is None:
            return {}
        if type(part) is not dict or not part.keys() <= {"value", "types"}:
            raise DecodeError(f"{name} of a type is no value with its types")
        state = self._build(part.get("value"), _read_types(part.get("types", {})))
        if type(state) is not dict or not all(type(key) is str for key in state):
            raise DecodeError(f"{name} of a type is no object")
        return state


def _read_descriptor(described: Any) -> tuple[str, dict[str, Any]]:
    if type(described) is str:
        return described, {}
    if type(described) is dict and type(described.get("type")) is str:
        return described["type"], described
    raise DecodeError("a type is neither a text nor an object with a text as its type")


def _read_types(types: Any) -> _Place:
    root = _Place()
    if type(types) is not dict or len(types) > _MAX_TYPES:
        raise DecodeError(f"types is no object of at most {_MAX_TYPES} members")
    for pointer, described in types.items():
        if type(pointer) is not str or (pointer and not pointer.startswith("/")):
            raise DecodeError(f"{str(pointer)[:200]!r} is no JSON pointer")
        parts = pointer.split("/")[1:]
        if len(parts) > MAX_LEVELS:
            raise DecodeError(f"a JSON pointer is more than {MAX_LEVELS} levels deep")
        place = root
        for part in parts:
            key = part.replace("~1", "/").replace("~0", "~")
            place = place.below.setdefault(key, _Place())
        place.type = described
    return root


def _check_pointers(below: dict[str, _Place], names: Any) -> None:
    for name in below:
        if name not in names:
            raise DecodeError(f"a type stands at {name[:200]!r}, where the value has nothing")
