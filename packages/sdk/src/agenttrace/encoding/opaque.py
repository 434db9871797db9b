"""What is read of objects that are no data: the bytes of buffers, and names of all others."""

from __future__ import annotations

import re
from binascii import b2a_base64
from types import BuiltinFunctionType, FunctionType
from typing import TYPE_CHECKING, Any, Final

from agenttrace.encoding.classes import find_class
from agenttrace.encoding.objects import find_in_class, name_class, spell_class
from agenttrace.encoding.tree import BUFFER, BYTES, CLASS, OPAQUE, Tag, Tree
from agenttrace.wire import Fidelity

if TYPE_CHECKING:
    from agenttrace.encoding.freeze import Walk
    from agenttrace.encoding.layouts import Layout

_NAME_CHARS: Final = 512
# Items that are addresses differ in equal objects; Zf, Zd and Zg are complex numbers.
_ADDRESSES: Final = re.compile("[OPXz&]|Z(?![fdg])")


def read_opaque(walk: Walk, value: Any, layout: Layout, _depth: int) -> Tree:
    """Return the bytes of an array and the like; of anything else the name of its class.

    A class or a function has its own name after that: `tools=[search]` is not `tools=[delete]`.
    """
    buffer = _read_buffer(walk, value, layout)
    if buffer is not None:
        return buffer
    name = _name_itself(value)
    shown = name_class(layout.cls) if name is None else f"{name_class(layout.cls)} {name}"
    if walk.with_classes and issubclass(type(value), type):
        spelled = spell_class(value)
        if spelled is not None and find_class(spelled) is value:
            return Tag(OPAQUE, shown, type=f"{CLASS} {spelled}")
    return walk.mark(Tag(OPAQUE, shown), Fidelity.OPAQUE)


def _name_itself(value: Any) -> str | None:
    """Return the name of a class or function, without its module; None of anything else."""
    if issubclass(type(value), type):
        spelled = spell_class(value)
        return None if spelled is None else spelled.partition(":")[2]
    if type(value) is FunctionType:
        return value.__qualname__[:_NAME_CHARS]
    return value.__name__ if type(value) is BuiltinFunctionType else None


def _read_buffer(walk: Walk, value: Any, layout: Layout) -> Tree | None:
    """Return the type, format, shape and bytes of an array and the like; None if it is none."""
    if type(find_in_class(layout.cls, "__buffer__")) is FunctionType:
        return None  # user code
    try:
        view = memoryview(value)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 -- TypeError for what is no buffer; an extension may raise anything
        return None
    with view:
        if _ADDRESSES.search(view.format):
            return None
        name = f"{layout.short} {view.format} {'x'.join(map(str, view.shape or ()))}"
        return Tag(BUFFER, write_buffer(walk, view, described=""), name, type=layout.shown())


def write_buffer(walk: Walk, view: memoryview, *, described: str = BYTES) -> Tree:
    """Return the bytes of a buffer as base64, or what stands for one that is too long."""
    chars = view.nbytes * 4 // 3
    walk.text_chars += chars
    if walk.is_text_full():
        return walk.cut_text(chars)
    return Tag(BYTES, write_base64(view.tobytes()), type=described)


def write_base64(data: bytes | memoryview) -> str:
    """Return base64 of some bytes, without line breaks."""
    return b2a_base64(data, newline=False).decode("ascii")
