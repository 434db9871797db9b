"""The program's main module: its classes are spelled as where it is imported.

`python agent.py`, `python -m agent` and a test that imports `agent` all have the same class; only
in the last it is `agent:Answer` to Python, and `__main__:Answer` in the others. Recorded by the
name that an import has, each finds it again in every other.
"""

from __future__ import annotations

from pathlib import Path
from sys import modules
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MAIN: Final = "__main__"
_MAIN_NAMES: Final = frozenset({MAIN, "__mp_main__"})
"""The second is what multiprocessing calls it in the processes that it spawns."""
_MODULE_DICT: Final[Callable[[Any], Any]] = vars(ModuleType)["__dict__"].__get__
_known: tuple[object, str] = (None, MAIN)


def is_main(module_name: str) -> bool:
    """Tell whether a class's `__module__` is the main module."""
    return module_name in _MAIN_NAMES


def name_main() -> str:
    """Return the name by which others import the main module; `__main__` where none could.

    That is what `-m` was given, or the file's name behind those of the packages that it is in. A
    module of that name that was imported beside it is another one, with classes of its own.
    """
    global _known  # noqa: PLW0603 -- the file system is asked once
    main = modules.get(MAIN)
    if _known[0] is not main:
        _known = (main, _find_name(main))
    name = _known[1]
    return name if modules.get(name) in (None, main) else MAIN


def respell(spelled: str) -> str:
    """Return the name of a class of the main module, `__main__:Answer`, as it is recorded."""
    module_name, _, path = spelled.partition(":")
    return f"{name_main()}:{path}" if is_main(module_name) else spelled


def _find_name(main: object) -> str:
    if not issubclass(type(main), ModuleType):
        return MAIN
    members = _MODULE_DICT(main)
    spec = members.get("__spec__")
    name = getattr(spec, "name", None)
    if type(name) is str and name not in _MAIN_NAMES:
        return name
    file = members.get("__file__")
    return MAIN if type(file) is not str else _name_file(Path(file))


def _name_file(path: Path) -> str:
    """Return the dotted name of a script; the packages that it is in are folders with a file."""
    if path.suffix != ".py" or not path.stem.isidentifier():
        return MAIN
    names = [path.stem]
    for folder in path.absolute().parents:
        if not folder.name.isidentifier() or not (folder / "__init__.py").is_file():
            break
        names.append(folder.name)
    return ".".join(reversed(names))
