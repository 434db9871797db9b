"""What is known of a class once: its names, how its objects are read, what they may hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias
from weakref import ref

from agenttrace.encoding.classes import find_class
from agenttrace.encoding.objects import (
    extends,
    find_dict_reader,
    list_fields,
    list_slots,
    short_name,
    spell_class,
)
from agenttrace.encoding.opaque import read_opaque
from agenttrace.encoding.readers import OBJECT_READERS, READERS
from agenttrace.encoding.tree import SHOWN, Tree

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace.encoding.freeze import Walk

Reader: TypeAlias = "Callable[[Walk, Any, Layout, int], Tree]"
_MAX_LAYOUTS: Final = 10_000


class Layout:
    """How objects of one class are read.

    `type_of(kind)` is what the map beside a payload says of them; `slots` are those that the class
    adds to what `fields` names, so that nothing an object holds is left out unnoticed.
    """

    __slots__ = (
        "cls",
        "fields",
        "is_found",
        "is_own",
        "names",
        "read",
        "read_own",
        "short",
        "slots",
        "spelled",
        "types",
    )

    def __init__(self, cls: type) -> None:
        self.cls = cls
        self.short = short_name(cls)
        self.spelled = spell_class(cls)
        self.is_found = self.spelled is not None and find_class(self.spelled) is cls
        self.types: dict[str, str] = {}
        self.read_own = find_dict_reader(cls)
        self.is_own = False  # of the kind's own class, not of one that extends it
        self.fields: tuple[str, ...] = ()
        self.names: frozenset[str] = frozenset()
        self.slots: tuple[str, ...] = ()
        self.read: Reader = self._find_reader()
        self.names = frozenset(self.fields)

    def _find_reader(self) -> Reader:
        from agenttrace.encoding.codecs import REGISTRY  # noqa: PLC0415 -- it clears the layouts

        codec = REGISTRY.find(self.cls)
        if codec is not None:
            return codec.read
        for bases, read in READERS:
            own = bases if isinstance(bases, tuple) else (bases,)
            if any(extends(self.cls, each) for each in own):
                self.is_own = any(self.cls is each for each in own)
                if not self.is_own:
                    self.slots = list_slots(self.cls)
                return read
        found = list_fields(self.cls)
        if found is None:
            return read_opaque
        kind, self.fields = found
        self.slots = tuple(name for name in list_slots(self.cls) if name not in self.fields)
        return OBJECT_READERS[kind]

    def type_of(self, kind: str) -> str:
        """Return `kind`, followed by the class unless it is the kind's own."""
        found = self.types.get(kind)
        if found is None:
            found = kind if self.is_own else self.shown()
            if self.is_found and not self.is_own:
                found = f"{kind} {self.spelled}"
            self.types[kind] = found
        return found

    def shown(self) -> str:
        """Return the type of what cannot be made again from its content."""
        return f"{SHOWN} {self.spelled or 'builtins:object'}"


_layouts: dict[int, tuple[ref[type], Layout]] = {}


def find_layout(cls: type) -> Layout:
    """Return the layout of a class, made at its first object."""
    # By id: a metaclass's __hash__ and __eq__ are user code. The reference tells a new class from
    # an old one whose id it has.
    known = _layouts.get(id(cls))
    if known is not None and known[0]() is cls:
        return known[1]
    if len(_layouts) >= _MAX_LAYOUTS:  # a program that makes classes without end
        _layouts.clear()
    layout = Layout(cls)
    _layouts[id(cls)] = (ref(cls), layout)
    return layout


def forget_layouts() -> None:
    """Let every class be looked at anew: what reads it may have changed."""
    _layouts.clear()
