"""`agenttrace export`: whole runs in the wire format, line for line as they were recorded."""

from __future__ import annotations

import sys
from contextlib import closing, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from agenttrace.cli.filters import (
    CorrelationOption,
    ErrorOption,
    NameOption,
    SinceOption,
    StatusOption,
    TagOption,
    read_wanted,
)
from agenttrace.cli.output import end_without_reader, warn, write_bytes
from agenttrace.cli.progress import Progress
from agenttrace.cli.sources import RUN_HELP, FileOption, RunFinder, find_file
from agenttrace.cli.targets import replace_file
from agenttrace.trace.files import FileSource
from agenttrace.trace.sources import RecordingError, RunNotFoundError
from agenttrace.trace.visible import escape_json, show_count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agenttrace.cli.filters import Wanted
    from agenttrace.cli.server import ServerSource
    from agenttrace.trace.sources import RunSource

_BYTES_PER_MB: Final = 1_000_000


class Format(StrEnum):
    """How the records are written."""

    NDJSON = "ndjson"
    JSON = "json"


def export_runs(  # noqa: PLR0913 -- an option each
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="RUN", help=RUN_HELP, show_default=False),
    ] = None,
    *,
    file: FileOption = None,
    status: StatusOption = None,
    name: NameOption = None,
    tag: TagOption = None,
    correlation_id: CorrelationOption = None,
    since: SinceOption = None,
    has_error: ErrorOption = None,
    every: Annotated[bool, typer.Option("--all", help="Every run that there is.")] = False,
    out: Annotated[
        str,
        typer.Option("--out", "-o", metavar="FILE", help="Where to; - is standard output."),
    ] = "-",
    format: Annotated[  # noqa: A002 -- the option's name
        Format,
        typer.Option(help="ndjson: a record a line, as recorded. json: one array of the same."),
    ] = Format.NDJSON,
) -> None:
    """Write whole runs in the wire format, byte for byte as they were recorded.

    The runs are those that are named, or those that the options say, newest first. From a server
    they come as it has them, with what people added to them. The result is a recording like any
    other: `show`, `import` and the server take it. A file is replaced when the export is complete,
    not before; an export that is cut off ends with code 4.

    For example:

      agenttrace export last > run.jsonl

      agenttrace export 0193a5f0 0193a5f1 --file old.jsonl --out both.jsonl

      agenttrace export --from http://localhost:8000/api --since 7d --has-error --out week.jsonl

      agenttrace export last --format json | jq '.[0].name'
    """
    wanted = read_wanted(
        status=status,
        name=name,
        tag=tag,
        correlation_id=correlation_id,
        since=since,
        has_error=has_error,
    )
    _check_choice(runs or [], wanted, is_every=every)
    with closing(RunFinder(file)) as finder:
        if runs:
            found = [finder.find(run) for run in dict.fromkeys(runs)]
            chosen = iter(dict.fromkeys(found))
            sources = [source for source, _ in found]
        else:
            source = finder.open()
            chosen = ((source, run_id) for run_id in _iterate_ids(source, wanted))
            sources = [source]
        _refuse_own_source(out, sources, find_file(file))
        export = _Export(chosen, are_named=bool(runs))
        with _open_target(out) as write:
            export.write(write, format)
    if out != "-":
        warn(f"{export.describe()} written to {out}")
    elif not export.runs:
        warn("there is no run like that")


def _check_choice(runs: list[str], wanted: Wanted, *, is_every: bool) -> None:
    ways = [bool(runs), not wanted.is_empty, is_every]
    if sum(ways) > 1:
        raise typer.BadParameter("name runs, or filter them, or say --all: one of these alone")
    if not any(ways):
        raise typer.BadParameter(
            "no run is named; name some, filter them as with --since 7d, or say --all"
        )


def _iterate_ids(source: FileSource | ServerSource, wanted: Wanted) -> Iterator[str]:
    if isinstance(source, FileSource):
        return (run.run_id for run in source.summarize_runs() if wanted.takes(run))
    return (head.run_id for head in source.iterate_heads(wanted))


class _Export:
    """Runs on their way out, one by one and line by line, and how many they were."""

    def __init__(self, chosen: Iterator[tuple[RunSource, str]], *, are_named: bool) -> None:
        self.runs = self.records = self.size_bytes = 0
        self._chosen = chosen
        self._are_named = are_named
        self._progress = Progress()

    def describe(self) -> str:
        """Return how much was written so far."""
        return f"{show_count(self.runs, 'run')}, {show_count(self.records, 'record')}"

    def write(self, write: Callable[[bytes], object], format_: Format) -> None:
        """Write all of them."""
        try:
            _write_records(self._iterate_lines(), write, format_)
        finally:
            self._progress.clear()

    def _iterate_lines(self) -> Iterator[bytes]:
        for source, run_id in self._chosen:
            self.runs += 1
            try:
                for line in source.read_lines(run_id):
                    yield line
                    self.records += 1
                    self.size_bytes += len(line)
                    self._progress.show(self._describe_progress)
            except RunNotFoundError:
                if self._are_named:
                    raise
                # Nothing of it was written: it is found out before the first line.
                self.runs -= 1
                self._progress.clear()
                warn(f"run {run_id} was deleted meanwhile, and is left out")

    def _describe_progress(self) -> str:
        return f"{self.describe()}, {self.size_bytes / _BYTES_PER_MB:,.1f} MB"


def _write_records(
    lines: Iterator[bytes], write: Callable[[bytes], object], format_: Format
) -> None:
    if format_ is Format.NDJSON:
        for line in lines:
            write(line + b"\n")
        return
    write(b"[\n")
    for at, line in enumerate(lines):
        write((b",\n" if at else b"") + line)
    write(b"\n]\n")


def _refuse_own_source(out: str, sources: list[RunSource], default: str) -> None:
    target = Path(out)
    for source in [Path(default), *(Path(source.name) for source in sources)]:
        if out != "-" and target.exists() and source.exists() and target.samefile(source):
            raise typer.BadParameter(
                f"{out} is what is read; write to another file", param_hint="'--out'"
            )


@contextmanager
def _open_target(out: str) -> Iterator[Callable[[bytes], object]]:
    if out == "-":
        yield _write_to_terminal if sys.stdout.isatty() else write_bytes
        return
    try:
        with replace_file(Path(out)) as file:
            yield file.write
    except OSError as error:
        raise RecordingError(f"cannot write {out}: {error.strerror or error}") from error


def _write_to_terminal(data: bytes) -> None:
    # The same JSON, but nothing in it acts on the terminal.
    try:
        sys.stdout.write(escape_json(data.decode("utf-8", "replace")))
    except OSError as error:
        end_without_reader(error)
