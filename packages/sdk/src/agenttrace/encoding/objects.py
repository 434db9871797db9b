"""What can be asked of an object without running its code: its class's name and its fields."""

from __future__ import annotations

from sys import modules
from typing import Final

UNREADABLE: Final = object()


def name_class(cls: type) -> str:
    """Return `module.Class`; a metaclass that lies about its names gets `object`."""
    try:
        module, name = cls.__module__, cls.__qualname__
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 -- a metaclass may run anything here
        return "object"
    if type(module) is not str or type(name) is not str:
        return "object"
    return _replace_surrogates(f"{module}.{name}").replace("\x00", "\ufffd")[:512]


def _replace_surrogates(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def short_name(value: object) -> str:
    """Return the name of the value's class, without its module."""
    return name_class(type(value)).rpartition(".")[2]


def list_fields(value: object) -> list[str] | None:
    """Return the names of a dataclass's, attrs, msgspec or pydantic object's fields, else None."""
    cls = type(value)
    fields = find_in_class(cls, "__dataclass_fields__")
    if isinstance(fields, dict):
        return [name for name in fields if type(name) is str]
    msgspec = modules.get("msgspec")
    if msgspec is not None and isinstance(cls, type(msgspec.Struct)):
        return list(cls.__struct_fields__)
    attributes = find_in_class(cls, "__attrs_attrs__")
    if isinstance(attributes, tuple):
        return [name for name in (read_field(a, "name") for a in attributes) if type(name) is str]
    if isinstance(find_in_class(cls, "__pydantic_fields__"), dict):
        names = read_field(value, "__dict__")
        extra = read_field(value, "__pydantic_extra__")
        found = [*names] if isinstance(names, dict) else []
        found += [*extra] if isinstance(extra, dict) else []
        return [name for name in found if type(name) is str]
    return None


def find_in_class(cls: type, name: str) -> object:
    """Return what the class or the nearest of its bases has under the name, else None."""
    # Not getattr: a metaclass's __getattr__ (a Mock's, an ORM's) answers to every name.
    for base in type.__dict__["__mro__"].__get__(cls):
        found = type.__dict__["__dict__"].__get__(base).get(name)
        if found is not None:
            return found
    return None


def read_field(value: object, name: str) -> object:
    """Return the attribute, or UNREADABLE when there is none or reading it raises."""
    try:
        try:
            return object.__getattribute__(value, name)
        except AttributeError:
            extra = object.__getattribute__(value, "__pydantic_extra__")
            return extra[name] if type(extra) is dict and name in extra else UNREADABLE
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 -- a property named as a field is user code
        return UNREADABLE
