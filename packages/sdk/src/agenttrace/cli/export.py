"""`agenttrace export`: whole runs in the wire format, line for line as they were recorded."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import closing, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from agenttrace.cli.output import end_without_reader, warn, write_bytes
from agenttrace.cli.sources import RUN_HELP, FileOption, RunFinder, find_file
from agenttrace.trace.sources import RecordingError
from agenttrace.trace.visible import escape_json, show_count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agenttrace.trace.sources import RunSource


class Format(StrEnum):
    """How the records are written."""

    NDJSON = "ndjson"
    JSON = "json"


def export_runs(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help=RUN_HELP)],
    *,
    file: FileOption = None,
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

    The result is a recording like any other: `show`, `import` and the server take it. A file is
    replaced when the export is complete, not before.

    For example:

      agenttrace export last > run.jsonl

      agenttrace export 0193a5f0 0193a5f1 --file old.jsonl --out both.jsonl

      agenttrace export last --format json | jq '.[0].name'
    """
    with closing(RunFinder(file)) as finder:
        found = [finder.find(run) for run in dict.fromkeys(runs)]
        chosen = list(dict.fromkeys(found))
        _refuse_own_source(out, [source for source, _ in chosen], find_file(file))
        with _open_target(out) as write:
            count = _write_records(_iterate_lines(chosen), write, format)
    if out != "-":
        warn(f"{show_count(len(chosen), 'run')}, {show_count(count, 'record')} written to {out}")


def _iterate_lines(chosen: list[tuple[RunSource, str]]) -> Iterator[bytes]:
    for source, run_id in chosen:
        yield from source.read_lines(run_id)


def _write_records(
    lines: Iterator[bytes], write: Callable[[bytes], object], format_: Format
) -> int:
    before, between, after = (b"[\n", b",\n", b"\n]\n") if format_ is Format.JSON else (b"",) * 3
    count = 0
    write(before)
    for line in lines:
        if format_ is Format.JSON:
            write((between if count else b"") + line)
        else:
            write(line + b"\n")
        count += 1
    write(after)
    return count


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
        with _replace_file(Path(out)) as file:
            yield file.write
    except OSError as error:
        raise RecordingError(f"cannot write {out}: {error.strerror or error}") from error


@contextmanager
def _replace_file(path: Path) -> Iterator[BinaryIO]:
    """Write beside a file and take its place at the end: a failure leaves what was there."""
    if path.exists() and not path.is_file():  # a device or a pipe has no place to take
        with path.open("wb") as file:
            yield file
        return
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    beside = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        umask = os.umask(0)
        os.umask(umask)
        beside.chmod(path.stat().st_mode if path.exists() else 0o666 & ~umask)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _write_to_terminal(data: bytes) -> None:
    # The same JSON, but nothing in it acts on the terminal.
    try:
        sys.stdout.write(escape_json(data.decode("utf-8", "replace")))
    except OSError as error:
        end_without_reader(error)
