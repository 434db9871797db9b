"""One replay: from the recording to the report. `tracer.replay()` makes it."""

from __future__ import annotations

from contextlib import ExitStack
from math import inf
from typing import TYPE_CHECKING, Any, Final, Self

from agenttrace.encoding.objects import spell_class
from agenttrace.errors import ConfigurationError
from agenttrace.exporters.memory import MemoryExporter
from agenttrace.replay.conductor import Conductor
from agenttrace.replay.cuts import find_cut
from agenttrace.replay.deliveries import Settings
from agenttrace.replay.errors import ReplayDivergence
from agenttrace.replay.freezing import find_stillness
from agenttrace.replay.guard import Guard, guarding, read_allowed
from agenttrace.replay.kinds import Mode
from agenttrace.replay.ledger import Ledger
from agenttrace.replay.policy import Policy
from agenttrace.replay.report import Report
from agenttrace.replay.serving import Server
from agenttrace.replay.sources import load_recordings
from agenttrace.replay.tape import Tape
from agenttrace.replay.volatile import Volatile
from agenttrace.trace import RecordedRun, load_runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from agenttrace.recorder import Recorder
    from agenttrace.replay.ledger import Witness
    from agenttrace.replaying import ReplayOptions

_FLUSH_S: Final = 30.0
_NAME: Final = "replay"


