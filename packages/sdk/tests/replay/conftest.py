"""A stage: a tracer whose runs are recorded, and then played again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from agenttrace.replay import ReplayDivergence
from agenttrace.testing import collect, make_tracer
from agenttrace.trace import load_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agenttrace import Tracer
    from agenttrace.replay import ReplaySession
    from agenttrace.testing import MemoryExporter
    from agenttrace.trace import RecordedRun


class Stage:
    """Records what a function does, and replays it with the same or another one."""

    def __init__(self) -> None:
        made: tuple[Tracer, MemoryExporter] = make_tracer()
        self.tracer, self.memory = made
        self.ran: list[str] = []  # which bodies ran, in their order

    def record(self, play: Callable[[], object]) -> RecordedRun:
        """Call `play`, which begins one run; return that run as recorded."""
        known = {run.run_id for run in self.load()}
        play()
        (run,) = [run for run in self.load() if run.run_id not in known]
        self.ran.clear()
        return run

    def load(self) -> list[RecordedRun]:
        """Return all runs so far."""
        return load_runs(collect(self.tracer, self.memory)).runs

    def replay(
        self, source: Any, play: Callable[[], object], **options: Any
    ) -> tuple[ReplaySession, Any]:
        """Replay with `play`; return the session and what `play` returned."""
        with self.tracer.replay(source, **options) as session:
            result = play()
        return session, result

    def diverge(
        self, source: Any, play: Callable[[], object], **options: Any
    ) -> tuple[ReplaySession, ReplayDivergence]:
        """Replay with `play`, which leaves the recording; return the session and what it raised."""
        session = self.tracer.replay(source, **options)
        with pytest.raises(ReplayDivergence) as raised, session:
            play()
        return session, raised.value


@pytest.fixture
def stage() -> Iterator[Stage]:
    """Give an empty stage."""
    made = Stage()
    yield made
    made.tracer.shutdown(timeout_s=5)
