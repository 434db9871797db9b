"""Time, chance and ids held still: in a recording so that a replay can hold them alike.

The clock stands and goes on at the end of each span, to a moment that the span keeps. Random
numbers and ids are drawn by lane from a seed that the run keeps. All of it holds for the whole
process.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Self

from agenttrace.errors import ConfigurationError
from agenttrace.replay.chance import SEED_BITS, Chance
from agenttrace.replay.errors import NotReplayableError
from agenttrace.semconv import FREEZE_CLOCK, FREEZE_KINDS, FREEZE_SEED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType

    from agenttrace.recorder import Recorder
    from agenttrace.run import Run
    from agenttrace.span import Span
    from agenttrace.trace import RecordedRun
    from agenttrace.wire import Outcome, RunStatus

TIME: Final = "time"
RANDOM: Final = "random"
UUID: Final = "uuid"
KINDS: Final = (TIME, RANDOM, UUID)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def read_kinds(given: Iterable[str]) -> frozenset[str]:
    """Return what is to be held still.

    Raises:
        ConfigurationError: for something else, or for the time without time-machine.

    """
    kinds = frozenset([given] if isinstance(given, str) else given)
    unknown = sorted(kinds.difference(KINDS))
    if unknown:
        raise ConfigurationError(f"freeze {unknown}; expected some of {', '.join(KINDS)}")
    if TIME in kinds:
        try:
            import time_machine  # noqa: F401, PLC0415 -- an extra
        except ImportError as error:
            raise ConfigurationError(
                "to freeze the time takes time-machine: pip install 'agenttrace[replay]'"
            ) from error
    return kinds


class Stillness:
    """Holds the process's time, chance and ids while it is entered."""

    def __init__(self, kinds: frozenset[str], recorders: list[Recorder]) -> None:
        self.kinds = kinds
        self._recorders = recorders
        self._travel: Any = None
        self._traveller: Any = None
        self._chance = Chance(recorders)

    def start(self) -> None:
        """Hold everything still, as it is now."""
        if TIME in self.kinds:
            import time_machine  # noqa: PLC0415 -- an extra

            self._travel = time_machine.travel(datetime.now(UTC), tick=False)
            self._traveller = self._travel.start()
            for recorder in self._recorders:
                recorder.read_clock_by(time_machine.escape_hatch.time.time_ns)
        if RANDOM in self.kinds:
            self._chance.hold_random()
        if UUID in self.kinds:
            self._chance.hold_ids()

    def stop(self) -> None:
        """Let everything go on."""
        if self._travel is not None:
            self._travel.stop()
            for recorder in self._recorders:
                recorder.read_clock_by(None)
        self._chance.let_go()

    def begin(self, run_id: str, seed: int, at_ns: int) -> None:
        """Begin a run: its seed, and the time at which it started."""
        self.move_to(at_ns)
        self._chance.begin(run_id, seed)

    def move_to(self, at_ns: int) -> None:
        """Let the clock show this time, in ns since the Unix epoch, to the microsecond."""
        if self._traveller is not None:
            self._traveller.move_to(_EPOCH + timedelta(microseconds=at_ns // 1_000))


def find_stillness(
    given: Iterable[str] | None, runs: Sequence[RecordedRun], recorders: list[Recorder]
) -> Stillness:
    """Return what a replay holds still: what was asked for, else what its recordings did.

    Raises:
        NotReplayableError: when chance or ids are asked for, and a recording has no seed.
        ConfigurationError: as `read_kinds`.

    """
    recorded = [_read_recorded(run) for run in runs]
    kinds = read_kinds(frozenset.union(*recorded) if given is None else given)
    for run, held in zip(runs, recorded, strict=True):
        lacking = sorted(kinds - held - {TIME})
        if lacking and given is not None:
            raise NotReplayableError(
                f"run {run.run_id} ({run.name}) was recorded without freezing {lacking}: record it "
                f"within tracer.freeze({', '.join(map(repr, lacking))})"
            )
    return Stillness(kinds, recorders)


def _read_recorded(run: RecordedRun) -> frozenset[str]:
    kinds = run.attributes.get(FREEZE_KINDS)
    return frozenset(KINDS).intersection(kinds if isinstance(kinds, list) else ())


class Freeze:
    """A `with` block in which runs are recorded with time, chance and ids held still."""

    def __init__(self, recorder: Recorder, kinds: Iterable[str]) -> None:
        self._recorder = recorder
        self._still = Stillness(read_kinds(kinds), [recorder])
        self._is_on = False

    def __enter__(self) -> Self:
        if self._recorder.replay is None:  # a replay holds still what its recording did
            self._still.start()
            self._recorder.replay = self
            self._is_on = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._is_on:
            self._is_on = False
            self._recorder.replay = None
            self._still.stop()

    def choose(self, _kind: str, _spec: object, _span: object, function: Any, *_rest: Any) -> Any:
        """Return the function itself: it runs."""
        return function

    def enter_block(self, span: Span) -> None:
        """Do nothing."""

    def enter_run(self, run: Run) -> None:
        """Give a run its seed, and say what is held still."""
        seed = int.from_bytes(os.urandom(SEED_BITS // 8))
        run.set_attribute(FREEZE_KINDS, sorted(self._still.kinds))
        run.set_attribute(FREEZE_SEED, seed)
        self._still.begin(run.run_id, seed, run.start_ns)

    def leave_run(self, run: Run, status: RunStatus) -> None:
        """Do nothing."""

    def leave(self, span: Span, outcome: Outcome) -> None:  # noqa: ARG002 -- as ReplayHook
        """Let the clock go on, to a moment that the span keeps."""
        if TIME in self._still.kinds:
            now_ns = self._recorder.read_clock_ns()
            span.set_own_attribute(FREEZE_CLOCK, now_ns)
            self._still.move_to(now_ns)
