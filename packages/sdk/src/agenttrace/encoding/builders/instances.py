"""Objects: enum members, dataclasses, attrs, msgspec and pydantic objects, exceptions, codecs'."""

from __future__ import annotations

from contextlib import suppress
from enum import Enum, Flag
from typing import TYPE_CHECKING, Any

from agenttrace.encoding.builders.shapes import (
    Builder,
    expect,
    expect_tag,
    find_base,
    find_kind,
    restore,
    set_slot,
)
from agenttrace.encoding.exceptions import restore_special
from agenttrace.encoding.objects import (
    UNREADABLE,
    extends,
    find_in_class,
    list_fields,
    read_dict,
)
from agenttrace.encoding.tree import OPAQUE
from agenttrace.errors import DecodeError

if TYPE_CHECKING:
    from agenttrace.encoding.decode import Decoder


def build_enum(decoder: Decoder, content: Any, argument: str, _extra: Any, _: int) -> Any:
    """Return the member of this name."""
    spelled, _sep, name = argument.partition(" ")
    cls = find_kind(decoder, spelled, Enum)
    members = find_in_class(cls, "_member_map_")
    found = members.get(name, UNREADABLE) if isinstance(members, dict) else UNREADABLE
    if found is not UNREADABLE:
        return found
    is_tame = find_in_class(cls, "_missing_") is vars(Flag).get("_missing_")
    if extends(cls, Flag) and type(content) is int and (is_tame or not decoder.is_check):
        return cls(content)  # several flags together are no member
    raise DecodeError(f"{spelled[:200]!r} has no member {name[:200]!r}", spelled)


def _find_object(decoder: Decoder, spelled: str, kind: str) -> tuple[type, tuple[str, ...]]:
    cls = find_kind(decoder, spelled, object)
    found = list_fields(cls)
    if found is None or found[0] != kind:
        raise DecodeError(f"class {spelled[:200]!r} is no {kind}", spelled)
    return cls, found[1]


def _is_class_variable(cls: type, name: str) -> bool:
    fields: Any = find_in_class(cls, "__dataclass_fields__")
    import dataclasses  # noqa: PLC0415 -- loaded where there is a dataclass

    return fields[name]._field_type is not dataclasses._FIELD  # type: ignore[attr-defined]  # noqa: SLF001 -- what `fields()` goes by


def build_fields(kind: str) -> Builder:
    """Return a builder of dataclasses or attrs objects."""

    def build(decoder: Decoder, content: Any, argument: str, extra: dict[str, Any], _: int) -> Any:
        cls, names = _find_object(decoder, argument, kind)
        members = expect(content, dict)
        if members.keys() != set(names):
            raise DecodeError(f"the fields of {argument[:200]!r} are others", argument)
        made = find_base(cls).__new__(cls)
        own = read_dict(made)
        for name, value in members.items():
            if kind == "dataclass" and _is_class_variable(cls, name):
                continue
            if not set_slot(made, name, value):
                if own is None:
                    raise DecodeError(f"{argument[:200]!r} has no place for {name[:200]!r}")
                own[name] = value
        return restore(decoder, made, extra, *names)

    return build


def build_struct(
    decoder: Decoder, content: Any, argument: str, extra: dict[str, Any], _: int
) -> Any:
    """Return a msgspec struct; its `__post_init__` runs, so there is none in a check."""
    cls, names = _find_object(decoder, argument, "struct")
    if expect(content, dict).keys() != set(names):
        raise DecodeError(f"the fields of {argument[:200]!r} are others", argument)
    if decoder.is_check and find_in_class(cls, "__post_init__") is not None:
        raise DecodeError(f"{argument[:200]!r} runs code of its own when it is made", argument)
    return restore(decoder, cls(**content), extra, *names)


