"""What all builders need: checks of a content's shape, of a class's kind, and an object's state."""

from __future__ import annotations

import re
from enum import Enum, Flag, IntFlag
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from agenttrace.encoding.objects import extends, find_in_class, read_dict, read_mro
from agenttrace.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace.encoding.decode import Decoder

Builder: TypeAlias = "Callable[[Decoder, Any, str, dict[str, Any], int], Any]"
"""Takes the decoder, the content with its parts already made, the argument that stands after the
kind, what else the descriptor holds, and how many wild objects there were before the content."""

INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]{0,4299})", re.ASCII)
_HEAP_TYPE: Final = 1 << 9  # Py_TPFLAGS_HEAPTYPE: of a class that Python code made
_TAME: Final = frozenset(
    id(each)
    for kind in (Enum, Flag, IntFlag)
    for name in ("__hash__", "__eq__")
    if (each := vars(kind).get(name)) is not None
)


def expect(content: Any, *kinds: type) -> Any:
    """Return the content, which is of one of these types."""
    if type(content) not in kinds:
        names = " or ".join(kind.__name__ for kind in kinds)
        raise DecodeError(f"a type stands at a {type(content).__name__}; expected {names}")
    return content


def expect_tag(content: Any, name: str) -> str:
    """Return the text that stands under a tag."""
    if type(content) is not dict or content.keys() != {name} or type(content[name]) is not str:
        raise DecodeError(f'a type stands where {{"{name}": text}} is expected')
    text: str = content[name]
    return text


def find_base(cls: type) -> Any:
    """Return the nearest base that is not written in Python: it knows how to make its objects."""
    for base in read_mro(cls):
        if not base.__flags__ & _HEAP_TYPE:
            return base
    return object


def find_kind(decoder: Decoder, spelled: str, base: type) -> type:
    """Return the class of this name, which extends `base`."""
    cls = decoder.find(spelled)
    if not extends(cls, base):
        raise DecodeError(f"class {spelled[:200]!r} is no {base.__name__}", spelled)
    decoder.wild += not has_tame_hash(cls)
    return cls


def has_tame_hash(cls: type) -> bool:
    """Tell whether hash and equality of its objects are the interpreter's or were generated."""
    for name in ("__hash__", "__eq__"):
        found = find_in_class(cls, name)
        code = getattr(found, "__code__", None)
        if code is None or id(found) in _TAME:
            continue
        # dataclasses and attrs compile theirs from a text, which has no file.
        if not code.co_filename.startswith("<"):
            return False
    return True


def check_hashes(decoder: Decoder, before: int) -> None:
    """Raise DecodeError in a check when what was made since `before` has a hash of its own."""
    if decoder.is_check and decoder.wild > before:
        raise DecodeError("members of a set or keys of a dict have a hash of their own")


def restore(decoder: Decoder, made: Any, extra: dict[str, Any], *known: str) -> Any:
    """Put back what an object held beside its content; `known` are its fields."""
    state = decoder.decode_state(extra, "attributes")
    own = read_dict(made)
    for name, value in state.items():
        if name in known:
            raise DecodeError(f"{name[:200]!r} stands among the attributes and the fields")
        if set_slot(made, name, value):
            continue
        if own is None:
            raise DecodeError(f"a {type(made).__name__} has no place for {name[:200]!r}")
        own[name] = value
    return made


def set_slot(made: object, name: str, value: object) -> bool:
    """Set a slot of a class that Python code made; False when there is none of this name."""
    for base in read_mro(type(made)):
        member = vars(base).get(name)
        if type(member) is MemberDescriptorType:
            if not base.__flags__ & _HEAP_TYPE:
                return False
            member.__set__(made, value)
            return True
    return False
