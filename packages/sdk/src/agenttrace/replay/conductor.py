"""What the recorder asks while a replay is on: is a call served, does it run, or does it stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from agenttrace.replay.bodies import make_served, make_stop, make_streamed
from agenttrace.replay.calls import LiveCall, make_rebind
from agenttrace.replay.deliveries import Deliveries
from agenttrace.replay.endings import Endings
from agenttrace.replay.forks import SharedLock
from agenttrace.replay.kinds import Action, Divergence, DivergenceKind, Mode, Status
from agenttrace.replay.marks import mark
from agenttrace.replay.order import Order
from agenttrace.replay.scopes import Scope, Scopes, Track
from agenttrace.replay.streams import Feed
from agenttrace.replay.tape import is_boundary
from agenttrace.replay.turns import Turn
from agenttrace.semconv import FREEZE_SEED, REPLAY_MODE

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace.recorder import Recorder
    from agenttrace.replay.deliveries import Settings
    from agenttrace.replay.freezing import Stillness
    from agenttrace.replay.ledger import Ledger
    from agenttrace.replay.matching import Match
    from agenttrace.replay.serving import Served, Server
    from agenttrace.replay.tape import Node, Tape
    from agenttrace.replaying import Bind, CallKind
    from agenttrace.run import Run
    from agenttrace.span import Span
    from agenttrace.spec import Spec
    from agenttrace.wire import Outcome, RunStatus

_MESSAGES: Final = {
    DivergenceKind.EXTRA_CALL: "the recording has no such call here",
    DivergenceKind.RENAMED: "the recording has this call under the name {name!r}",
    DivergenceKind.NESTING_CHANGED: "the recording has this call elsewhere, at {place}",
    DivergenceKind.INPUT_CHANGED: "its input differs",
}


class _Run:
    """A plan: the body runs."""


class _Stop:
    """A plan: the call raises."""


RUN: Final = _Run()
STOP: Final = _Stop()
Plan: TypeAlias = Turn | Feed | _Run | _Stop


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
        self._still: Stillness | None = None
        self._is_live = False  # the recording was left for good

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
                plan = self._plan(kind, spec, span, make_rebind(bind, args, kwargs))
        except KeyboardInterrupt:
            return make_stop(kind, KeyboardInterrupt)
        except BaseException as error:  # noqa: BLE001 -- no call may run because the replay failed
            self._ledger.stop_by_error(error, spec.name)
        if isinstance(plan, _Run):
            return function
        if isinstance(plan, Turn):
            return make_served(kind, plan)
        if isinstance(plan, Feed):
            return make_streamed(kind, plan, self._server.classes)
        return make_stop(kind, self._ledger.make_error)

    def _plan(
        self,
        kind: CallKind,
        spec: Spec,
        span: Span | None,
        rebind: Callable[[], dict[str, object]],
    ) -> Plan:
        is_unit = is_boundary(spec.span_type, spec.boundary)
        if is_unit and self._ledger.is_stopped:
            return STOP
        if span is None or not span.run.recording:
            return self._plan_unrecorded(spec) if is_unit else RUN
        scope = self.scopes.find(span)
        call = LiveCall(span, f"{scope.path}/{spec.name}", kind, rebind)
        if is_unit:
            return self._plan_call(call, scope)
        self._enter_structure(call, scope)
        return RUN

    def _plan_unrecorded(self, spec: Spec) -> _Stop:
        self._ledger.stop(
            Divergence(
                DivergenceKind.EXTRA_CALL,
                Action.RAISE,
                "this call is not recorded, so that nothing can be served for it",
                spec.name,
                hint="its run is not sampled, or the recorder failed: see tracer.stats().errors",
            )
        )
        return STOP

    def _plan_call(self, call: LiveCall, scope: Scope) -> Plan:
        if scope.is_live or self._is_live:
            return self._run_live(call, scope, None)
        if scope.track is None or scope.node is None:
            return self._plan_stray(call, scope)
        match = scope.track.matcher.match(scope.node, call)
        if self._policy.is_live(call):
            kinds = (None, DivergenceKind.INPUT_CHANGED)
            return self._run_live(call, scope, match.node if match.kind in kinds else None)
        if match.node is not None and self._policy.is_beyond_cut(match.node):
            self._is_live = True
            return self._run_live(call, scope, None)
        return self._plan_match(call, scope, match)

    def _plan_stray(self, call: LiveCall, scope: Scope) -> Plan:
        names = ", ".join(repr(tape.run.name) for tape in self._tapes)
        action = self._ledger.diverge(
            DivergenceKind.EXTRA_CALL,
            call,
            f"the recording holds no run {call.span.run.name!r} that is not replayed yet",
            hint=f"it holds {names}; give more runs to replay, or replay the run that is meant",
        )
        return self._follow(action, call, scope, None) or STOP

    def _plan_match(self, call: LiveCall, scope: Scope, match: Match) -> Plan:
        assert scope.track is not None
        node, ledger = match.node, self._ledger
        if match.note is not None:
            ledger.note(match.note)
        if match.kind is not None:
            action = ledger.diverge(match.kind, call, _explain(match), node=node)
            plan = self._follow(action, call, scope, node)
            if plan is not None:
                return plan
        assert node is not None
        if scope.track.matcher.is_late(node):
            action = ledger.diverge(
                DivergenceKind.REORDERED,
                call,
                "the recording has this call before another one that was made already",
                node=node,
            )
            plan = self._follow(action, call, scope, node)
            if plan is not None:
                return plan
        if self._policy.is_opened(call):
            return self._open(call, scope, node)
        return self._serve(call, scope, node)

    def _follow(
        self, action: Action, call: LiveCall, scope: Scope, node: Node | None
    ) -> _Run | _Stop | None:
        """Return the plan that an answer of the policy makes; None to go on and serve."""
        if action is Action.RAISE:
            return STOP
        if action is not Action.LIVE:
            return None
        if self._policy.mode is Mode.LIVE_AFTER_DIVERGENCE:
            self._is_live = True
        return self._run_live(call, scope, node)

    def _run_live(self, call: LiveCall, scope: Scope, node: Node | None) -> _Run | _Stop:
        """Let a call reach the world, if it may; its counterpart is used up with all it holds."""
        ledger = self._ledger
        why = self._policy.forbid(call, ledger.report)
        if why is not None:
            message, hint = why
            ledger.diverge(DivergenceKind.LIVE_BLOCKED, call, message, node=node, hint=hint)
            return STOP
        if node is not None and scope.track is not None:
            scope.track.matcher.use(node, call.lane)
            for below in node.walk():
                below.is_used = True
        ledger.report.live_calls += 1
        self._deliveries.begin(
            call, Scope(call.path, scope.track, scope.node, is_live=True), node, Status.LIVE
        )
        return RUN

    def _open(self, call: LiveCall, scope: Scope, node: Node) -> _Run:
        """Run the body of a boundary; what is called within is looked up below its node."""
        assert scope.track is not None
        scope.track.matcher.use(node, call.lane)
        node.is_opened = True
        own = Scope(call.path, scope.track, node, own=node)
        self._deliveries.begin(call, own, node, Status.PASSTHROUGH)
        return RUN

    def _serve(self, call: LiveCall, scope: Scope, node: Node) -> Plan:
        tale, served = self._deliveries.examine(call, scope, node)
        if served.reason is not None:
            plan = self._judge_loss(served, call, scope, node)
            if plan is not None:
                return plan
        return self._deliveries.deliver(call, scope, node, tale, served)

    def _judge_loss(
        self, served: Served, call: LiveCall, scope: Scope, node: Node
    ) -> _Run | _Stop | None:
        kind = DivergenceKind.TYPE_DEGRADED if served.is_available else DivergenceKind.UNAVAILABLE
        assert served.reason is not None
        action = self._ledger.diverge(kind, call, served.reason, node=node, hint=served.hint)
        return self._follow(action, call, scope, node)

    # Structure

    def _enter_structure(self, call: LiveCall, scope: Scope) -> None:
        """Find the counterpart of a span whose body is code; without one it is transparent."""
        if scope.track is None or scope.node is None or scope.is_live or self._is_live:
            is_live = scope.is_live or self._is_live
            self.scopes.add(call.span, Scope(call.path, scope.track, scope.node, is_live=is_live))
            return
        match = scope.track.matcher.match_structure(scope.node, call)
        node = match.node
        if match.kind is not None:
            message = "the recording has no such span here" if node is None else _explain(match)
            self._ledger.diverge(match.kind, call, message, node=node, is_structural=True)
        if node is None:
            self.scopes.add(call.span, Scope(call.path, scope.track, scope.node))
            return
        scope.track.matcher.use(node, call.lane)
        self.scopes.add(call.span, Scope(call.path, scope.track, node, own=node))
        mark(call.span, None, node.span)

    def enter_block(self, span: Span) -> None:
        """Take notice of a `with` block: its body cannot be left out.

        Raises:
            ReplayDivergence: when it reaches out to the world by itself, and may not.

        """
        if not span.run.recording or span.seq < 0:
            return
        try:
            with self._lock:
                plan = self._plan_block(span)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 -- as choose
            self._ledger.stop_by_error(error, span.name)
            plan = STOP
        if isinstance(plan, _Stop):
            divergence = self._ledger.make_error()
            span.run.recorder.end_span_by(span, divergence)
            raise divergence

    def _plan_block(self, span: Span) -> Plan:
        scope = self.scopes.find(span)
        call = LiveCall(span, f"{scope.path}/{span.name}")
        if not is_boundary(span.spec.span_type, span.spec.boundary):
            self._enter_structure(call, scope)
            return RUN
        if self._ledger.is_stopped:
            return STOP
        is_live = scope.is_live or self._is_live or self._policy.is_live(call)
        if is_live or scope.track is None or scope.node is None:
            return self._plan_call(call, scope)
        match = scope.track.matcher.match(scope.node, call)
        node = match.node
        if node is None or self._policy.is_opened(call):
            return self._plan_match(call, scope, match)
        if match.kind is None and any(node.find_units()):
            return self._open(call, scope, node)  # what reaches out within it is served by itself
        return self._refuse_block(call, scope, node)

    def _refuse_block(self, call: LiveCall, scope: Scope, node: Node) -> _Run | _Stop:
        action = self._ledger.diverge(
            DivergenceKind.UNAVAILABLE,
            call,
            "a `with` block cannot be left out: its body would run",
            node=node,
            hint="put the body into a function with a wrapper such as @trace_tool(tracer); or say "
            "boundary=False where it only computes, or live= where it may run",
        )
        return self._follow(action, call, scope, node) or STOP

    # Runs and ends

    def enter_run(self, run: Run) -> None:
        """Give a run the first recording of its name that no other run goes by."""
        try:
            with self._lock:
                self._keep(run.recorder)
                self._enter_run(run)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 -- as choose
            self._ledger.stop_by_error(error, run.name)

    def _enter_run(self, run: Run) -> None:
        free = (tape for tape in self._tapes if not tape.is_taken and tape.run.name == run.name)
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
        self.scopes.add_run(run.run_id, Scope(run.name, track, tape.root, own=tape.root))
        self._ledger.report.run_ids.append(run.run_id)
        run.replayed_from = tape.run.run_id
        if self._policy.cut is not None:
            run.forked_at = self._policy.cut.seq
        run.set_attribute(REPLAY_MODE, self._policy.mode.value)
        if self._still is not None:
            seed = tape.run.attributes.get(FREEZE_SEED)
            own = seed if isinstance(seed, int) else 0
            self._still.begin(run.run_id, own, tape.run.start_ns)

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

    def finish(self) -> None:
        """See what the program did not come to at all."""
        with self._lock:
            self._endings.end_all(self._tapes)


def _explain(match: Match) -> str:
    assert match.kind is not None
    message = _MESSAGES[match.kind]
    if match.node is None or match.node.span is None:
        return message
    return message.format(name=match.node.span.name, place=match.node.describe())
