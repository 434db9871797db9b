"""What the recorder asks while a replay is on: is a call served, does it run, or does it stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agenttrace.replay.bodies import make_served, make_stop, make_streamed
from agenttrace.replay.calls import make_rebind
from agenttrace.replay.deliveries import Deliveries
from agenttrace.replay.endings import Endings
from agenttrace.replay.forks import SharedLock
from agenttrace.replay.order import Order
from agenttrace.replay.payloads import have_same_input
from agenttrace.replay.places import Place
from agenttrace.replay.planning import STOP, Go, Halt, Planner
from agenttrace.replay.scopes import Scope, Scopes, Track
from agenttrace.replay.streams import Feed
from agenttrace.replay.turns import Turn
from agenttrace.semconv import FREEZE_SEED, REPLAY_MODE

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace.recorder import Recorder
    from agenttrace.replay.deliveries import Settings
    from agenttrace.replay.freezing import Stillness
    from agenttrace.replay.ledger import Ledger
    from agenttrace.replay.planning import Plan
    from agenttrace.replay.serving import Server
    from agenttrace.replay.tape import Tape
    from agenttrace.replaying import Bind, CallKind
    from agenttrace.run import Run
    from agenttrace.span import Span
    from agenttrace.spec import Spec
    from agenttrace.wire import Outcome, RunStatus


class Conductor:
    """Leads live runs by their recordings. One lock: one call is decided after the other."""

    def __init__(
        self,
        tapes: list[Tape],
        ledger: Ledger,
        server: Server,
        settings: Settings,
        keep: Callable[[Recorder], None],
    ) -> None:
        """`keep` is called when a run begins: what records the new run must be there then."""
        self.scopes = Scopes()
        self._tapes = tapes
        self._ledger = ledger
        self._policy = ledger.policy
        self._server = server
        self._settings = settings
        self._keep = keep
        self._lock = SharedLock()
        self._deliveries = Deliveries(ledger, server, self.scopes, settings, self._lock)
        self._endings = Endings(ledger, self.scopes)
        self._planner = Planner(tapes, ledger, self.scopes, self._deliveries, self._endings)
        self._still: Stillness | None = None

    def hold_still(self, still: Stillness) -> None:
        """Let the time, chance and ids of each run be those of its recording."""
        self._still = self._endings.still = still

    # Calls

    def choose(  # noqa: PLR0913, PLR0917 -- as ReplayHook
        self,
        kind: CallKind,
        spec: Spec,
        span: Span | None,
        function: Callable[..., Any],
        bind: Bind,
        args: tuple[object, ...],
        kwargs: dict[str, object],
    ) -> Callable[..., Any]:
        """Return what is called in the place of a traced function."""
        plan: Plan = STOP
        try:
            with self._lock:
                receiver = _read_receiver(spec, span, args)
                plan = self._planner.plan(
                    kind, spec, span, make_rebind(bind, args, kwargs), receiver
                )
        except KeyboardInterrupt:
            return make_stop(kind, KeyboardInterrupt)
        except BaseException as error:  # noqa: BLE001 -- no call may run because the replay failed
            self._ledger.stop_by_error(error, spec.name)
        if isinstance(plan, Go):
            return function
        if isinstance(plan, Turn):
            return make_served(kind, plan)
        if isinstance(plan, Feed):
            return make_streamed(kind, plan, self._server.classes)
        return make_stop(kind, self._ledger.make_error)

    # Structure

    def enter_block(self, span: Span) -> None:
        """Take notice of a `with` block: its body cannot be left out.

        Raises:
            ReplayDivergence: when it reaches out to the world by itself, and may not.

        """
        if not span.run.recording or span.seq < 0:
            return
        try:
            with self._lock:
                plan = self._planner.plan_block(span)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 -- as choose
            self._ledger.stop_by_error(error, span.name)
            plan = STOP
        if isinstance(plan, Halt):
            divergence = self._ledger.make_error()
            span.run.recorder.end_span_by(span, divergence)
            raise divergence

    # Runs and ends

    def enter_run(self, run: Run) -> None:
        """Give a run the first recording of its name that no other run goes by.

        One that was begun with the same input comes first: which of several runs begins first,
        such as those of a server's requests, is by chance.
        """
        try:
            with self._lock:
                self._keep(run.recorder)
                self._enter_run(run)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 -- as choose
            self._ledger.stop_by_error(error, run.name)

    def _enter_run(self, run: Run) -> None:
        free = [tape for tape in self._tapes if not tape.is_taken and tape.run.name == run.name]
        if len(free) > 1:
            free.sort(key=lambda tape: self._is_other_input(run, tape))
        tape = next(filter(self._claim, free), None)
        if tape is None:
            self.scopes.add_run(run.run_id, Scope(run.name, None, None))
            return
        tape.is_taken = True
        order = Order(
            tape,
            note=self._ledger.note,
            timeout_s=self._settings.order_timeout_s,
            is_immediate=self._settings.is_immediate,
        )
        track = Track(tape, self._settings.volatile, order)
        track.matcher.start(0)
        self.scopes.add_run(run.run_id, Scope(run.name, track, Place(tape.root), is_own=True))
        self._ledger.report.run_ids.append(run.run_id)
        run.replayed_from = tape.run.run_id
        if self._policy.cut is not None:
            run.forked_at = self._policy.cut.seq
        run.set_attribute(REPLAY_MODE, self._policy.mode.value)
        if self._still is not None:
            seed = tape.run.attributes.get(FREEZE_SEED)
            own = seed if isinstance(seed, int) else 0
            self._still.begin(run.run_id, own, tape.run.start_ns)

    def _is_other_input(self, run: Run, tape: Tape) -> bool:
        return have_same_input(run, tape.run, self._settings.volatile) is False

    def _claim(self, tape: Tape) -> bool:
        witness = self._ledger.witness
        return witness is None or witness.claim(tape.run.run_id)

    def leave_run(self, run: Run, status: RunStatus) -> None:
        """See what a run has left over, and how it ended."""
        try:
            with self._lock:
                self._endings.end_run(run, status)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 -- as choose
            self._ledger.stop_by_error(error, run.name)

    def leave(self, span: Span, outcome: Outcome) -> None:
        """See what a span has left over, and how it ended."""
        try:
            with self._lock:
                self._endings.end_span(span, outcome)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 -- as choose
            self._ledger.stop_by_error(error, span.name)

    def finish_late(self) -> None:
        """See which calls never came that outlived their run in the recording."""
        with self._lock:
            self._endings.end_late(self._tapes)

    def finish(self) -> None:
        """See what the program did not come to at all."""
        with self._lock:
            self._endings.end_late(self._tapes)
            self._endings.end_all(self._tapes)


def _read_receiver(spec: Spec, span: Span | None, args: tuple[object, ...]) -> str | None:
    if span is None or not spec.is_method or not args:
        return None
    return span.run.recorder.read_receiver(args[0])
