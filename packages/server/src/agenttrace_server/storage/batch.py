"""Merging a batch in memory: stored states in, rows to write and log entries out. No SQL.

Entries of the change log are made in the order of the records, with two rules that spare a
follower special cases: a span's `span_started` comes before anything else of that span (events
that arrive earlier wait for it), and each span has one `span_started` and at most one
`span_ended`, whatever was sent how often.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from agenttrace.wire import is_terminal
from agenttrace.wire.models import ValidEvent, ValidRun, ValidSpan
from agenttrace_server.records import ChangeKind
from agenttrace_server.storage.merge import State, rank_of
from agenttrace_server.storage.rollups import Difference
from agenttrace_server.storage.snapshots import (
    read_payload,
    read_run_fields,
    read_span_fields,
    read_state_figures,
)
from agenttrace_server.storage.sole_spans import Incoming, SoleSpan, prepare_span
from agenttrace_server.storage.tables import RUN_OWNER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace_server.storage.positions import LoggedChange

SpanKey: TypeAlias = tuple[str, str]
EventKey: TypeAlias = tuple[str, int]


@dataclass(slots=True)
class RunWork:
    """A run that this batch touches."""

    state: State = field(default_factory=State)
    row: dict[str, Any] | None = None
    """As stored, with its sums; None for a run that the store does not have."""
    earliest_ns: int | None = None
    difference: Difference = field(default_factory=Difference)
    announced: bool = False
    changed: bool = False
    given_up: bool = False
    """It is shown as INTERRUPTED, since nothing came from its recorder for long."""


class SpanWork:
    """A span that this batch touches."""

    __slots__ = ("_state", "changed", "sole", "stored", "waiting")

    def __init__(self, state: State | None = None) -> None:
        """Begin with what the store has of the span; with nothing, where it has no row of it."""
        self._state = state
        self.stored = state is not None
        self.changed = False
        self.waiting: Sequence[int] = ()
        """The `seq` of events that came before their span, oldest first."""
        self.sole: SoleSpan | None = None
        """All that is known of a span that the store does not have."""

    @property
    def is_known(self) -> bool:
        """Tell whether any snapshot of it has come."""
        return self.sole is not None or self._state is not None

    def merge(self) -> State:
        """Return the state, with the sole snapshot in it: another is to be merged with it."""
        if self._state is None:
            assert self.sole is not None
            record = self.sole.record
            self._state = State()
            self._state.apply(rank_of(record.status, record.rev), read_span_fields(record))
            self.sole = None
        return self._state


@dataclass(slots=True)
class Batch:
    """The state of everything that a batch of records touches, while it is applied."""

    runs: dict[str, RunWork]
    spans: dict[SpanKey, SpanWork]
    stored_events: set[EventKey]
    new_events: dict[EventKey, tuple[Any, ...]] = field(default_factory=dict)
    changes: list[LoggedChange] = field(default_factory=list)
    returned: list[str] = field(default_factory=list)
    """Runs that had been given up: their open spans are shown as open again."""

    def apply(self, record: Incoming) -> None:
        """Merge one record into the batch."""
        if isinstance(record, SoleSpan | ValidSpan):
            self._apply_span(record)
        elif isinstance(record, ValidEvent):
            self._apply_event(record)
        else:
            self._apply_run(record)

    def _apply_run(self, record: ValidRun) -> None:
        run = self._hear_of(record.run_id)
        ended_before = _has_ended(run.state)
        if not run.state.apply(rank_of(record.status, record.rev), read_run_fields(record)):
            return
        run.changed = True
        was_announced = run.announced
        self._announce(record.run_id, run)
        if _has_ended(run.state) and not ended_before:
            self._log(ChangeKind.RUN_ENDED, record.run_id)
        elif was_announced:
            self._log(ChangeKind.RUN_UPDATED, record.run_id)

    def _apply_span(self, snapshot: ValidSpan | SoleSpan) -> None:
        record = snapshot.record if isinstance(snapshot, SoleSpan) else snapshot
        key = (record.run_id, record.span_id)
        span = self._get_span(key)
        self._see_start(self._hear_of(record.run_id), record.start_ns)
        if not span.is_known:
            sole = snapshot if isinstance(snapshot, SoleSpan) else prepare_span(snapshot)
            self._begin_span(key, span, sole)
            return
        state = span.merge()
        ended_before, before = _has_ended(state), read_state_figures(state)
        if not state.apply(rank_of(record.status, record.rev), read_span_fields(record)):
            return
        span.changed = True
        difference = self._touch_run(record.run_id).difference
        difference.add(before, sign=-1)
        difference.add(read_state_figures(state), sign=1)
        is_end = _has_ended(state) and not ended_before
        self._log(ChangeKind.SPAN_ENDED if is_end else ChangeKind.SPAN_UPDATED, *key)

    def _begin_span(self, key: SpanKey, span: SpanWork, sole: SoleSpan) -> None:
        span.sole = sole
        span.changed = True
        self._touch_run(sole.run_id).difference.add(sole.figures, sign=1)
        self._log(ChangeKind.SPAN_STARTED, *key)
        for seq in span.waiting:
            self._log(ChangeKind.EVENT, *key, event_seq=seq)
        if is_terminal(sole.record.status):
            self._log(ChangeKind.SPAN_ENDED, *key)

    def _apply_event(self, record: ValidEvent) -> None:
        key = (record.run_id, record.seq)
        self._hear_of(record.run_id)
        if key in self.stored_events or key in self.new_events:
            return
        self.new_events[key] = _dump_event(record)
        self._see_start(self._touch_run(record.run_id), record.t_ns)
        if record.span_id is None:
            self._log(ChangeKind.EVENT, record.run_id, event_seq=record.seq)
            return
        span = self._get_span((record.run_id, record.span_id))
        if span.is_known:
            self._log(ChangeKind.EVENT, record.run_id, record.span_id, event_seq=record.seq)
        else:
            span.waiting = [*span.waiting, record.seq]

    def _get_span(self, key: SpanKey) -> SpanWork:
        span = self.spans.get(key)
        if span is None:
            span = self.spans[key] = SpanWork()
        return span

    def _hear_of(self, run_id: str) -> RunWork:
        """Take back that a run was given up: any record of it shows that its recorder lives."""
        run = self.runs[run_id]
        if run.given_up:
            run.given_up = False
            run.changed = True
            self.returned.append(run_id)
            self._log(ChangeKind.RUN_UPDATED, run_id)
        return run

    def _touch_run(self, run_id: str) -> RunWork:
        run = self.runs[run_id]
        run.changed = True
        self._announce(run_id, run)
        return run

    def _see_start(self, run: RunWork, at_ns: int) -> None:
        """Move the start of a run whose own record has not come, whatever else a record says."""
        if run.earliest_ns is None or at_ns < run.earliest_ns:
            run.earliest_ns = at_ns
            run.changed = run.changed or not run.state.fields

    def _announce(self, run_id: str, run: RunWork) -> None:
        if not run.announced:
            run.announced = True
            self._log(ChangeKind.RUN_CREATED, run_id)

    def _log(
        self,
        kind: ChangeKind,
        run_id: str,
        span_id: str | None = None,
        *,
        event_seq: int | None = None,
    ) -> None:
        self.changes.append((run_id, str(kind), span_id, event_seq))


def _has_ended(state: State) -> bool:
    return bool(state.fields) and is_terminal(state.fields["status"])


def _dump_event(record: ValidEvent) -> tuple[Any, ...]:
    """Return the row of `event`, in the order of its columns."""
    body = _NO_BODY if record.body is None else read_payload(record.body)
    owner = record.span_id or RUN_OWNER
    key = (record.run_id, record.seq, owner)
    return (*key, record.t_ns, record.offset_ns, record.name, *body, None)


_NO_BODY: Final = (None,) * 7
