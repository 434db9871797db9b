"""What becomes of a call in a replay: it is served, it runs, or it stops the replay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from agenttrace.replay.calls import LiveCall
from agenttrace.replay.kinds import (
    INPUT_OPAQUE,
    SELECTOR_NESTED,
    Action,
    Divergence,
    DivergenceKind,
    Mode,
    Status,
)
from agenttrace.replay.marks import mark
from agenttrace.replay.matching import find_missing
from agenttrace.replay.payloads import holds_opaque
from agenttrace.replay.places import Place
from agenttrace.replay.scopes import Scope
from agenttrace.replay.streams import Feed
from agenttrace.replay.tape import is_boundary
from agenttrace.replay.turns import Turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace.replay.deliveries import Deliveries
    from agenttrace.replay.endings import Endings
    from agenttrace.replay.ledger import Ledger
    from agenttrace.replay.matching import Match
    from agenttrace.replay.scopes import Scopes
    from agenttrace.replay.serving import Served
    from agenttrace.replay.tape import Node, Tape
    from agenttrace.replaying import CallKind
    from agenttrace.span import Span
    from agenttrace.spec import Spec

_MESSAGES: Final = {
    DivergenceKind.EXTRA_CALL: "the recording has no such call here",
    DivergenceKind.RENAMED: "the recording has this call under the name {name!r}",
    DivergenceKind.NESTING_CHANGED: "the recording has this call elsewhere, at {place}",
    DivergenceKind.INPUT_CHANGED: "its input differs",
    DivergenceKind.AMBIGUOUS: "it is called on another object than the recorded one, or on one "
    "that held other texts or numbers when it was first seen",
}
# It is the call's own counterpart, as far as anything tells.
_OWN: Final = frozenset({None, DivergenceKind.AMBIGUOUS})
_SELF: Final = (
    "replay_key= of the wrapper says which object is which: a text, or a function of the call's "
    "arguments; then record anew"
)

_CUT_OFF: Final = (
    "what came after that was not recorded: mode='live_after_divergence' makes this call and those "
    "after it; else record anew, to the end"
)
_LATE: Final = "the recording has it before another one that was made already"


class Go:
    """A plan: the body runs."""


class Halt:
    """A plan: the call raises."""


RUN: Final = Go()
STOP: Final = Halt()
Plan: TypeAlias = Turn | Feed | Go | Halt


class Planner:
    """Plans one call after the other. Its methods are called under the conductor's lock."""

    def __init__(
        self,
        tapes: list[Tape],
        ledger: Ledger,
        scopes: Scopes,
        deliveries: Deliveries,
        endings: Endings,
    ) -> None:
        self.scopes = scopes
        self._tapes = tapes
        self._ledger = ledger
        self._policy = ledger.policy
        self._deliveries = deliveries
        self._endings = endings
        self._is_live = False  # the recording was left for good
        self._nested: set[str] = set()  # selectors of which it was said

    # Calls

    def plan(
        self,
        kind: CallKind,
        spec: Spec,
        span: Span | None,
        rebind: Callable[[], dict[str, object]],
        receiver: str | None,
    ) -> Plan:
        """Return what becomes of a call; `receiver` is which object the method was called on."""
        is_unit = is_boundary(spec.span_type, spec.boundary)
        if is_unit and self._ledger.is_stopped:
            return STOP
        if span is None or not span.run.recording:
            return self._plan_unrecorded(spec) if is_unit else RUN
        scope = self.scopes.find(span)
        call = LiveCall(span, f"{scope.path}/{spec.name}", kind, rebind, receiver)
        if is_unit:
            return self._plan_call(call, scope)
        self._enter_structure(call, scope)
        return RUN

    def _plan_unrecorded(self, spec: Spec) -> Halt:
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
        if scope.track is None or scope.place is None:
            return self._plan_stray(call, scope)
        match = scope.track.matcher.match(scope.place, call)
        if self._policy.is_live(call):
            call.is_own = match.kind in _OWN
            is_known = call.is_own or match.kind is DivergenceKind.INPUT_CHANGED
            if is_known and match.node is not None:
                self._note_nested(call, match.node)
            return self._run_live(call, scope, match.node if is_known else None)
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
        assert scope.place is not None
        node, ledger = match.node, self._ledger
        call.is_own = match.kind in _OWN
        if match.note is not None:
            ledger.note(match.note)
        elif match.kind is not DivergenceKind.INPUT_CHANGED and _holds_opaque(node):
            ledger.note(f"{INPUT_OPAQUE} {call.path}")
        if match.kind is not None:
            message, hint = _explain(match), None
            if match.kind is DivergenceKind.AMBIGUOUS:
                hint = _SELF
            elif match.kind is DivergenceKind.EXTRA_CALL and _is_used_up(scope):
                message, hint = f"{message}: {scope.track.tape.describe_cut()}", _CUT_OFF
            action = ledger.diverge(match.kind, call, message, node=node, hint=hint)
            plan = self._follow(action, call, scope, node)
            if plan is not None:
                return plan
        assert node is not None
        if scope.track.matcher.is_late(scope.place, call, node):
            action = ledger.diverge(
                DivergenceKind.REORDERED,
                call,
                _LATE,
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
    ) -> Go | Halt | None:
        """Return the plan that an answer of the policy makes; None to go on and serve."""
        if action is Action.RAISE:
            return STOP
        if action is not Action.LIVE:
            return None
        if self._policy.mode is Mode.LIVE_AFTER_DIVERGENCE:
            self._is_live = True
            self._endings.leave(scope, call, node)
        return self._run_live(call, scope, node)

    def _run_live(self, call: LiveCall, scope: Scope, node: Node | None) -> Go | Halt:
        """Let a call reach the world, if it may; its counterpart is used up with all it holds."""
        ledger = self._ledger
        why = self._policy.forbid(call, ledger.report)
        if why is not None:
            message, hint = why
            ledger.diverge(DivergenceKind.LIVE_BLOCKED, call, message, node=node, hint=hint)
            return STOP
        if node is not None and scope.track is not None and scope.place is not None:
            scope.track.matcher.use(scope.place, call, node, is_own=call.is_own)
            for below in node.walk() if call.is_own else ():
                below.is_used = True
        ledger.report.live_calls += 1
        self._deliveries.begin(
            call, Scope(call.path, scope.track, scope.place, is_live=True), node, Status.LIVE
        )
        return RUN

    def _open(self, call: LiveCall, scope: Scope, node: Node) -> Go:
        """Run the body of a boundary; what is called within is looked up below its node."""
        assert scope.track is not None
        assert scope.place is not None
        scope.track.matcher.use(scope.place, call, node, is_own=call.is_own)
        node.is_opened = True
        self._note_nested(call, node)
        own = Scope(call.path, scope.track, Place(node), is_own=True)
        self._deliveries.begin(call, own, node, Status.PASSTHROUGH)
        return RUN

    def _note_nested(self, call: LiveCall, node: Node) -> None:
        """Say once of a selector that it means a call and another one within that."""
        found = self._policy.find_nested(call, node)
        if found is not None and found[0] not in self._nested:
            selector, inner = found
            self._nested.add(selector)
            self._ledger.note(f"{SELECTOR_NESTED} {selector}: {inner} within {call.path}")

    def _serve(self, call: LiveCall, scope: Scope, node: Node) -> Plan:
        tale, served = self._deliveries.examine(call, scope, node)
        if served.reason is not None:
            plan = self._judge_loss(served, call, scope, node)
            if plan is not None:
                return plan
        return self._deliveries.deliver(call, scope, node, tale, served)

    def _judge_loss(
        self, served: Served, call: LiveCall, scope: Scope, node: Node
    ) -> Go | Halt | None:
        kind = DivergenceKind.TYPE_DEGRADED if served.is_available else DivergenceKind.UNAVAILABLE
        assert served.reason is not None
        action = self._ledger.diverge(kind, call, served.reason, node=node, hint=served.hint)
        return self._follow(action, call, scope, node)

    # Structure

    def _enter_structure(self, call: LiveCall, scope: Scope) -> None:
        """Find the counterpart of a span whose body is code; without one it is transparent."""
        if scope.track is None or scope.place is None or scope.is_live or self._is_live:
            is_live = scope.is_live or self._is_live
            self.scopes.add(call.span, Scope(call.path, scope.track, scope.place, is_live=is_live))
            return
        match = scope.track.matcher.match_structure(scope.place, call)
        node = match.node
        if match.kind is not None:
            message = "the recording has no such span here" if node is None else _explain(match)
            self._ledger.diverge(match.kind, call, message, node=node, is_structural=True)
        if node is None:
            self.scopes.add(call.span, Scope(call.path, scope.track, scope.place))
            return
        matcher = scope.track.matcher
        if match.kind is None and matcher.is_late(scope.place, call, node):
            self._ledger.diverge(
                DivergenceKind.REORDERED, call, _LATE, node=node, is_structural=True
            )
        place = matcher.enter(scope.place, call, node)
        own = Scope(call.path, scope.track, place, is_own=True)
        own.call = call
        self.scopes.add(call.span, own)
        mark(call.span, None, node.span)

    def plan_block(self, span: Span) -> Plan:
        """Return what becomes of a `with` block, whose body cannot be left out."""
        scope = self.scopes.find(span)
        call = LiveCall(span, f"{scope.path}/{span.name}")
        if not is_boundary(span.spec.span_type, span.spec.boundary):
            self._enter_structure(call, scope)
            return RUN
        if self._ledger.is_stopped:
            return STOP
        is_live = scope.is_live or self._is_live or self._policy.is_live(call)
        if is_live or scope.track is None or scope.place is None:
            return self._plan_call(call, scope)
        match = scope.track.matcher.match(scope.place, call)
        node = match.node
        if node is None or self._policy.is_opened(call):
            return self._plan_match(call, scope, match)
        if match.kind in _OWN and any(node.find_units()):
            return self._open(call, scope, node)  # what reaches out within it is served by itself
        return self._refuse_block(call, scope, node)

    def _refuse_block(self, call: LiveCall, scope: Scope, node: Node) -> Go | Halt:
        action = self._ledger.diverge(
            DivergenceKind.UNAVAILABLE,
            call,
            "a `with` block cannot be left out: its body would run",
            node=node,
            hint="put the body into a function with a wrapper such as @trace_tool(tracer); or say "
            "boundary=False where it only computes, or live= where it may run",
        )
        return self._follow(action, call, scope, node) or STOP


def _is_used_up(scope: Scope) -> bool:
    """Tell whether a recording was cut off within this scope, and all that it has there is met."""
    if scope.track is None or scope.place is None or scope.track.tape.run.is_finished:
        return False
    node = scope.place.node
    return node.end_seq is None and not any(find_missing(node, ended_in_lane=False))


def _holds_opaque(node: Node | None) -> bool:
    return node is not None and node.span is not None and holds_opaque(node.span.input)


def _explain(match: Match) -> str:
    assert match.kind is not None
    message = _MESSAGES[match.kind]
    if match.node is None or match.node.span is None:
        return message
    return message.format(name=match.node.span.name, place=match.node.describe())
