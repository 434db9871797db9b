"""Where the agent reads: the documentation inside the interpreter, or a folder of the user's."""

from __future__ import annotations

import ast
import os
import pydoc
import re
import sys
import warnings
from pathlib import Path
from pydoc_data import topics
from typing import Final, Protocol

TEXT_SUFFIXES: Final = (".md", ".markdown", ".py", ".rst", ".text", ".txt")
MAX_FILE_BYTES: Final = 1_000_000
MAX_FILES: Final = 2_000

PAGE_ERRORS: Final = (LookupError, OSError)
"""What opening a page raises when there is no such page or it cannot be read."""

# Importing one of these prints, opens a window or a browser, or starts a program.
_UNSAFE_MODULES: Final = frozenset(
    {"antigravity", "idlelib", "lib2to3", "this", "tkinter", "turtle", "turtledemo"}
)


class LibraryError(Exception):
    """A library that cannot be opened. The message says which, why, and what to do."""


class Library(Protocol):
    """A set of titled pages of text."""

    name: str

    def list_titles(self, question: str) -> list[str]:
        """Return the titles of the pages to search for an answer, without repeats."""
        ...

    def open_page(self, title: str) -> str:
        """Return a page's text; one of PAGE_ERRORS when there is no such page."""
        ...


class PythonDocs:
    """The language reference that pydoc carries, and the documentation of standard modules."""

    def __init__(self) -> None:
        """Open the documentation of the running interpreter."""
        self.name = f"the documentation of Python {sys.version_info.major}.{sys.version_info.minor}"

    def list_titles(self, question: str) -> list[str]:
        """Return all topics of the reference, and the standard modules that the question names."""
        words = re.findall(r"\w+", question)
        return list(dict.fromkeys([*sorted(topics.topics), *filter(_is_module, words)]))

    def open_page(self, title: str) -> str:
        """Return a topic's text, or else a module's rendered documentation."""
        try:
            return topics.topics[title]
        except KeyError as missing:
            if _is_module(title):
                return _render_module(title)
            raise LookupError(f"pydoc has no topic and no module {title!r}") from missing


class Folder:
    """The text files below a folder; a page's title is its path from there."""

    def __init__(self, root: Path) -> None:
        """List the files; LibraryError when it is no folder or holds nothing to read."""
        if not root.exists():
            raise LibraryError(f"--folder {root}: there is no such folder; name one that exists.")
        if not root.is_dir():
            raise LibraryError(f"--folder {root}: is a file; name the folder it is in.")
        self.name = f"the folder {root.name or root}"
        self._root = root
        self._titles = _list_files(root)
        if not self._titles:
            kinds = " ".join(TEXT_SUFFIXES)
            raise LibraryError(f"--folder {root}: holds no text; files to read end in {kinds}.")

    def list_titles(self, question: str) -> list[str]:
        """Return the paths of all files."""
        del question
        return self._titles

    def open_page(self, title: str) -> str:
        """Return a file's text (of a Python file: its docstrings)."""
        path = self._root / title
        text = path.read_text(encoding="utf-8", errors="replace")
        return _extract_docstrings(text) if path.suffix == ".py" else text


def _is_module(name: str) -> bool:
    public = name in sys.stdlib_module_names and not name.startswith("_")
    return public and name not in _UNSAFE_MODULES


def _render_module(name: str) -> str:
    """Return what `help(name)` shows, without the bars that pydoc draws and its own preface."""
    try:
        text = pydoc.plain(pydoc.render_doc(name))
    except (ImportError, pydoc.ErrorDuringImport) as failure:
        raise LookupError(f"module {name!r} cannot be imported here: {failure}") from failure
    without_bars = re.sub(r"^( *\| ?)+", "", text, flags=re.MULTILINE)
    return re.sub(r"^MODULE REFERENCE\n(?:[ \t].*\n|\n)*", "", without_bars, flags=re.MULTILINE)


def _list_files(root: Path) -> list[str]:
    """Return the readable files' paths, sorted; hidden folders and huge files are passed over."""
    found: list[str] = []
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        paths = (Path(folder, name) for name in files if name.lower().endswith(TEXT_SUFFIXES))
        found += (path.relative_to(root).as_posix() for path in paths if _is_readable(path))
    return sorted(found)[:MAX_FILES]


def _is_readable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.R_OK) and 0 < path.stat().st_size <= MAX_FILE_BYTES


def _extract_docstrings(source: str) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # remarks on code that is read here, not run
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError):
            return source  # another Python's syntax, or none: read it as text
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    docstrings = (ast.get_docstring(n) for n in ast.walk(tree) if isinstance(n, documented))
    return "\n\n".join(filter(None, docstrings))