class ReplaySession:
    """A replay of one or several recorded runs. Use it as `with` or `async with`, around the runs.

    Within the block every call that a wrapper of this tracer records is looked up, on any thread.
    The end of the block raises `ReplayDivergence` when the code left its recording and the policy
    says raise, whatever the program did with it in between.
    """

    def __init__(self, recorder: Recorder, source: Any, options: ReplayOptions) -> None:
        """Load the recording and read the settings.

        Raises:
            NotReplayableError: there is no recording, or none that can be replayed.
            ConfigurationError: for a setting that cannot be meant.

        """
        self._recorders = [recorder]
        policy = Policy(
            mode=options.mode,
            live=options.live,
            descend=options.descend,
            allow_effects=options.allow_effects,
            max_live_calls=options.max_live_calls,
            max_live_cost=options.max_live_cost,
            on=options.on,
        )
        is_lenient = policy.mode in {Mode.LENIENT, Mode.CACHE}
        self.recordings = load_recordings(
            source, exporter=recorder.settings.exporter, is_lenient=is_lenient
        )
        companions: list[RecordedRun] = []
        if options.companions:
            companions = load_recordings(
                options.companions, exporter=recorder.settings.exporter, is_lenient=is_lenient
            )
        if options.live_from is not None:
            policy.cut = find_cut(options.live_from, self.recordings)
        volatile = Volatile(options.ignore, options.mask)
        self.report = Report(
            policy.mode,
            [run.run_id for run in self.recordings],
            [run.run_id for run in self.recordings if not run.is_finished],
        )
        self._ledger = Ledger(policy, self.report)
        self._conductor = Conductor(
            [
                *(Tape(run) for run in self.recordings),
                *(Tape(run, is_optional=True) for run in companions),
            ],
            self._ledger,
            Server(_list_classes(options.classes), self._ledger.note),
            Settings(
                volatile=volatile or None,
                order_timeout_s=_read_timeout(options.order_timeout_s),
                is_immediate=_read_order(options.order),
                stream_speed=_read_speed(options.stream_timing),
            ),
            self._keep,
        )
        self._guard = Guard(
            self._recorders, self._ledger, self._conductor.scopes, read_allowed(options.guard_io)
        )
        self._is_guarded = options.guard_io is not False and policy.mode is Mode.STRICT
        self._blocks = ExitStack()
        self._still = find_stillness(options.freeze, self.recordings, self._recorders)
        self._conductor.hold_still(self._still)
        self._memory = MemoryExporter()
        self._is_over = False

    def report_to(self, witness: Witness, memory: MemoryExporter) -> None:
        """Tell a witness at once what happens, and keep new runs in `memory`; before the block."""
        self._ledger.witness = witness
        self._memory = memory

    # The block

    def __enter__(self) -> Self:
        if self._is_over:
            raise ConfigurationError("this replay is over; tracer.replay() begins another one")
        self._take(self._recorders[0])
        if self._is_guarded:
            self._blocks.enter_context(guarding(self._guard))
        self._still.start()
        self._blocks.callback(self._still.stop)
        return self

    def join(self, recorder: Recorder) -> None:
        """Lead another tracer's calls as well: a program may have several.

        Raises:
            ConfigurationError: as entering the block.

        """
        self._take(recorder)
        self._recorders.append(recorder)

    def _take(self, recorder: Recorder) -> None:
        if recorder.settings.disabled:
            raise ConfigurationError(
                "AGENTTRACE_DISABLED=1 records nothing, and so nothing can be replayed; unset it"
            )
        if recorder.replay is not None:
            raise ConfigurationError("a replay is on already; one tracer leads one at a time")
        if recorder.node.get() is not None:
            raise ConfigurationError(
                "a run is open here; begin the replay outside of it: with tracer.replay(…): "
                "with tracer.run(…): …"
            )
        recorder.is_recording()  # the exporter that the environment names comes first
        self._keep(recorder)
        recorder.hub.keeps_all = True
        recorder.replay = self._conductor

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end(is_whole=error is None)
        if not self._ledger.is_stopped or isinstance(error, ReplayDivergence | KeyboardInterrupt):
            return
        raise self._ledger.make_error() from error

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)

    def _keep(self, recorder: Recorder) -> None:
        """Record into memory too, also after the program has set another exporter."""
        if all(sink.exporter is not self._memory for sink in recorder.hub.sinks):
            recorder.hub.add(self._memory, name=_NAME)

    def end(self, *, is_whole: bool = True) -> None:
        """End the replay and complete its report; raises nothing of the replay's own.

        With `is_whole` the program came to its end, and recorded runs that it never began count.
        """
        if is_whole:
            self._conductor.finish()
        self._blocks.close()
        for recorder in self._recorders:
            recorder.replay = None
            recorder.hub.keeps_all = False
            recorder.hub.remove(self._memory, timeout_s=_FLUSH_S)
        self._is_over = True

    def see_late_calls(self) -> None:
        """List calls that never came, at the end of a process that does not end the block."""
        self._conductor.finish_late()

    # What came of it

    @property
    def runs(self) -> list[RecordedRun]:
        """The new runs, as recorded, in the order of the report; complete once the block ended."""
        found = {run.run_id: run for run in load_runs(self._memory.records).runs}
        return [found[run_id] for run_id in self.report.run_ids if run_id in found]

    @property
    def run(self) -> RecordedRun:
        """The new run, where one was replayed.

        Raises:
            LookupError: when none or several were.

        """
        runs = self.runs
        if len(runs) != 1:
            raise LookupError(f"the replay made {len(runs)} runs; see .runs")
        return runs[0]


def _read_order(order: str) -> bool:
    if order not in {"recorded", "immediate"}:
        raise ConfigurationError(f"order {order!r}; expected 'recorded' or 'immediate'")
    return order == "immediate"


def _read_timeout(seconds: float) -> float:
    if not 0 <= seconds < inf:
        raise ConfigurationError(f"order_timeout_s {seconds!r}; expected seconds, 0 or more")
    return seconds


def _read_speed(timing: str | float) -> float | None:
    """Return how many times faster than recorded chunks come; None is at once."""
    if timing == "zero":
        return None
    speed = 1.0 if timing == "original" else timing
    if isinstance(speed, str) or speed <= 0:
        raise ConfigurationError(
            f"stream_timing {timing!r}; expected 'zero', 'original' or a speed above 0"
        )
    return float(speed)


def _list_classes(given: Iterable[type] | Mapping[str, type]) -> dict[str, type]:
    """Return classes that recordings may be made objects of, by how recordings spell them."""
    if hasattr(given, "items"):
        return dict(given.items())
    found = {}
    for cls in given:
        spelled = spell_class(cls)
        if spelled is None:
            raise ConfigurationError(f"classes: {cls!r} is no class that has a name")
        found[spelled] = cls
    return found
