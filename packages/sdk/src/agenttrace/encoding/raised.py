"""A recorded exception made again: what a replay raises in the place of the one that was raised."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from agenttrace.encoding.builders.instances import make_exception
from agenttrace.encoding.classes import find_class
from agenttrace.encoding.decode import decode_payload
from agenttrace.encoding.objects import extends, read_dict
from agenttrace.encoding.shown import escape_pointer
from agenttrace.errors import DecodeError, ReplayedError

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_CAUSES: Final = 64
_MAX_NAMES: Final = 64


def decode_error(
    record: Mapping[str, Any], *, classes: Mapping[str, type] | None = None
) -> BaseException:
    """Return an exception such as the record tells of, made anew at each call.

    Of its own class where that is loaded (or in `classes`, by `module:Qualname`), with arguments,
    attributes, notes and cause; no `__init__` of the class runs. Otherwise of a new class of that
    name which extends `ReplayedError` and the nearest base that is loaded. It has no traceback: the
    recorded one is text. What code of a class raises while it is made goes no further.

    Raises:
        DecodeError: when the record is no record of an exception.

    """
    try:
        return _decode(record, classes, _MAX_CAUSES)
    except DecodeError:
        raise
    except Exception:  # noqa: BLE001 -- code of the classes may run after all, and raise anything
        cls = _make_class(_list_names(record)[0], Exception)
        made: BaseException = cls(str(record.get("message", "")))
        return made


def _decode(record: Any, classes: Mapping[str, type] | None, causes_left: int) -> BaseException:
    if not isinstance(record, dict) or type(record.get("type")) is not str or not causes_left:
        raise DecodeError("an error is no object with a type, or has too many causes")
    state = _decode_attributes(record, classes)
    made: BaseException | None = _decode_part(
        record, "args", BaseException, classes
    )  # what a codec made
    if made is None:
        made = _make(record, _list_attempts(record, state, classes), classes)
    notes = record.get("notes")
    if "__notes__" not in state and type(notes) is list:
        for note in notes:
            add_note(made, str(note))
    _link(made, record, classes, causes_left - 1)
    return made


def _link(
    made: BaseException,
    record: dict[str, Any],
    classes: Mapping[str, type] | None,
    causes_left: int,
) -> None:
    """Give an exception its cause and context, and say whether a traceback shows the latter."""
    cause, context = (
        None if record.get(name) is None else _decode(record[name], classes, causes_left)
        for name in ("cause", "context")
    )
    if record.get("cause_is_context") is True:
        cause, context = None, cause
    elif record.get("context_is_cause") is True:
        context = cause
    if cause is not None:
        set_link(made, "__cause__", cause)
    if context is not None:
        set_link(made, "__context__", context)
    if type(record.get("suppress_context")) is bool:
        set_link(made, "__suppress_context__", record["suppress_context"])


def list_contexts(error: BaseException) -> list[BaseException]:
    """Return what was being handled, from the last on; a circle once."""
    found = [error]
    seen = {id(error)}
    while (context := get_link(found[-1], "__context__")) is not None and id(context) not in seen:
        seen.add(id(context))
        found.append(context)
    return found[1:]


def get_link(error: BaseException, name: str) -> Any:
    """Return what one of the interpreter's own places of an exception holds."""
    return BaseException.__dict__[name].__get__(error)


def set_link(error: BaseException, name: str, value: object) -> None:
    """Set one of the interpreter's own places of an exception, without asking its class."""
    BaseException.__dict__[name].__set__(error, value)


def add_note(error: BaseException, note: str) -> None:
    """Add a note where the exception keeps them, without asking its class.

    `BaseException.add_note` asks for `__notes__`: a `__getattr__` of the class's own may raise
    anything at that, as that of `urllib.error.HTTPError` does.
    """
    own = read_dict(error)
    if own is not None:
        notes = own.get("__notes__")
        own["__notes__"] = [*notes, note] if type(notes) is list else [note]


def _list_attempts(
    record: dict[str, Any], state: dict[str, Any], classes: Mapping[str, type] | None
) -> list[tuple[list[Any], dict[str, Any]]]:
    """Return the arguments and attributes to make an exception of, then what it takes at least."""
    least = [str(record.get("message", ""))]
    arguments = _decode_part(record, "args", list, classes)
    known = least if arguments is None else arguments
    return [(known, state), (known, {}), (least, {})]


def _decode_part(
    record: dict[str, Any], name: str, kind: type, classes: Mapping[str, type] | None
) -> Any:
    """Return the arguments or attributes; None when there are none, or they are not of this kind.

    What was taken out of them, or cannot be made again, is there as the payload shows it; where
    something is not there at all, neither is the rest.
    """
    payload = record.get(name)
    if not isinstance(payload, dict):
        return None
    for degrade in (False, True):
        try:
            found = decode_payload(
                payload, classes=classes, degrade=degrade, with_redacted=True, with_classes=True
            )
        except DecodeError:
            continue
        return found if isinstance(found, kind) else None
    return None


def _decode_attributes(
    record: dict[str, Any], classes: Mapping[str, type] | None
) -> dict[str, Any]:
    """Return the attributes; where they are not all whole, each that can be made by itself."""
    found: dict[str, Any] | None = _decode_part(record, "attributes", dict, classes)
    payload = record.get("attributes")
    if found is not None or not isinstance(payload, dict):
        return found or {}
    value, types = payload.get("value"), payload.get("types") or {}
    if type(value) is not dict or type(types) is not dict:
        return {}
    found = {}
    for name, content in value.items():
        start = f"/{escape_pointer(name)}"
        own = {
            place[len(start) :]: described
            for place, described in types.items()
            if place == start or str(place).startswith(f"{start}/")
        }
        part = {"value": content, "types": own, "codec": "typed", "fidelity": "structural"}
        with suppress(DecodeError):
            found[name] = decode_payload(part, classes=classes, with_classes=True)
    return found


def _make(
    record: dict[str, Any],
    attempts: list[tuple[list[Any], dict[str, Any]]],
    classes: Mapping[str, type] | None,
) -> BaseException:
    names = _list_names(record)
    for place, spelled in enumerate(names):
        cls = find_class(spelled, classes)
        if cls is None or not extends(cls, BaseException):
            continue
        for arguments, state in attempts:
            try:
                target = cls if place == 0 else _make_class(names[0], cls)
                return make_exception(target, arguments, state)
            except Exception:  # noqa: BLE001, S112 -- what it does not take, or a metaclass raises
                continue
    return make_exception(_make_class(names[0], Exception), attempts[0][0], {})


def _list_names(record: Mapping[str, Any]) -> list[str]:
    names = record.get("mro")
    if type(names) is list and names and all(type(name) is str for name in names):
        return names[:_MAX_NAMES]
    module, _, name = record["type"].rpartition(".")  # what recorders wrote before there was more
    return [f"{module}:{name}", "builtins:Exception"]


def _make_class(spelled: str, base: type) -> type:
    module, _, name = spelled.partition(":")
    short = name.rpartition(".")[2] or "Exception"
    return type(short[:200], (ReplayedError, base), {"__module__": module, "__qualname__": name})
