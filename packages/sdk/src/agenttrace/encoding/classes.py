"""Classes by their names: only those that are loaded, found without running any code."""

from __future__ import annotations

from sys import modules
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from agenttrace.encoding.entry import MAIN, name_main, respell
from agenttrace.encoding.objects import spell_class

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MODULE_DICT: Final[Callable[[Any], Any]] = vars(ModuleType)["__dict__"].__get__
_TYPE_DICT: Final = type.__dict__["__dict__"].__get__


def pick_class(described: str) -> str:
    """Return the class that a type names, as `module:Qualname`; empty when it names none."""
    return next((part for part in described.split(" ") if ":" in part), "")


def find_class(spelled: str, allowed: Mapping[str, type] | None = None) -> type | None:
    """Return the class that is spelled `module:Qualname`, None when no loaded module has it.

    `allowed` holds classes by that name which count before the loaded ones. A module's
    `__getattr__` and a class's descriptors are not asked: nothing is imported, no code runs.
    """
    if allowed is not None and spelled in allowed:
        return allowed[spelled]
    spelled = respell(spelled)
    module_name, _, path = spelled.partition(":")
    module = modules.get(MAIN if module_name == name_main() else module_name)
    if not issubclass(type(module), ModuleType):
        return None
    found: object = None
    members = _MODULE_DICT(module)
    for name in path.split("."):
        found = members.get(name)
        if not issubclass(type(found), type):
            return None
        members = _TYPE_DICT(found)
    # A name that was given to another class since, or to a class of another place, is not meant.
    assert isinstance(found, type)
    return found if spell_class(found) == spelled else None


def describe_missing(spelled: str) -> str:
    """Return why nothing can be made of a class: it is not loaded, or gone, or takes nothing."""
    module, _, name = spelled[:200].partition(":")
    if find_class(spelled) is not None:
        return f"what was recorded of it does not make a {name!r} of module {module!r}"
    if _is_loaded(module):
        return f"module {module!r} has no class {name!r} now"
    return f"class {spelled[:200]!r} is not loaded"


def describe_way(spelled: str, *, is_shown_only: bool = False) -> str:
    """Return what to do where nothing can be made of a class."""
    module, _, name = spelled[:200].partition(":")
    if is_shown_only or find_class(spelled) is not None:
        return "register_codec() teaches the recorder the class; then record anew"
    if "<locals>" in name:
        return "nothing finds a class within a function: move it to its module, and record anew"
    if _is_loaded(module):
        short = name.rpartition(".")[2]
        return f"was it renamed? give what it is now with classes={{{spelled[:200]!r}: {short}}}"
    return f"import {module}, or give the class with classes="


def _is_loaded(module: str) -> bool:
    return module in modules or module == name_main()
