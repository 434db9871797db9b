"""A replay of a program that knows nothing of it: begun by the environment, told in a journal.

The first tracer that the program makes begins it, later ones join. It lasts as long as the process:
nothing that the program does at its very end runs live either. A program may be recorded in the
same way, beside what it does with its records itself.
"""

from __future__ import annotations

import atexit
import os
import sys
from typing import TYPE_CHECKING, Any, Final

from agenttrace.errors import AgentTraceError
from agenttrace.exporters.jsonl import JSONLExporter
from agenttrace.exporters.memory import MemoryExporter
from agenttrace.replay.errors import EXIT_NOT_REPLAYABLE, ReplayDivergence
from agenttrace.replay.journal import Journal
from agenttrace.replay.plans import name_new_runs, read_plan
from agenttrace.replay.report import Report

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from agenttrace.pipeline.export import ExportResult
    from agenttrace.recorder import Recorder
    from agenttrace.replay.session import ReplaySession
    from agenttrace.run import Run
    from agenttrace.span import Span
    from agenttrace.tracer import Tracer
    from agenttrace.wire import Outcome, Record, RunStatus


def join(tracer: Tracer, folder: str) -> None:
    """Let a tracer take part in what `folder` asks of this process.

    Where that cannot be, the process ends here and now: its calls would be made, and not served.
    """
    try:
        if _process.begun is None:
            _process.begun = _begin(tracer, folder)
        else:
            _process.begun.join(tracer.recorder)
    except BaseException as error:  # noqa: BLE001 -- whatever it is, nothing may run after it
        code = error.exit_code if isinstance(error, AgentTraceError) else EXIT_NOT_REPLAYABLE
        message = str(error) if isinstance(error, AgentTraceError) else repr(error)
        sys.stderr.write(f"agenttrace: this process cannot be replayed: {message}\n")
        sys.stderr.flush()
        try:
            Journal(folder, Report("strict", [])).fail(message, code)
        finally:
            os._exit(code)


class _Process:
    """What this process takes part in; one a process."""

    begun: ReplaySession | _Recording | None = None


_process: Final = _Process()


def _begin(tracer: Tracer, folder: str) -> ReplaySession | _Recording:
    plan = read_plan(folder)
    if plan.records:
        recording = _Recording(folder)
        recording.join(tracer.recorder)
        return recording
    session = tracer.replay(plan.recordings, companions=plan.companions, **plan.options)
    journal = Journal(folder, session.report)
    session.report_to(journal, _NewRuns(folder))
    session.__enter__()
    journal.begin()
    sys.excepthook = _make_excepthook(sys.excepthook)
    atexit.register(journal.sum_up)
    atexit.register(session.see_late_calls)  # it is called before what was registered before
    return session


class _NewRuns(MemoryExporter):
    """Keeps the new runs in memory and in a file, so that they outlive the process."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._file = JSONLExporter(name_new_runs(folder))

    def export(self, records: Sequence[Record]) -> ExportResult:
        self._file.export(records)
        return super().export(records)

    def shutdown(self, *, timeout_s: float) -> None:
        self._file.shutdown(timeout_s=timeout_s)


class _Recording:
    """Records what each tracer records into a file; every call runs."""

    def __init__(self, folder: str) -> None:
        self._file = JSONLExporter(name_new_runs(folder))

    def join(self, recorder: Recorder) -> None:
        """Record what this tracer records."""
        recorder.is_recording()  # the exporter that the environment names comes first
        recorder.hub.keeps_all = True
        recorder.replay = self
        self._keep(recorder)

    def _keep(self, recorder: Recorder) -> None:
        if all(sink.exporter is not self._file for sink in recorder.hub.sinks):
            recorder.hub.add(self._file, name="recording")

    def choose(self, *call: Any) -> Any:
        """Return the traced function itself: `call` is as `ReplayHook.choose` has it."""
        return call[3]

    def enter_block(self, span: Span) -> None:
        """Let it run."""

    def enter_run(self, run: Run) -> None:
        """Record it also where the program has set another exporter since."""
        self._keep(run.recorder)

    def leave_run(self, run: Run, status: RunStatus) -> None:
        """Let it end."""

    def leave(self, span: Span, outcome: Outcome) -> None:
        """Let it end."""


def _make_excepthook(before: Callable[..., object]) -> Callable[..., None]:
    """Return a hook that says a divergence in one line: the report tells the rest."""

    def tell(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, ReplayDivergence):
            sys.stderr.write("agenttrace: the replay was stopped by a divergence\n")
        else:
            before(kind, error, traceback)

    return tell
