"""The hot path: opening and closing spans and runs. Nothing here raises into the program.

Each public method is a boundary of its own. What is done on the caller's thread is one copy of the
data, two reads of the clocks, and one append to each exporter's queue.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from weakref import WeakSet

from agenttrace.context import Lane, Place, renew_thread
from agenttrace.encoding.snapshot import Snapshot, take_snapshot
from agenttrace.event import Event
from agenttrace.failures import Failure, judge_run, judge_span
from agenttrace.pipeline.hub import Hub
from agenttrace.propagation import register
from agenttrace.recording_tools import RecordingTools
from agenttrace.resolution import Resolution
from agenttrace.retries import count_attempt, keep_failure
from agenttrace.run import Run, RunSnapshot
from agenttrace.span import Span, SpanStart
from agenttrace.usage.reports import keep_report
from agenttrace.wire import Outcome, RunStatus, SpanStatus, SpanType

if TYPE_CHECKING:
    from agenttrace.clock import Clock
    from agenttrace.ids import IdGenerator
    from agenttrace.pipeline.intake import Item
    from agenttrace.redaction import Redactor
    from agenttrace.settings import Settings
    from agenttrace.spec import Spec


Bind: TypeAlias = Callable[[tuple[object, ...], dict[str, object]], dict[str, object]]
# The class finds a member by a Python call, a global name is a look-up.
_STARTED: Final = SpanStatus.STARTED
_LLM_CALL: Final = SpanType.LLM_CALL
Node: TypeAlias = Span | Run | Place


class Recorder(RecordingTools):
    """What a tracer's runs and spans share. Safe on any thread and in any task."""

    def __init__(
        self,
        *,
        clock: Clock,
        ids: IdGenerator,
        settings: Settings,
        resource: Mapping[str, str | int] | None,
        redactor: Redactor | Callable[[str | None, Any], Any] | None = None,
    ) -> None:
        super().__init__(settings, resource, redactor)
        self.hub = Hub(
            guard=self.guard,
            settings=settings,
            on_shutdown=self._interrupt_open,
            on_fork=self._continue_in_child,
        )
        self.open_runs: WeakSet[Run] = WeakSet()
        self.joined_runs: dict[str, Run] = {}  # of other processes, by id
        self.key, self.number = register(self)
        self.generation = 0  # counts the forks between the first process and this one
        self.max_payload_bytes: Final = settings.payload_max_bytes
        self.ids = ids
        self.node: ContextVar[Node | None] = ContextVar("agenttrace_node", default=None)
        self.lane: ContextVar[Lane | None] = ContextVar("agenttrace_lane", default=None)
        self._clock = clock
        self._time_ns = clock.time_ns
        self._monotonic_ns = clock.monotonic_ns
        self._new_span_id = ids.new_span_id
        self._resolution = Resolution()

    def resolve_with(self, resolve: Callable[[], None]) -> None:
        """Call `resolve` once, before the first record, unless exporters are there by then."""
        self._resolution.plan(resolve)

    def is_recording(self) -> bool:
        """Tell whether there is any exporter; finds the one that the environment names."""
        if not self.hub.sinks and self._resolution.is_pending and not self._resolution.run():
            self.guard.warn("resolve_timeout", "another thread took too long to find the exporter")
        return bool(self.hub.sinks)

    def read_clock_by(self, time_ns: Callable[[], int] | None) -> None:
        """Read the wall clock by this from now on; None is by the recorder's own."""
        self._time_ns = self._clock.time_ns if time_ns is None else time_ns

    def read_clock_ns(self) -> int:
        """Return the wall clock, in ns since the Unix epoch."""
        return self._time_ns()

    def take(self, value: object) -> Snapshot:
        """Return a copy of `value` as it is now."""
        return take_snapshot(value, max_bytes=self.max_payload_bytes)

    def emit(self, item: Item) -> None:
        """Offer one item to the queue before the exporters."""
        self.hub.put(item)

    def emit_event(
        self,
        run: Run,
        span_id: str | None,
        name: str,
        body: Snapshot | Failure | None,
        *,
        since: Span | None = None,
    ) -> int:
        """Record an event at this moment; return how long after the start of `since`, in ns."""
        offset_ns = None
        if since is not None:
            offset_ns = max(0, self._monotonic_ns() - since._start_mono)  # noqa: SLF001 -- a span is this module's to drive
        self.emit(
            Event(
                run,
                span_id=span_id,
                seq=next(run.seqs),
                t_ns=self._time_ns(),
                name=name,
                body=body,
                offset_ns=offset_ns,
            )
        )
        return offset_ns or 0

    def _interrupt_open(self) -> None:
        """Send the last snapshot of what will never end now."""
        for run in list(self.open_runs):
            for span in list(run.open_spans.values()):
                self.end_span(span, status=SpanStatus.INTERRUPTED, outcome=Outcome.UNFINISHED)
            with self.boundary("interrupt"):
                self._end_run(run, RunStatus.INTERRUPTED)

    def _continue_in_child(self) -> None:
        self.generation += 1
        renew_thread()
        reseed = getattr(self.ids, "reseed", None)
        if callable(reseed):
            reseed()
        self.forget_process()
        for run in list(self.open_runs):
            run.leave_to_parent(os.getpid())

    # Runs

    def enter_run(self, run: Run, *, activate: bool = True) -> None:
        """Start a run and, with `activate`, make it the current one of this context."""
        try:
            if run._start_mono >= 0:  # noqa: SLF001 -- a run is this module's to drive
                self.guard.warn("reentered", f"run {run.name!r} was entered twice")
                return
            run.start_ns = self._time_ns()
            run._start_mono = self._monotonic_ns()  # noqa: SLF001 -- as above
            if self.replay is not None:
                self.replay.enter_run(run)
            if run.recording:
                self.open_runs.add(run)
                self.emit(RunSnapshot(run, 0))
            if activate:
                run._lane_token = self.lane.set(Lane(run, next(run.lanes)))  # noqa: SLF001 -- as above
                run._token = self.node.set(run)  # noqa: SLF001 -- as above
        except BaseException as error:  # noqa: BLE001 -- the boundary
            self.guard.note("enter_run", error)

    def exit_run(self, run: Run, error: BaseException | None) -> None:
        """End a run; the context is what it was before."""
        if run.status is not RunStatus.STARTED or run._start_mono < 0:  # noqa: SLF001 -- as above
            return
        status = RunStatus.ERROR
        try:
            if not run._failed:  # noqa: SLF001 -- as above
                status = judge_run(error)
            if error is not None and status is not RunStatus.COMPLETED:
                run.error = Failure(error)
        except BaseException as second:  # noqa: BLE001 -- the boundary
            self.guard.note("exit_run", second)
        finally:
            with self.boundary("exit_run"):
                self._end_run(run, status)

    def _end_run(self, run: Run, status: RunStatus) -> None:
        self._leave_run(run)  # first: whatever goes wrong after it, the program is out of the run
        if self.replay is not None:
            self.replay.leave_run(run, status)
        run.duration_ns = max(0, self._monotonic_ns() - run._start_mono)  # noqa: SLF001 -- as above
        run.status = status
        self.open_runs.discard(run)
        if run.recording and run.owns_end:
            run.end_seq = next(run.seqs)
            self.emit(RunSnapshot(run, 1))

    def _leave_run(self, run: Run) -> None:
        tokens = ((self.node, run._token), (self.lane, run._lane_token))  # noqa: SLF001 -- as above
        run._token = run._lane_token = None  # noqa: SLF001 -- as above; a token serves once
        for variable, token in tokens:
            if token is not None:
                try:
                    variable.reset(token)  # type: ignore[arg-type]  # each token is its variable's
                except ValueError:  # left in another context than it was entered in
                    continue

    def make_implicit_run(self, name: str) -> Run:
        """Return the run that a span outside a run opens and closes; it bears the span's name."""
        run_id = self.ids.new_run_id()
        is_sampled = not self.is_recording() or self.hub.samples(run_id)
        run = Run(self, name, run_id, recording=is_sampled and self.is_recording())
        run.is_sampled = is_sampled
        return run

    # Spans

    def open_call(
        self,
        spec: Spec,
        bind: Bind,
        args: tuple[object, ...],
        kwargs: dict[str, object],
        *,
        activate: bool = True,
    ) -> Span | None:
        """Start a span for a call, its input as it is now; None when nothing is recorded.

        Without `activate` the caller's context stays as it is: the body of a stream runs later, in
        pieces, and its consumer is not inside it.
        """
        try:
            if not self.hub.sinks and not self.is_recording():
                return None
            node = self.node.get()
            if node is not None and not node.run.recording:
                return None
            snapshot = None
            if spec.capture_input:
                snapshot = take_snapshot(bind(args, kwargs), max_bytes=self.max_payload_bytes)
            owns_run = node is None
            if node is None:
                node = self.make_implicit_run(spec.name)
                if not node.is_sampled:
                    return self._open_unsampled(spec, node, activate=activate)
                node.input = snapshot
                self.enter_run(node, activate=activate)
            span = Span(node.run, spec, snapshot, owns_run=owns_run)
            if spec.is_keyed:
                self.tell_apart(span, args, kwargs)
            if node.failed_call is not None:
                count_attempt(span, node, max_bytes=self.max_payload_bytes)
            self._start(span, node, activate=activate)
        except BaseException as error:  # noqa: BLE001 -- the boundary
            self._note_loss("open_span", error)
            return None
        return span

    def _open_unsampled(self, spec: Spec, run: Run, *, activate: bool) -> Span:
        """Enter a run that is not recorded, so that what is called within knows of it."""
        self.enter_run(run, activate=activate)
        return Span(run, spec, None, owns_run=True)

    def _note_loss(self, kind: str, error: BaseException) -> None:
        # A record is missing for it: the current run is not complete.
        self.guard.note(kind, error)
        node = self.node.get()
        if node is not None:
            node.run.is_complete = False

    def release(self, span: Span) -> None:
        """Make the caller's context what it was before the span, which stays open: a stream's."""
        token, span._token = span._token, None  # noqa: SLF001 -- as above
        if token is not None:
            with suppress(ValueError):  # returned in another context than it was called in
                self.node.reset(token)
        if span.owns_run:
            self._leave_run(span.run)

    def _start(self, span: Span, node: Node, *, activate: bool) -> None:
        run = span.run
        lane = self.lane.get()
        if lane is None or lane.run is not run or not lane.is_current():
            lane = Lane(run, next(run.lanes))
            if activate or not span.owns_run:  # the consumer of a stream is not in the stream's run
                self.lane.set(lane)
        span.lane = lane
        if node is not run:
            span.parent_id = node.id  # type: ignore[union-attr]  # a node is its run or a span
        span.id = self._new_span_id()
        span.generation = self.generation
        span.seq = next(run.seqs)
        span.start_ns = self._time_ns()
        span._start_mono = self._monotonic_ns()  # noqa: SLF001 -- as above
        run.open_spans[span.id] = span
        self.emit(SpanStart(span))
        if activate:
            span._token = self.node.set(span)  # noqa: SLF001 -- as above

    def enter_span(self, span: Span) -> None:
        """Start a span that `tracer.span()` made and make it the current one."""
        try:
            if span.seq >= 0 or not span.run.recording:
                if span.owns_run and not span.run.is_sampled:
                    self.enter_run(span.run)
                return
            node = self.node.get()
            if node is None or node.run is not span.run:
                node = span.run
            if node.run._start_mono < 0:  # noqa: SLF001 -- the implicit run of this span
                node.run.input = span.input
                self.enter_run(node.run)
            self._start(span, node, activate=True)
        except BaseException as error:  # noqa: BLE001 -- the boundary
            self.guard.note("enter_span", error)

    def close_call(self, span: Span, result: object) -> None:
        """End a span whose call returned `result`, which is recorded as it is now."""
        spec = span.spec
        try:
            if spec.capture_output and span.output is None:
                span.output = take_snapshot(result, max_bytes=self.max_payload_bytes)
            if spec.span_type is _LLM_CALL:
                self.read_answer(span, result)
        except BaseException as error:  # noqa: BLE001 -- the boundary
            self.guard.note("close_span", error)
        self.end_span(span)

    def read_answer(self, span: Span, answer: object) -> None:
        """Keep what a model call's answer, or a chunk of it, reports of itself."""
        if span.spec.span_type is _LLM_CALL:
            keep_report(span, answer)

    def end_span(
        self,
        span: Span,
        *,
        status: SpanStatus = SpanStatus.COMPLETED,
        outcome: Outcome = Outcome.OK,
    ) -> None:
        """End a span; the context is what it was before. A second end is ignored.

        A span that was open at a fork is the parent's to end: in the child it is only left.
        """
        try:
            run = span.run
            if span.status is not _STARTED or span.seq < 0:
                if span.owns_run and not run.is_sampled and run.status is RunStatus.STARTED:
                    self._end_run(run, RunStatus.COMPLETED)
                return
            if self.replay is not None:
                self.replay.leave(span, outcome)
            token = span._token  # noqa: SLF001 -- as above
            if token is not None:
                try:
                    self.node.reset(token)
                except ValueError:  # ended in another context than it was started in
                    span._token = None  # noqa: SLF001 -- as above
            duration_ns = self._monotonic_ns() - span._start_mono  # noqa: SLF001 -- as above
            span.duration_ns = duration_ns if duration_ns > 0 else 0  # noqa: FURB136 -- max() is a call
            if span._failed:  # noqa: SLF001 -- as above
                status, outcome = SpanStatus.ERROR, Outcome.ERROR
            span.status = status
            span.outcome = outcome
            if span.generation == self.generation:  # not inherited by a fork
                span.end_seq = next(run.seqs)
                run.open_spans.pop(span.id, None)
                self.emit(span)
            if span.owns_run:
                self._exit_implicit_run(run, span)
        except BaseException as error:  # noqa: BLE001 -- the boundary
            self._note_loss("end_span", error)

    def end_span_by(self, span: Span, error: BaseException) -> None:
        """End a span whose body raised `error`, which stays as it is."""
        try:
            status, outcome = judge_span(error)
            if outcome is not Outcome.CLOSED and span.error is None:
                span.error = Failure(error)
        except BaseException as second:  # noqa: BLE001 -- the boundary
            self.guard.note("end_span", second)
            status, outcome = SpanStatus.ERROR, Outcome.ERROR
        self.end_span(span, status=status, outcome=outcome)
        if outcome is Outcome.ERROR:
            with self.boundary("end_span"):
                keep_failure(span, self.node.get())

    def _exit_implicit_run(self, run: Run, span: Span) -> None:
        run.output = span.output
        run.error = span.error
        status = {
            SpanStatus.ERROR: RunStatus.ERROR,
            SpanStatus.CANCELLED: RunStatus.INTERRUPTED,
            SpanStatus.INTERRUPTED: RunStatus.INTERRUPTED,
        }.get(span.status, RunStatus.COMPLETED)
        self._end_run(run, status)
