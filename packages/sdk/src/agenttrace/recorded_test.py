"""What the pytest fixture `agenttrace_recording` gives: a tracer, and what it recorded."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agenttrace.pipeline.batch import encode_records
from agenttrace.pipeline.export import Exporter, ExportResult
from agenttrace.settings import Settings
from agenttrace.testing import IncrementalIds, StepClock
from agenttrace.trace import RecordedRun, RecordedSpan, load_runs
from agenttrace.tracer import Tracer
from agenttrace.watched_tracer import Repeating, WatchedTracer

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from agenttrace.wire import Record

_FLUSH_TIMEOUT_S: Final = 10.0
_NAME_CHARS: Final = 120


class _Lines(Exporter):
    """Keeps the lines of records until it is closed; then it lets them go."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.is_open = True

    def export(self, records: Sequence[Record]) -> ExportResult:
        if self.is_open:
            self.lines.extend(encode_records(records))
        return ExportResult.DELIVERED


class RecordedTest:
    """A test's own recording. No environment variable and no plugin has a part in it.

    `tracer` records into it; `watch(tracer)` makes a tracer of the program record into it too.
    """

    def __init__(self, *, is_deterministic: bool = False) -> None:
        """With `is_deterministic` clock and ids are the same each time, of what is watched too."""
        self._lines = _Lines()
        self._repeating = Repeating(StepClock(), IncrementalIds()) if is_deterministic else None
        self._watched: list[WatchedTracer] = []
        if self._repeating is None:
            self.tracer = Tracer(exporter=self._lines, settings=Settings())
        else:
            self.tracer = Tracer(
                exporter=self._lines,
                clock=self._repeating.clock,
                id_generator=self._repeating.ids,
                resource={},
                settings=Settings(),
            )

    def watch(self, tracer: Tracer) -> None:
        """Record what a tracer of the program records, until the test is over.

        Its own exporters get nothing meanwhile, and go on after it.
        """
        if all(watched.tracer is not tracer for watched in self._watched):
            self._watched.append(WatchedTracer(tracer, self._lines, self._repeating))

    @property
    def runs(self) -> list[RecordedRun]:
        """Every run so far, oldest first."""
        self._flush()
        return load_runs(list(self._lines.lines)).runs

    @property
    def run(self) -> RecordedRun:
        """The only run; an AssertionError names what there is instead."""
        runs = self.runs
        if len(runs) != 1:
            names = ", ".join(repr(run.name) for run in runs) or "none"
            raise AssertionError(f"expected one run, recorded were: {names}")
        return runs[0]

    def spans(
        self,
        name: str | None = None,
        type: str | None = None,  # noqa: A002 -- GraphQL's name of it
    ) -> list[RecordedSpan]:
        """Return the spans of all runs with this name and of this type, in the order of start."""
        return [
            span
            for run in self.runs
            for span in run.spans
            if (name is None or span.name == name) and (type is None or span.span_type == type)
        ]

    def describe(self) -> str:
        """Return the tree of each run as text; never raises, as a test's report waits for it."""
        try:
            return "\n\n".join(str(run) for run in self.runs) or "nothing was recorded"
        except Exception as error:  # noqa: BLE001 -- the test's own failure matters more
            return f"the recording cannot be shown: {type(error).__name__}: {error}"

    def write(self, folder: str | os.PathLike[str], *, test_id: str) -> Path | None:
        """Write the records into a file of the folder, named after the test; None without any."""
        if not self.runs:
            return None
        name = re.sub(r"[^A-Za-z0-9_.-]+", "_", test_id.replace("::", "."))[:_NAME_CHARS]
        mark = sha256(test_id.encode("utf-8", "replace")).hexdigest()[:8]  # names may fall together
        path = Path(folder) / f"{name}.{mark}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.read_lines())
        return path

    def read_lines(self) -> bytes:
        """Return every record so far as NDJSON."""
        self._flush()
        return b"\n".join([*self._lines.lines, b""])

    def _flush(self) -> None:
        self.tracer.flush(timeout_s=_FLUSH_TIMEOUT_S)
        for watched in self._watched:
            watched.flush()

    def close(self) -> None:
        """Stop recording; what was watched is as it was."""
        for watched in reversed(self._watched):
            watched.release()
        self.tracer.shutdown(timeout_s=_FLUSH_TIMEOUT_S)
        self._lines.is_open = False
