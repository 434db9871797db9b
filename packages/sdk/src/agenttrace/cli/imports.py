"""`agenttrace import`: recordings into another file or a server, each line checked before."""

from __future__ import annotations

import logging
import re
import sys
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Final, NamedTuple

import typer

from agenttrace.cli.output import EXIT_FAILED, warn
from agenttrace.cli.progress import Progress
from agenttrace.cli.shapes import print_json
from agenttrace.pipeline.batch import RecordBatch
from agenttrace.plugins.manager import PluginManager
from agenttrace.settings import read_settings
from agenttrace.trace.files import STDIN
from agenttrace.trace.reading import iterate_lines
from agenttrace.trace.sources import RecordingError
from agenttrace.trace.visible import show_count
from agenttrace.wire.additions import parse_any
from agenttrace.wire.validation import MAX_LINE_BYTES, WireError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agenttrace.pipeline.export import Exporter, ExportResult
    from agenttrace.trace.reading import Line

BATCH_RECORDS: Final = 500
BATCH_BYTES: Final = 1024 * 1024

_SHOWN_ERRORS: Final = 20
_KEPT_ERRORS: Final = 1_000
_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 5.0
_FLUSH_TIMEOUT_S: Final = 60.0
_DIGEST_BYTES: Final = 16
_SENTENCE_END: Final = re.compile(r"\. (?=[A-Z])")


class _Refusal(NamedTuple):
    file: str
    line: int
    reason: str


class _Placed(NamedTuple):
    file: str
    number: int
    text: bytes


def import_files(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="JSONL files; - is standard input.")
    ],
    *,
    to: Annotated[
        str,
        typer.Option(
            metavar="FILE|URL",
            help="A file, a server's API such as http://localhost:8000/api, or any exporter by "
            "name, as in jsonl:PATH.",
        ),
    ],
    timeout_s: Annotated[
        float,
        typer.Option("--timeout", min=0, help="Seconds to wait for a server that is away."),
    ] = 30.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what became of the lines as JSON.")
    ] = False,
) -> None:
    """Send recordings to a server, or add them to a file; lines that are no records are refused.

    Importing twice changes nothing: a server knows what it has, and a line that a file holds
    already is not added again. Exit code 1 when a line was refused.

    For example:

      agenttrace import traces.jsonl --to http://localhost:8000/api

      agenttrace import old/*.jsonl --to all.jsonl

      zcat old.jsonl.gz | agenttrace import - --to all.jsonl
    """
    _check_files(files, to)
    with _open_exporter(to) as (exporter, said):
        importer = _Importer(exporter, said, known=_read_known(to), timeout_s=timeout_s)
        for file in files:
            importer.take_file(file)
        importer.finish()
    importer.report(to, as_json=as_json)
    if importer.refused:
        raise typer.Exit(EXIT_FAILED)


class _Importer:
    """Lines on their way to an exporter, and what became of them."""

    def __init__(
        self, exporter: Exporter, said: list[str], *, known: set[bytes] | None, timeout_s: float
    ) -> None:
        self.accepted = self.skipped = self.refused = 0
        self._refusals: list[_Refusal] = []
        self._exporter = exporter
        self._said = said
        self._known = known
        self._timeout_s = timeout_s
        self._batch: list[_Placed] = []
        self._batch_bytes = 0
        self._progress = Progress()

    def take_file(self, file: str) -> None:
        """Check every line of a file and send those that are records."""
        name = "standard input" if file == STDIN else file
        try:
            with _open_input(file) as stream:
                for line in iterate_lines(stream):
                    self._take(name, line)
                    self._progress.show(lambda: self._describe_progress(name))
        except OSError as error:
            raise RecordingError(f"cannot read {name}: {error.strerror or error}") from error

    def finish(self) -> None:
        """Send what is left, and make it durable."""
        self._send()
        self._progress.clear()
        if not self._exporter.flush(timeout_s=_FLUSH_TIMEOUT_S):
            raise RecordingError(self._describe_failure("the records may not be on the disk"))

    def report(self, to: str, *, as_json: bool) -> None:
        """Say what became of the lines: on standard error, or as JSON."""
        for refusal in self._refusals[:_SHOWN_ERRORS]:
            warn(f"{refusal.file}: line {refusal.line} is refused: {refusal.reason}")
        if self.refused > _SHOWN_ERRORS:
            warn(f"{self.refused - _SHOWN_ERRORS:,} more lines are refused")
        known = f", {self.skipped:,} known already" if self.skipped else ""
        refused = f", {self.refused:,} refused" if self.refused else ""
        warn(f"{show_count(self.accepted, 'record')} imported into {to}{known}{refused}")
        if as_json:
            print_json(self._shape())

    def _shape(self) -> dict[str, Any]:
        errors = []
        for refusal in self._refusals:
            code, _, message = refusal.reason.partition(": ")
            found = {"file": refusal.file, "line": refusal.line, "code": code, "message": message}
            errors.append(found)
        return {
            "accepted": self.accepted,
            "skipped": self.skipped,
            "rejected": self.refused,
            "errors": errors,
        }

    def _take(self, name: str, line: Line) -> None:
        try:
            _check_line(line)
        except WireError as error:
            self._refuse(name, line.number, f"{error.code}: {error.message}")
            return
        if self._known is not None:
            digest = _digest(line.text)
            if digest in self._known:
                self.skipped += 1
                return
            self._known.add(digest)
        self._batch.append(_Placed(name, line.number, line.text))
        self._batch_bytes += len(line.text)
        if len(self._batch) >= BATCH_RECORDS or self._batch_bytes >= BATCH_BYTES:
            self._send()

    def _refuse(self, file: str, line: int, reason: str) -> None:
        self.refused += 1
        if len(self._refusals) < _KEPT_ERRORS:
            self._refusals.append(_Refusal(file, line, reason))

    def _send(self) -> None:
        batch, self._batch, self._batch_bytes = self._batch, [], 0
        if not batch:
            return
        result = self._export(RecordBatch([placed.text for placed in batch]))
        if result.kind == "stopped":
            raise RecordingError(self._describe_failure(result.reason or "it takes no records"))
        reasons = result.reasons
        if len(reasons) == len(batch) and all(map(_is_of_all, reasons.values())):
            raise RecordingError(self._describe_failure(next(iter(reasons.values()))))
        for index, placed in enumerate(batch):
            if index in reasons:
                self._refuse(placed.file, placed.number, reasons[index])
            else:
                self.accepted += 1

    def _export(self, batch: RecordBatch) -> ExportResult:
        deadline, pause_s = monotonic() + self._timeout_s, _FIRST_PAUSE_S
        while True:
            result = self._exporter.export(batch)
            if result.kind != "retry":
                return result
            wait_s = min(pause_s if result.after_s is None else result.after_s, _LONGEST_PAUSE_S)
            if monotonic() + wait_s > deadline:
                raise RecordingError(self._describe_failure("it does not answer"))
            sleep(wait_s)
            pause_s *= 2

    def _describe_progress(self, name: str) -> str:
        taken = show_count(self.accepted + self.skipped, "record")
        return f"{name[:40]}: {taken}, {self.refused:,} refused"

    def _describe_failure(self, reason: str) -> str:
        self._progress.clear()
        # The exporter warns a program that goes on; of that, only what went wrong matters here.
        said = self._said[-1] if self._said else reason
        why = _SENTENCE_END.split(said, maxsplit=1)[0].rstrip(".")
        return f"{why}. {show_count(self.accepted, 'record')} imported before"


