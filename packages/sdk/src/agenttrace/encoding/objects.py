"""What can be asked of an object without running its code: its class's name and its fields."""

from __future__ import annotations

from itertools import islice
from sys import modules
from types import GetSetDescriptorType, MemberDescriptorType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from agenttrace.encoding.entry import is_main, name_main
from agenttrace.encoding.tree import MAX_NODES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_Item = TypeVar("_Item")
UNREADABLE: Final = object()
_TYPE_DICT: Final = type.__dict__["__dict__"].__get__
_TYPE_MRO: Final = type.__dict__["__mro__"].__get__


def name_class(cls: type) -> str:
    """Return `module.Class`; a metaclass that lies about its names gets `object`."""
    spelled = spell_class(cls)
    return "object" if spelled is None else spelled.replace(":", ".", 1)


def spell_class(cls: type) -> str | None:
    """Return `module:Qualname`, at most 512 characters; None where a metaclass lies about it.

    A class of the main module has the name that its module has where it is imported (`entry`).
    """
    try:
        module, name = cls.__module__, cls.__qualname__
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 -- a metaclass may run anything here
        return None
    if type(module) is not str or type(name) is not str:
        return None
    if is_main(module):
        module = name_main()
    return _replace_surrogates(f"{module}:{name}").replace("\x00", "\ufffd")[:512]


def _replace_surrogates(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def short_name(cls: type) -> str:
    """Return the name of a class, without its module."""
    return name_class(cls).rpartition(".")[2]


def read_mro(cls: type) -> tuple[type, ...]:
    """Return the class and its bases, in the order in which names are looked up."""
    mro: tuple[type, ...] = _TYPE_MRO(cls)
    return mro


def extends(cls: type, base: type) -> bool:
    """Tell whether `base` is the class or one of its bases, by identity."""
    # Neither `in` nor issubclass: a metaclass may have an __eq__, or an opinion on subclasses.
    return any(each is base for each in _TYPE_MRO(cls))


def find_in_class(cls: type, name: str) -> object:
    """Return what the class or the nearest of its bases has under the name, else None."""
    # Not getattr: a metaclass's __getattr__ (a Mock's, an ORM's) answers to every name.
    for base in _TYPE_MRO(cls):
        found: object = _TYPE_DICT(base).get(name)
        if found is not None:
            return found
    return None


def list_slots(cls: type) -> tuple[str, ...]:
    """Return the names of the `__slots__` that classes written in Python have, bases first."""
    names: dict[str, None] = {}
    for base in reversed(_TYPE_MRO(cls)):
        found = _TYPE_DICT(base)
        if "__slots__" in found:
            names.update(
                (name, None)
                for name, value in found.items()
                if type(name) is str and type(value) is MemberDescriptorType
            )
    return tuple(names)


def find_dict_reader(cls: type) -> Callable[[Any], Any] | None:
    """Return what reads the `__dict__` of the objects of a class; None when they have none."""
    descriptor = find_in_class(cls, "__dict__")
    # The interpreter's own, not a property of this name.
    if type(descriptor) is GetSetDescriptorType or type(descriptor) is MemberDescriptorType:
        return descriptor.__get__
    return None


def read_dict(value: object) -> dict[Any, Any] | None:
    """Return the object's own `__dict__`, None when it has none; never a property's answer."""
    read = find_dict_reader(type(value))
    found = None if read is None else read(value)
    return found if isinstance(found, dict) else None


def read_field(value: object, name: str) -> object:
    """Return an attribute that the object itself holds, or its class as a plain default.

    UNREADABLE where there is none, or where only code could say: a property, a lazy column of an
    ORM, a `__getattr__` never runs.
    """
    own = read_dict(value)
    if own is not None and name in own:
        found: object = own[name]
        return found
    cls = type(value)
    for base in _TYPE_MRO(cls):
        members = _TYPE_DICT(base)
        if name not in members:
            continue
        member = members[name]
        if type(member) is MemberDescriptorType:
            try:
                slot: object = member.__get__(value, cls)
            except AttributeError:  # a slot that was never set
                return UNREADABLE
            return slot
        return UNREADABLE if find_in_class(type(member), "__get__") is not None else member
    return UNREADABLE


def list_fields(cls: type) -> tuple[str, tuple[str, ...]] | None:
    """Return what defines the fields of this class and their names, in order; None when nothing.

    `("dataclass" | "attrs" | "struct" | "pydantic", names)`; a pydantic object says its names
    itself, as it may hold more than its class declares.
    """
    fields = find_in_class(cls, "__dataclass_fields__")
    if isinstance(fields, dict):
        return "dataclass", tuple(name for name in fields if type(name) is str)
    msgspec = modules.get("msgspec")
    struct = getattr(msgspec, "Struct", None)
    if isinstance(struct, type) and extends(cls, struct):
        return "struct", tuple(type(struct).__dict__["__struct_fields__"].__get__(cls))
    attributes = find_in_class(cls, "__attrs_attrs__")
    if isinstance(attributes, tuple):
        found = [read_field(each, "name") for each in attributes]
        return "attrs", tuple(name for name in found if type(name) is str)
    if isinstance(find_in_class(cls, "__pydantic_fields__"), dict):
        return "pydantic", ()
    return None


def take_some(items: Iterable[_Item]) -> list[_Item]:
    """Return no more items than make a value be cut: a copy of millions would be in vain."""
    return list(islice(items, MAX_NODES + 2))