def build_pydantic(
    decoder: Decoder, content: Any, argument: str, extra: dict[str, Any], _: int
) -> Any:
    """Return a pydantic model with the state that it had: nothing is validated anew."""
    cls, _names = _find_object(decoder, argument, "pydantic")
    members = expect(content, dict)
    more = extra.get("extra", [])
    given = extra.get("set", [*members])
    for names in (more, given):
        if type(names) is not list or not all(type(name) is str for name in names):
            raise DecodeError("the names of a model's fields are no list of texts")
    if not members.keys() >= set(more):
        raise DecodeError("a model has extra fields that it does not have")
    made: Any = object.__new__(cls)
    is_open = _allows_extra(cls)
    if more and not is_open:
        raise DecodeError(f"{argument[:200]!r} takes no extra fields", argument)
    object.__setattr__(
        made, "__dict__", {name: each for name, each in members.items() if name not in more}
    )
    private = decoder.decode_state(extra, "private")
    state = {
        "__pydantic_fields_set__": set(given),
        "__pydantic_extra__": {name: members[name] for name in more} if is_open else None,
        "__pydantic_private__": private or _empty_private(cls),
    }
    for name, value in state.items():
        if not set_slot(made, name, value):
            raise DecodeError(f"class {argument[:200]!r} is no pydantic model", argument)
    return made


def _allows_extra(cls: type) -> bool:
    config = find_in_class(cls, "model_config")
    return isinstance(config, dict) and config.get("extra") == "allow"


def _empty_private(cls: type) -> dict[str, Any] | None:
    return {} if find_in_class(cls, "__private_attributes__") else None


def build_exception(
    decoder: Decoder, content: Any, argument: str, extra: dict[str, Any], _: int
) -> Any:
    """Return an exception with its arguments and attributes, without a traceback."""
    cls = find_kind(decoder, argument, BaseException)
    state = decoder.decode_state(extra, "attributes")
    return make_exception(cls, expect(content, list), state)


def build_class(decoder: Decoder, content: Any, argument: str, _extra: Any, _: int) -> Any:
    """Return the class of this name, as the arguments of an exception may hold one."""
    expect_tag(content, f"${OPAQUE}")
    if not (decoder.with_classes or decoder.is_check):
        raise DecodeError("a class stands outside of an exception", argument)
    return decoder.find(argument)


def make_exception(cls: type, arguments: list[Any], state: dict[str, Any]) -> BaseException:
    """Return an exception of this class; no `__new__`, `__init__` of its own runs."""
    base: Any = find_base(cls)
    # A built-in one is made whole: UnicodeDecodeError and the like keep nothing in args otherwise.
    made: BaseException = base(*arguments) if base is cls else base.__new__(cls, *arguments)
    if base is not cls:
        with suppress(TypeError):  # a class may give itself arguments that its base does not take
            base.__init__(made, *arguments)
    BaseException.__dict__["args"].__set__(made, tuple(arguments))
    own = read_dict(made)
    for name, value in restore_special(made, state).items():
        if not set_slot(made, name, value) and own is not None:
            own[name] = value
    return made


def build_codec(
    decoder: Decoder, content: Any, argument: str, _extra: dict[str, Any], _: int
) -> Any:
    """Return what a registered codec makes of the content."""
    from agenttrace.encoding.codecs import REGISTRY  # noqa: PLC0415 -- few payloads have one

    name, _sep, rest = argument.partition(" ")
    version, _sep, spelled = rest.partition(" ")
    codec = REGISTRY.find_named(name)
    if codec is None or str(codec.version) != version:
        raise DecodeError(f"codec {name[:100]!r} of version {version[:20]!r} is not registered")
    cls = find_kind(decoder, spelled, object)
    if REGISTRY.find(cls) is not codec:
        raise DecodeError(f"codec {name[:100]!r} is not for {spelled[:200]!r}", spelled)
    made = codec.spec.decode(content, cls)
    if type(made) is not cls:
        raise DecodeError(f"codec {name[:100]!r} made no {spelled[:200]!r}", spelled)
    return made
