"""What is seen at the end of spans and runs: calls that never came, and another outcome."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from agenttrace.pipeline.records import price
from agenttrace.replay.calls import LiveCall
from agenttrace.replay.differences import compare_payloads
from agenttrace.replay.kinds import SELECTOR_UNMET, Action, Divergence, DivergenceKind, Status
from agenttrace.replay.marks import finish_marks, mark
from agenttrace.replay.matching import VOLATILE_IGNORED, find_missing, find_unmet
from agenttrace.replay.payloads import differ, encode_as, have_same_input
from agenttrace.semconv import (
    FREEZE_CLOCK,
    REPLAY_DIVERGENCES,
    REPLAY_STATUS,
    STREAM_CHUNKS,
    STREAM_SENT,
)
from agenttrace.wire import Outcome, RunStatus, SpanType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agenttrace.failures import Failure
    from agenttrace.recorder import Recorder
    from agenttrace.replay.freezing import Stillness
    from agenttrace.replay.ledger import Ledger
    from agenttrace.replay.scopes import Scope, Scopes, Track
    from agenttrace.replay.tape import Node, Tape
    from agenttrace.run import Run
    from agenttrace.span import Span
    from agenttrace.trace import RecordedError, RecordedSpan


_SEQ_BITS: Final = 30  # of each process of a run, as docs/wire-format.md has it
# What the recorder says of a span, and what figures of providers and hosts are.
_OWN_ATTRIBUTES: Final = ("agenttrace.", "gen_ai.", "otel.", "host.", "process.", "thread.")


class Endings:
    """Compares ends with recorded ends. Nothing is compared once the replay is stopped."""

    def __init__(self, ledger: Ledger, scopes: Scopes) -> None:
        self._ledger = ledger
        self._scopes = scopes
        self.still: Stillness | None = None
        self._left_at: tuple[int | None, int] | None = None  # the recorded lane, and where in it

    def leave(self, scope: Scope, call: LiveCall, node: Node | None) -> None:
        """Take notice that the recording is left for good at a call.

        What was to come is not missing then; what its lane had before the last call that was
        served was passed over, and is. What lies between that and the counterpart may come yet.
        """
        if scope.track is None:
            self._left_at = None, 0
        else:
            lanes = scope.track.matcher.lanes
            lane = lanes.find(call.lane) if node is None else node.lane
            self._left_at = lane, lanes.find_reached(call.lane)

    def end_span(self, span: Span, outcome: Outcome) -> None:
        """Compare the end of a span with its counterpart's."""
        scope = self._scopes.find_own(span)
        self._scopes.end_live(span)
        if (span.attributes or {}).get(REPLAY_STATUS) == Status.LIVE and scope is not None:
            self._add_cost(span, outcome, scope.path)
        self._ledger.tell_kin()
        if scope is None or scope.own is None or scope.own.span is None:
            return
        self._settle(scope, span, outcome)
        node = scope.own
        assert node.span is not None
        self._move_clock(node.span)
        if scope.ticket is not None and scope.track is not None:
            scope.track.order.leave(scope.ticket)
        if (span.attributes or {}).get(REPLAY_STATUS) == Status.REPLAYED:
            finish_marks(span, node.span)
        if self._ledger.is_stopped or scope.is_live:
            return
        if scope.call is not None:
            self._compare_code(scope, scope.call, node)
            scope.call = None
        if not node.is_boundary or outcome is not Outcome.OK:
            self._compare_span(span, outcome, node)
        self._report_missing(scope, node, ended_in_lane=True)

    def _settle(self, scope: Scope, span: Span, outcome: Outcome) -> None:
        """Take a span of code for what it has come out to be."""
        place, track = scope.place, scope.track
        if place is None or track is None or place.is_certain or place.node.is_boundary:
            return
        before = place.node
        track.matcher.places.settle(
            place, lambda node: self._find_change(span, outcome, node) is None
        )
        if place.node is not before:
            mark(span, None, place.node.span)

    def _add_cost(self, span: Span, outcome: Outcome, path: str) -> None:
        """Add what a call that ran live cost; the next one may be one too many."""
        report = self._ledger.report
        span.outcome = outcome  # whether anything is estimated depends on it
        cost, is_billed_within = price(span)
        if span.spec.span_type is SpanType.AGENT:
            return  # it repeats the calls within it
        if cost is not None:
            report.live_usd += Decimal(cost["usd"])
        elif (
            span.spec.span_type is SpanType.LLM_CALL
            and outcome is not Outcome.ERROR
            and not is_billed_within
            and report.unpriced is None
        ):
            report.unpriced = path

    def _move_clock(self, recorded: RecordedSpan) -> None:
        """Let a clock that is held still go on to the recorded end."""
        if self.still is not None:
            at_ns = (recorded.attributes or {}).get(FREEZE_CLOCK, recorded.end_ns)
            if isinstance(at_ns, int):
                self.still.move_to(at_ns)

    def end_run(self, run: Run, status: RunStatus) -> None:
        """Compare the end of a run with its counterpart's, and say what never came."""
        if not run.owns_end:  # a fork left it, as a pool's worker does that is terminated
            return
        scope = self._scopes.find_run(run.run_id)
        if scope is not None and scope.track is None:
            self._report_stray(run)
        if scope is None or scope.own is None or scope.track is None:
            return
        if not self._ledger.is_stopped:
            self._compare_run(run, status, scope)
            if status is not RunStatus.INTERRUPTED:  # else what is missing has its reason
                self._report_missing(scope, scope.own, ended_in_lane=False)
                self._report_unmet(scope, scope.own)
            for doubt in scope.track.matcher.lanes.list_doubts():
                self._ledger.add(doubt)
        self._note_unmet()
        if self._ledger.report.divergences:
            kinds = [each.kind.value for each in self._ledger.report.divergences]
            run.set_attribute(REPLAY_DIVERGENCES, kinds[:100])
        if self._ledger.witness is not None:
            self._ledger.witness.end_run(scope.track.tape.run.run_id, status)

    def _note_unmet(self) -> None:
        """Say which selectors of the settings have meant no call: a wrong name has no effect."""
        notes = self._ledger.report.notes
        for name in [name for name in notes if name.startswith(SELECTOR_UNMET)]:
            del notes[name]
        for text in self._ledger.policy.list_unmet():
            notes[f"{SELECTOR_UNMET} {text}"] = 1

    def end_late(self, tapes: list[Tape]) -> None:
        """Say which calls never came that were recorded after the end of their run."""
        if self._ledger.is_child:
            return  # its parent says it
        for scope in self._scopes.list_runs():
            if scope.own is not None and scope.track is not None and scope.track.tape in tapes:
                self._report_missing(scope, scope.own, ended_in_lane=False, is_late=True)

    def end_all(self, tapes: list[Tape]) -> None:
        """Say which recorded runs were never begun."""
        for tape in tapes:
            if tape.is_taken or tape.is_optional or self._ledger.is_stopped:
                continue
            self._ledger.add(
                Divergence(
                    DivergenceKind.MISSING_CALL,
                    Action.RAISE,
                    "the program never began this run",
                    tape.run.name,
                    hint="does the program call tracer.run() with this name, and with this tracer?",
                )
            )

    def _report_missing(
        self, scope: Scope, node: Node, *, ended_in_lane: bool, is_late: bool = False
    ) -> None:
        """List what was not met: what began before its run had ended, or after it."""
        track = scope.track
        assert track is not None
        end = track.tape.run.end_seq
        for missing in find_missing(node, ended_in_lane=ended_in_lane):
            if id(missing) in track.reported or self._ledger.is_stopped:
                continue
            # A thread that outlives the run may still come with what it did after the run's end.
            if (end is not None and end < missing.seq < 1 << _SEQ_BITS) is not is_late:
                continue
            if self._ledger.policy.is_beyond_cut(missing) or self._is_beyond_end(missing):
                continue
            track.reported.add(id(missing))
            assert missing.span is not None
            self._ledger.add(
                Divergence(
                    DivergenceKind.MISSING_CALL,
                    Action.RAISE,
                    f"the recorded call of {missing.span.name!r} was not made",
                    f"{track.tape.run.name}/{missing.describe()}",
                    source_span_id=missing.span.span_id,
                )
            )

    def _is_beyond_end(self, node: Node) -> bool:
        """Tell whether a call may have been made after the recording was left."""
        if self._left_at is None:
            return False
        lane, seq = self._left_at
        return node.lane != lane or node.seq > seq

    @staticmethod
    def _find_change(span: Span, outcome: Outcome, node: Node) -> str | None:
        """Return in what a span's end is another than the recorded one; None in nothing."""
        recorded = node.span
        assert recorded is not None
        live = Outcome.ERROR if span._failed else outcome  # noqa: SLF001 -- as the recorder decides it
        if recorded.outcome is None or live is Outcome.UNFINISHED:
            return None
        if live is not recorded.outcome:
            return f"it ended with {live.value!r}; the recorded one with {recorded.outcome.value!r}"
        if node.is_boundary:  # it was served: its output is the recorded one
            return _find_other_use(span, recorded, is_closed=live is Outcome.CLOSED)
        if _differ_in_error(span.run.recorder, recorded.error, span.error):
            return "it failed with another error than the recorded one"
        if differ(span.run.recorder, recorded.output, span.output):
            return "its output is another than the recorded one"
        return None

    def _compare_code(self, scope: Scope, call: LiveCall, node: Node) -> None:
        """Compare what a span of code was given, and what it says of itself."""
        assert scope.track is not None
        if scope.track.matcher.has_other_input(node, call):
            kind = DivergenceKind.INPUT_CHANGED
            self._ledger.diverge(kind, call, "its input differs", node=node, is_structural=True)
        name = _find_changed(call.span.attributes or {}, node)
        if name is not None:
            self._ledger.diverge(
                DivergenceKind.OUTCOME_CHANGED,
                call,
                f"its attribute {name!r} is another than the recorded one",
                node=node,
                is_structural=True,
            )

    def _report_unmet(self, scope: Scope, root: Node) -> None:
        """List the spans of code that the program no longer comes to: decisions, wrappers."""
        assert scope.track is not None
        for node in find_unmet(root):
            if self._ledger.policy.is_beyond_cut(node) or self._is_beyond_end(node):
                continue
            assert node.span is not None
            self._ledger.add(
                Divergence(
                    DivergenceKind.NESTING_CHANGED,
                    Action.SERVE,
                    f"the program did not come to the recorded span {node.span.name!r}",
                    f"{scope.track.tape.run.name}/{node.describe()}",
                    source_span_id=node.span.span_id,
                    is_structural=True,
                )
            )

    def _compare_span(self, span: Span, outcome: Outcome, node: Node) -> None:
        why = self._find_change(span, outcome, node)
        if why is not None:
            scope = self._scopes.find(span)
            call = LiveCall(span, f"{scope.path}/{span.name}")
            self._ledger.diverge(
                DivergenceKind.OUTCOME_CHANGED, call, why, node=node, is_structural=True
            )

    def _report_stray(self, run: Run) -> None:
        """List a run that the recording does not have, unless a call in it was listed already."""
        report = self._ledger.report
        places = [
            each.path for each in report.divergences if each.kind is DivergenceKind.EXTRA_CALL
        ]
        is_told = any(path == run.name or path.startswith(f"{run.name}/") for path in places)
        if run.recording and not self._ledger.is_stopped and not is_told:
            self._ledger.add(
                Divergence(
                    DivergenceKind.EXTRA_CALL,
                    Action.SERVE,
                    "the recording holds no such run that is not replayed yet",
                    run.name,
                    is_structural=True,
                )
            )

    def _compare_run_input(self, run: Run, track: Track) -> None:
        tape = track.tape
        if tape.begins_with_call:
            return  # a call outside of any run began it: its input is compared as the call's
        is_same = have_same_input(run, tape.run, track.matcher.volatile)
        if is_same is None:
            self._ledger.note(VOLATILE_IGNORED)
        elif not is_same:
            self._ledger.add(
                compare_payloads(
                    Divergence(
                        DivergenceKind.INPUT_CHANGED,
                        Action.SERVE,
                        "the run's input is another than the recorded one",
                        run.name,
                        is_structural=True,
                    ),
                    tape.run.input,
                    None if run.input is None else encode_as(run.recorder, run.input),
                )
            )

    def _compare_run(self, run: Run, status: RunStatus, scope: Scope) -> None:
        assert scope.track is not None
        recorded = scope.track.tape.run
        self._compare_run_input(run, scope.track)
        if not recorded.is_finished:
            return
        why = None
        if status is not recorded.status:
            why = f"the run ended as {status.value}; the recorded one as {recorded.status.value}"
        elif _differ_in_error(run.recorder, recorded.error, run.error):
            why = "the run failed with another error than the recorded one"
        elif differ(run.recorder, recorded.output, run.output):
            why = "the run's output is another than the recorded one"
        if why is not None:
            self._ledger.add(
                Divergence(
                    DivergenceKind.OUTCOME_CHANGED,
                    Action.WARN,
                    why,
                    run.name,
                    is_structural=True,
                )
            )


