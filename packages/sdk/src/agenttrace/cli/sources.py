"""Which recordings a command reads, and which run it means."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from agenttrace.cli.output import warn
from agenttrace.settings import read_settings
from agenttrace.trace.files import STDIN, FileSource
from agenttrace.trace.sources import (
    LAST,
    RecordingError,
    RunNotFoundError,
    RunSource,
    resolve_only_run,
    resolve_recording,
    resolve_run,
)

if TYPE_CHECKING:
    from agenttrace.cli.server import ServerSource

DEFAULT_FILE: Final = "./traces.jsonl"
FILE_HELP: Final = (
    "The JSONL file to read, or a server's API such as http://localhost:8000/api; - is standard "
    "input. Without it, the one that AGENTTRACE_EXPORTER=jsonl:PATH names, else ./traces.jsonl."
)
RUN_HELP: Final = (
    "A run id, the beginning of one, 'last', a JSONL file that holds one run, or FILE:RUN."
)

FileOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--file", "-f", "--from", metavar="FILE|URL", help=FILE_HELP, show_default=False),
]
JsonOption: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print JSON with GraphQL's names, for programs to read.")
]

_SHOWN_PROBLEMS: Final = 5
_RUN_ID: Final = re.compile(r"[0-9a-f]{4,32}\Z")
_URL: Final = re.compile(r"https?://", re.IGNORECASE)
_PATH: Final = re.compile(r"[/\\]|\.(jsonl|ndjson|json)\Z")


def find_file(file: str | None) -> str:
    """Return the file to read: the one given, the one that the recorder writes, or the default."""
    if file is not None:
        return file
    named = read_settings().exporter or ""
    exporter, _, path = named.partition(":")
    if exporter.strip() == "jsonl" and path:
        return path
    return DEFAULT_FILE


_HINT: Final = (
    "; name another with --file, a server with --from http://localhost:8000/api, or either with "
    "AGENTTRACE_EXPORTER"
)


def open_source(file: str | None) -> FileSource | ServerSource:
    """Return the recordings that a command reads.

    Raises:
        RecordingError: when there is no such file.

    """
    path = find_file(file)
    if is_url(path):
        from agenttrace.cli.server import ServerSource  # noqa: PLC0415 -- files need no HTTP client

        return ServerSource(path)
    if path != STDIN and not Path(path).expanduser().exists():
        hint = "" if file else _HINT
        raise RecordingError(f"there is no file {path}{hint}")
    return FileSource(path)


class RunFinder:
    """Finds what RUN arguments mean; each file is opened and read once."""

    def __init__(self, file: str | None) -> None:
        self._file = file
        self._sources: dict[str | None, FileSource | ServerSource] = {}

    def find(self, wanted: str) -> tuple[RunSource, str]:
        """Return the source of a run and its id.

        Raises:
            RecordingError: when the source cannot be read.
            RunNotFoundError: when no run, or more than one, is meant.

        """
        source, run = self._find_source(wanted)
        return source, resolve_only_run(source) if run is None else resolve_run(source, run)

    def find_recording(self, wanted: str) -> tuple[RunSource, str]:
        """Return the source and the id of a run to replay: `last`, or a file, means no replay.

        Raises:
            RecordingError: when the source cannot be read.
            RunNotFoundError: when no run, or more than one, is meant.

        """
        source, run = self._find_source(wanted)
        return source, resolve_recording(source, run)

    def _find_source(self, wanted: str) -> tuple[RunSource, str | None]:
        """Return a source and which of its runs is wanted; None for the only one."""
        if self._file is None:
            if _is_file(wanted):
                return self._open(wanted), None
            path, _, run = wanted.rpartition(":")
            if path and run and _is_file(path):
                return self._open(path), run
            if is_url(wanted):
                raise RecordingError(f"{wanted} is no run; a server is named with --from URL")
            _refuse_folder(wanted)
            if _PATH.search(wanted):
                raise RecordingError(f"there is no file {wanted}")
        return self._open(self._file), wanted

    def find_all(self, wanted: str) -> list[tuple[RunSource, str]]:
        """Return every run that is meant, oldest first: all of a file, or the one.

        Raises:
            RecordingError: when the source cannot be read.
            RunNotFoundError: when there is none, or more than one begins so.

        """
        if self._file is not None or not _is_file(wanted):
            return [self.find(wanted)]
        source = self._open(wanted)
        found: list[tuple[RunSource, str]] = [(source, each.run_id) for each in source.list_heads()]
        if not found:
            raise RunNotFoundError(f"{source.name} holds no run")
        return found[::-1]

    def open(self) -> FileSource | ServerSource:
        """Return the source that is read when nothing else is said.

        Raises:
            RecordingError: when the source cannot be read.

        """
        return self._open(self._file)

    def close(self) -> None:
        """Close every file, and say which lines could not be read."""
        for source in self._sources.values():
            report_problems(source)
            source.close()

    def _open(self, file: str | None) -> FileSource | ServerSource:
        if file not in self._sources:
            self._sources[file] = open_source(file)
        return self._sources[file]


def report_problems(source: RunSource) -> None:
    """Say on standard error which lines could not be read."""
    problems = sorted(source.problems)
    for problem in problems[:_SHOWN_PROBLEMS]:
        warn(f"{source.name}: line {problem.line} is left out: {problem.message}")
    if len(problems) > _SHOWN_PROBLEMS:
        rest = len(problems) - _SHOWN_PROBLEMS
        warn(f"{source.name}: {rest} more lines are left out")


def _refuse_folder(wanted: str) -> None:
    """Say what a folder holds that may have been meant: a recording is one file."""
    path = Path(wanted).expanduser()
    if wanted == LAST or _RUN_ID.match(wanted) or not path.is_dir():
        return
    found = sorted(each for each in path.iterdir() if each.suffix in {".jsonl", ".ndjson"})
    hint = f", such as {found[0]}" if found else "; this one holds none"
    raise RecordingError(f"{wanted} is a folder: name a JSONL file of it{hint}")


def is_url(text: str) -> bool:
    """Tell whether a source is a server and no file."""
    return _URL.match(text) is not None


def _is_file(text: str) -> bool:
    if text == LAST or _RUN_ID.match(text):
        return False
    return text == STDIN or Path(text).expanduser().is_file()
