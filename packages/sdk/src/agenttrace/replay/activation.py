"""A replay of a program that knows nothing of it: begun by the environment, told in a file.

The first tracer that the program makes begins it; later ones join. Where the program ends, the
report is written beside the recording. Or the program is recorded, beside what it does itself.
"""

from __future__ import annotations

import atexit
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agenttrace import replaying
from agenttrace.errors import AgentTraceError

if TYPE_CHECKING:
    from types import TracebackType

    from agenttrace.pipeline.export import Exporter
    from agenttrace.recorder import Recorder
    from agenttrace.replay.session import ReplaySession
    from agenttrace.run import Run
    from agenttrace.span import Span
    from agenttrace.tracer import Tracer
    from agenttrace.wire import Outcome, RunStatus

VARIABLE: Final = "AGENTTRACE_REPLAY"
"""JSON: `{"recordings": [path…], "options": {…}, "reports": folder}`, or `{"record": path}`."""


def activate() -> None:
    """Wait for the program's first tracer, if the environment asks for it."""
    text = os.environ.get(VARIABLE)
    if not text:
        return
    plan = json.loads(text)
    if "record" in plan:
        replaying.tracer_hooks.append(_Recording(plan["record"]).join)
    else:
        replaying.tracer_hooks.append(_Replay(plan).join)


class _Recording:
    """Records into a file of this process what each tracer records; every call runs."""

    def __init__(self, path: str) -> None:
        self._target = f"jsonl:{path}.{os.getpid()}.jsonl"
        self._added: list[tuple[Recorder, Exporter]] = []

    def join(self, tracer: Tracer) -> None:
        tracer.recorder.is_recording()  # the exporter that the environment names comes first
        _, exporter = tracer.plugins.make_exporter(self._target)
        self._added.append((tracer.recorder, exporter))
        tracer.add_exporter(exporter)
        tracer.recorder.replay = self

    def choose(self, _kind: str, _spec: object, _span: object, function: Any, *_rest: Any) -> Any:
        return function

    def enter_block(self, span: Span) -> None:
        """Do nothing."""

    def enter_run(self, run: Run) -> None:
        """Record there also after the program has set another exporter."""
        for recorder, exporter in self._added:
            if recorder is run.recorder and all(
                sink.exporter is not exporter for sink in recorder.hub.sinks
            ):
                recorder.hub.add(exporter, name="recording")

    def leave_run(self, run: Run, status: RunStatus) -> None:
        """Do nothing."""

    def leave(self, span: Span, outcome: Outcome) -> None:
        """Do nothing."""


class _Replay:
    """The replay of this process."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._plan = plan
        self._session: ReplaySession | None = None

    def join(self, tracer: Tracer) -> None:
        if self._session is not None:
            self._session.join(tracer.recorder)
            return
        try:
            session = tracer.replay(self._plan["recordings"], **self._plan["options"])
            session.__enter__()
        except AgentTraceError as error:
            # Nothing of the program may run: it would do for real what was to be replayed.
            self._write({"error": str(error), "exitCode": error.exit_code})
            sys.stderr.flush()
            os._exit(error.exit_code)
        self._session = session
        sys.excepthook = _quieten(sys.excepthook)
        atexit.register(self._end)

    def _end(self) -> None:
        session = self._session
        if session is None:
            return
        session.end()
        self._write(session.report.describe())

    def _write(self, report: dict[str, Any]) -> None:
        folder = Path(self._plan["reports"])
        path = folder / f"{os.getpid()}.json"
        unfinished = path.with_suffix(".part")
        unfinished.write_text(json.dumps(report))
        unfinished.rename(path)


def _quieten(hook: Any) -> Any:
    """Return a hook that says a divergence in a line: the report tells the rest."""
    from agenttrace.replay.errors import ReplayDivergence  # noqa: PLC0415 -- loaded by now

    def tell(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, ReplayDivergence):
            sys.stderr.write(f"agenttrace: {error}\n")
        else:
            hook(kind, error, traceback)

    return tell