def _find_changed(live: Mapping[str, object], node: Node) -> str | None:
    """Return the first attribute that is another than the recorded one; None for none."""
    recorded = {} if node.span is None else node.span.attributes or {}
    for name in {**recorded, **live}:
        is_own = name.startswith(_OWN_ATTRIBUTES)
        if not is_own and (name in recorded, recorded.get(name)) != (name in live, live.get(name)):
            return name
    return None


def _differ_in_error(
    recorder: Recorder, recorded: RecordedError | None, live: Failure | None
) -> bool:
    if recorded is None or live is None:
        return (recorded is None) is not (live is None)
    redactor = recorder.policy.redactor
    message = live.message if redactor is None else redactor.redact_text(live.message)
    return (recorded.type, recorded.message) != (live.type, message)


def _find_other_use(span: Span, recorded: RecordedSpan, *, is_closed: bool) -> str | None:
    """Return what the consumer of a stream did otherwise; None of what is no stream, too."""
    live, then = (said or {} for said in (span.attributes, recorded.attributes))
    chunks = live.get(STREAM_CHUNKS), then.get(STREAM_CHUNKS)
    if is_closed and chunks[0] != chunks[1]:
        return f"{chunks[0]} of its chunks were taken; {chunks[1]} then"
    sent = live.get(STREAM_SENT, 0), then.get(STREAM_SENT, 0)
    if sent[0] != sent[1]:
        return f"it was sent, or had thrown into it, {sent[0]} values; {sent[1]} then"
    return None
