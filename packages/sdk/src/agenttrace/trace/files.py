"""A JSONL file as a source of runs: read line by line, payloads of other runs never held."""

from __future__ import annotations

import sys
import tempfile
from array import array
from errno import EFBIG
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, Final, Self

import msgspec

from agenttrace.trace.merging import merge_snapshots
from agenttrace.trace.reading import (
    Line,
    LineError,
    Problem,
    decode_line,
    describe_error,
    iterate_lines,
    read_line,
)
from agenttrace.trace.run import UNNAMED_RUN, RecordedRun, RunCollector
from agenttrace.trace.sources import RecordingError, RunHead, RunNotFoundError
from agenttrace.trace.summary import RunSummarizer, RunSummary

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from types import TracebackType

    from agenttrace.trace.records import RunSnapshot

STDIN: Final = "-"
"""As a path: standard input."""


MAX_KEPT_BYTES: Final = 8 * 1024**3
"""Of a pipe so much is kept in a temporary file."""

_PART_BYTES: Final = 1024 * 1024


class _Head(msgspec.Struct, gc=False):
    run_id: str
    type: str
    start_ns: int | None = None
    t_ns: int | None = None


_decode_head: Final = msgspec.json.Decoder(_Head).decode


class _Place:
    """Where the lines of a run are, and what it is found by."""

    __slots__ = ("first_ns", "numbers", "offsets", "snapshots")

    def __init__(self) -> None:
        self.offsets = array("Q")
        self.numbers = array("Q")
        self.snapshots: list[RunSnapshot] = []
        self.first_ns: int | None = None


class FileSource:
    """The runs in one file. Use it as `with`; `-` is standard input.

    The file is indexed once, when something is first asked of it: what is appended later is not
    seen. `problems` grows with each method that meets a line which cannot be read.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.name = "standard input" if str(path) == STDIN else str(path)
        self.problems: list[Problem] = []
        self._path = path
        self._file: BinaryIO | None = None
        self._places: dict[str, _Place] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    # What a source answers

    def list_heads(self, beginning: str = "") -> list[RunHead]:
        """Return every run, newest first, whatever its id begins with."""
        del beginning
        heads = []
        for run_id, place in self._index().items():
            if place.snapshots:
                said = merge_snapshots(list(place.snapshots))
                is_replay = said.replayed_from is not None
                heads.append(RunHead(run_id, said.name, said.start_ns, is_replay=is_replay))
            elif place.first_ns is not None:  # else there are only additions to it
                heads.append(RunHead(run_id, UNNAMED_RUN, place.first_ns, is_replay=False))
        return sorted(heads, key=lambda head: (head.start_ns, head.run_id), reverse=True)

    def summarize_runs(self) -> list[RunSummary]:
        """Return every run with its totals, newest first."""
        found: dict[str, RunSummarizer] = {}
        for line in self._iterate():
            try:
                record = decode_line(line)
            except LineError as error:
                self._report(line, error)
                continue
            run_id = record.run_id
            if run_id not in found:
                found[run_id] = RunSummarizer(run_id)
            found[run_id].add(record)
        self._refuse_unreadable(has_runs=bool(found))
        runs = [each.summarize() for each in found.values() if each.is_recorded]
        return sorted(runs, key=lambda run: (run.start_ns, run.run_id), reverse=True)

    def load_run(self, run_id: str) -> RecordedRun:
        """Return one run, whole."""
        collector = RunCollector()
        for line in self._iterate_run(run_id):
            try:
                record = decode_line(line)
            except LineError as error:
                self._report(line, error)
                continue
            collector.add(record)
        runs = collector.make_runs()
        if not runs:
            raise RecordingError(f"{self.name}: no line of run {run_id} can be read")
        return runs[0]

    def read_lines(self, run_id: str) -> Iterator[bytes]:
        """Yield the lines of one run, byte for byte, without newlines."""
        for line in self._iterate_run(run_id):
            yield line.text

    # Reading

    def _iterate(self) -> Iterator[Line]:
        file = self._open()
        try:
            file.seek(0)
            yield from iterate_lines(file)
        except OSError as error:
            raise RecordingError(f"cannot read {self.name}: {_explain(error)}") from error

    def _iterate_run(self, run_id: str) -> Iterator[Line]:
        place = self._index().get(run_id)
        if place is None:
            raise RunNotFoundError(f"no run {run_id!r} in {self.name}")
        file = self._open()
        try:
            for number, offset in zip(place.numbers, place.offsets, strict=True):
                file.seek(offset)
                yield read_line(file, number, offset)
        except OSError as error:
            raise RecordingError(f"cannot read {self.name}: {_explain(error)}") from error

    def _index(self) -> dict[str, _Place]:
        if self._places is None:
            places: dict[str, _Place] = {}
            for line in self._iterate():
                self._place_line(line, places)
            self._refuse_unreadable(has_runs=bool(places))
            self._places = places
        return self._places

    def _place_line(self, line: Line, places: dict[str, _Place]) -> None:
        try:
            head = _decode_head(line.text)
            snapshot = decode_line(line) if head.type == "run" else None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            why = "longer than a line may be" if line.is_too_long else describe_error(error, line)
            self._report(line, LineError(why))
            return
        except LineError as error:
            self._report(line, error)
            return
        place = places.get(head.run_id)
        if place is None:
            place = places[head.run_id] = _Place()
        place.offsets.append(line.offset)
        place.numbers.append(line.number)
        if snapshot is not None:
            place.snapshots.append(_slim(snapshot))  # type: ignore[arg-type]  # its type is "run"
        time_ns = head.t_ns if head.start_ns is None else head.start_ns
        if time_ns is not None and (place.first_ns is None or time_ns < place.first_ns):
            place.first_ns = time_ns

    def _open(self) -> BinaryIO:
        if self._file is None:
            try:
                self._file = _open_seekable(self._path)
            except OSError as error:
                raise RecordingError(f"cannot read {self.name}: {_explain(error)}") from error
        return self._file

    def _report(self, line: Line, error: LineError) -> None:
        problem = Problem(line.number, str(error), is_cut=not line.is_whole)
        if problem not in self.problems:
            self.problems.append(problem)

    def _refuse_unreadable(self, *, has_runs: bool) -> None:
        if self.problems and not has_runs:
            first = self.problems[0]
            raise RecordingError(
                f"{self.name} is no recording: none of its lines can be read; line {first.line}: "
                f"{first.message}"
            )


def _slim(snapshot: RunSnapshot) -> RunSnapshot:
    snapshot.input = snapshot.output = snapshot.error = None
    snapshot.attributes = snapshot.resource = None
    return snapshot


def _open_seekable(path: str | os.PathLike[str]) -> BinaryIO:
    if str(path) == STDIN:
        return _keep(sys.stdin.buffer)
    file = Path(path).expanduser().open("rb")
    if file.seekable():
        return file
    with file:  # a pipe, such as <(zcat old.jsonl.gz), is read once: keep what it gives
        return _keep(file)


def _keep(stream: IO[bytes]) -> BinaryIO:
    kept = tempfile.TemporaryFile()  # noqa: SIM115 -- FileSource.close closes it
    left = MAX_KEPT_BYTES
    while part := stream.read(_PART_BYTES):
        left -= len(part)
        if left < 0:  # a program that never ends would fill the disk
            kept.close()
            raise OSError(EFBIG, f"a pipe gives more than {MAX_KEPT_BYTES:,} bytes; use a file")
        kept.write(part)
    return kept


def _explain(error: OSError) -> str:
    return error.strerror or str(error)
