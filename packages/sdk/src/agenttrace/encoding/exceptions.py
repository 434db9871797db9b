"""What an exception holds beside its class and arguments, read without running its code."""

from __future__ import annotations

from typing import Any, Final

from agenttrace.encoding.objects import UNREADABLE, list_slots, read_dict, read_field

# What C code keeps in places of its own, which neither args nor __dict__ show.
_SPECIAL: Final[tuple[tuple[type[BaseException], tuple[str, ...]], ...]] = (
    (OSError, ("errno", "strerror", "filename", "filename2")),
    (ImportError, ("name", "path")),
    (NameError, ("name",)),
    (AttributeError, ("name",)),
    (SystemExit, ("code",)),
    (StopIteration, ("value",)),
)


def read_arguments(error: BaseException) -> list[object]:
    """Return `args` as the interpreter holds them."""
    return list(BaseException.__dict__["args"].__get__(error))


def read_attributes(error: BaseException) -> dict[str, Any]:
    """Return what its `__dict__` and slots hold, notes included, by name."""
    found = {name: each for name, each in (read_dict(error) or {}).items() if type(name) is str}
    for name in list_slots(type(error)):
        slot = read_field(error, name)
        if slot is not UNREADABLE:
            found[name] = slot
    return found


def read_special(error: BaseException) -> dict[str, Any]:
    """Return what the interpreter's own exceptions keep beside `args`, where there is any."""
    found: dict[str, Any] = {}
    for kind, names in _SPECIAL:
        if issubclass(type(error), kind):
            for name in names:
                value = vars(kind)[name].__get__(error)
                if value is not None:
                    found[name] = value
    return found


def restore_special(error: BaseException, state: dict[str, Any]) -> dict[str, Any]:
    """Put back what `read_special` found, and return the rest of `state`."""
    rest = dict(state)
    for kind, names in _SPECIAL:
        if issubclass(type(error), kind):
            for name in names:
                if name in rest:
                    vars(kind)[name].__set__(error, rest.pop(name))
    return rest