def _check_line(line: Line) -> None:
    if line.is_too_long:
        raise WireError("too_large", f"the line has more than {MAX_LINE_BYTES} bytes")
    parse_any(line.text)


def _is_of_all(reason: str) -> bool:
    """Tell whether a reason concerns the target and not one line."""
    return reason.startswith(("write_failed", "status "))


def _check_files(files: list[str], to: str) -> None:
    written = _find_path(to)
    if written is not None and (written.endswith("/") or Path(written).expanduser().is_dir()):
        raise typer.BadParameter(f"{written} is a folder; name a file in it", param_hint="'--to'")
    for file in files:
        path = Path(file).expanduser()
        if file == STDIN:
            continue
        if not path.exists():
            raise RecordingError(f"there is no file {file}")
        if path.is_dir():
            raise RecordingError(f"cannot read {file}: Is a directory")
        target = Path(written or "")
        if target.is_file() and target.samefile(path):
            raise typer.BadParameter(f"{file} is what is read", param_hint="'--to'")


def _find_path(to: str) -> str | None:
    """Return the path of a target that is a file; None for any other exporter."""
    name, separator, rest = to.partition(":")
    if separator and name == "jsonl":
        return rest
    return None if separator and (rest.startswith("//") or name.isidentifier()) else to


@contextmanager
def _open_exporter(to: str) -> Iterator[tuple[Exporter, list[str]]]:
    path = _find_path(to)
    manager = PluginManager(settings=read_settings())
    _, exporter = manager.make_exporter(to if path is None else f"jsonl:{path}")
    said: list[str] = []
    handler = _Listener(said)
    logger = logging.getLogger("agenttrace")
    was_propagated, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield exporter, said
    finally:
        exporter.shutdown(timeout_s=_FLUSH_TIMEOUT_S)
        logger.removeHandler(handler)
        logger.propagate = was_propagated


class _Listener(logging.Handler):
    """Keeps what the exporter warns of, to say it in the command's own words."""

    def __init__(self, said: list[str]) -> None:
        super().__init__()
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        self._said.append(record.getMessage())


def _read_known(to: str) -> set[bytes] | None:
    """Return digests of the lines that a target file holds; None for any other target."""
    path = _find_path(to)
    if path is None:
        return None
    target = Path(path).expanduser()
    if not target.is_file():  # a device or a pipe does not tell what it holds
        return None if target.exists() else set()
    try:
        with target.open("rb") as file:
            return {_digest(line.text) for line in iterate_lines(file)}
    except OSError as error:
        raise RecordingError(f"cannot read {path}: {error.strerror or error}") from error


def _digest(text: bytes) -> bytes:
    return blake2b(text, digest_size=_DIGEST_BYTES).digest()


@contextmanager
def _open_input(file: str) -> Iterator[BinaryIO]:
    if file == STDIN:
        yield sys.stdin.buffer
        return
    with Path(file).expanduser().open("rb") as stream:
        yield stream
