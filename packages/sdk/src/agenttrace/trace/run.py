"""A recorded run: its own fields, its spans, its events, and what follows from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from agenttrace.trace.merging import merge_annotations, merge_events, merge_snapshots, merge_tags
from agenttrace.trace.records import (
    RecordedAnnotation,
    RecordedEvent,
    RecordedSpan,
    RecordedTags,
    RunSnapshot,
)
from agenttrace.trace.timeline import Moment, order_moments
from agenttrace.trace.totals import ModelUsage, Totals, add_up, add_up_models
from agenttrace.trace.tree import TreeNode, order_tree
from agenttrace.wire import RunStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agenttrace.trace.records import RecordedLine

UNNAMED_RUN: Final = "(unnamed run)"
"""The name of a run of which only spans and events were recorded."""


class RecordedRun:
    """One recorded run. In a notebook it shows itself.

    `spans` are in the order of their start (`seq`), `events` in theirs; unknown fields are None.
    A run whose status is STARTED is running, or its program died: a file cannot tell. `tags` are
    those recorded, then `user_tags`, which were added on a server, as the `annotations` were.
    """

    __slots__ = (
        "_annotations_by_span",
        "_events_by_span",
        "annotations",
        "attributes",
        "complete",
        "correlation_id",
        "dropped",
        "duration_ns",
        "end_ns",
        "end_seq",
        "error",
        "events",
        "forked_at",
        "input",
        "name",
        "output",
        "replayed_from",
        "resource",
        "run_id",
        "spans",
        "start_ns",
        "status",
        "tags",
        "user_tags",
    )

    def __init__(  # noqa: PLR0913 -- what it is made of, each by its name
        self,
        run_id: str,
        snapshot: RunSnapshot | None,
        spans: Iterable[RecordedSpan],
        events: Iterable[RecordedEvent],
        *,
        annotations: Iterable[RecordedAnnotation] = (),
        user_tags: Iterable[str] = (),
    ) -> None:
        self.run_id = run_id
        self.spans = sorted(spans, key=lambda span: (span.seq, span.span_id))
        self.events = list(events)
        self._events_by_span: dict[str | None, list[RecordedEvent]] | None = None
        said = snapshot or self._make_snapshot()
        self.name = said.name
        self.status = said.status
        self.start_ns = said.start_ns
        self.end_ns = said.end_ns
        self.duration_ns = said.duration_ns
        self.end_seq = said.end_seq
        self.complete = said.complete
        self.dropped: dict[str, int] = said.dropped or {}
        self.correlation_id = said.correlation_id
        self.input = said.input
        self.output = said.output
        self.error = said.error
        self.user_tags = list(user_tags)
        self.tags = list(dict.fromkeys([*(said.tags or ()), *self.user_tags]))
        self.annotations = list(annotations)
        self._annotations_by_span: dict[str | None, list[RecordedAnnotation]] | None = None
        self.attributes: dict[str, Any] = said.attributes or {}
        self.resource: dict[str, Any] = said.resource or {}
        self.replayed_from = said.replayed_from
        self.forked_at = said.forked_at

    def _make_snapshot(self) -> RunSnapshot:
        starts = [span.start_ns for span in self.spans] + [event.t_ns for event in self.events]
        return RunSnapshot(
            v=1,
            run_id=self.run_id,
            rev=0,
            name=UNNAMED_RUN,
            status=RunStatus.STARTED,
            start_ns=min(starts, default=0),
        )

    @property
    def is_finished(self) -> bool:
        """Whether its end was recorded."""
        return self.status is not RunStatus.STARTED

    def measure_ns(self) -> int:
        """Return how long it took, or has taken as far as was recorded; by the wall clock then."""
        if self.duration_ns:
            return self.duration_ns
        ends = [span.start_ns + (span.duration_ns or 0) for span in self.spans]
        return max(0, max(ends, default=0) - self.start_ns)

    def tree(self) -> list[TreeNode]:
        """Return every span in pre-order, siblings by `seq`; see `tree.order_tree`."""
        return order_tree(self.spans)

    def timeline(self) -> list[Moment]:
        """Return every start, chunk, state, event and end in the order of what happened."""
        return order_moments(self.spans, self.events)

    def totals(self) -> Totals:
        """Return its counts, and the sums of tokens and cost that are known."""
        return add_up(self.spans)

    def usage_by_model(self) -> list[ModelUsage]:
        """Return what its calls add up to by model, dearest first."""
        return add_up_models(self.spans)

    def events_of(self, span_id: str | None) -> list[RecordedEvent]:
        """Return the events of one span by `seq`; of the run itself with None."""
        if self._events_by_span is None:
            self._events_by_span = {}
            for event in self.events:
                self._events_by_span.setdefault(event.span_id, []).append(event)
        return self._events_by_span.get(span_id, [])

    def annotations_of(self, span_id: str | None) -> list[RecordedAnnotation]:
        """Return what was said of one span, oldest first; of the run itself with None."""
        if self._annotations_by_span is None:
            self._annotations_by_span = {}
            for each in self.annotations:
                self._annotations_by_span.setdefault(each.span_id, []).append(each)
        return self._annotations_by_span.get(span_id, [])

    def __repr__(self) -> str:
        return f"<RecordedRun {self.run_id} {self.name!r} {self.status} {len(self.spans)} spans>"

    def __str__(self) -> str:
        from agenttrace.trace.text import write_run  # noqa: PLC0415 -- only who looks at it pays

        return write_run(self)

    def _repr_html_(self) -> str:
        from agenttrace.trace.html import write_run  # noqa: PLC0415 -- as in __str__

        return write_run(self)

    def _repr_mimebundle_(self, **_kwargs: object) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self._repr_html_()}


class RunCollector:
    """The lines of runs as they come, in any order, until they are made into runs."""

    def __init__(self) -> None:
        self._runs: dict[str, list[RunSnapshot]] = {}
        self._spans: dict[str, dict[str, list[RecordedSpan]]] = {}
        self._events: dict[str, list[RecordedEvent]] = {}
        self._annotations: dict[str, list[RecordedAnnotation]] = {}
        self._tags: dict[str, list[RecordedTags]] = {}

    def add(self, line: RecordedLine) -> None:
        """Take a line."""
        run_id = line.run_id
        if isinstance(line, RecordedSpan):
            by_id = self._spans.setdefault(run_id, {})
            by_id.setdefault(line.span_id, []).append(line)
        elif isinstance(line, RecordedEvent):
            self._events.setdefault(run_id, []).append(line)
        elif isinstance(line, RecordedAnnotation):
            self._annotations.setdefault(run_id, []).append(line)
        elif isinstance(line, RecordedTags):
            self._tags.setdefault(run_id, []).append(line)
        else:
            self._runs.setdefault(run_id, []).append(line)

    def make_runs(self) -> list[RecordedRun]:
        """Return the runs, oldest first; what was added to one that is not there is left out."""
        ids = self._runs.keys() | self._spans.keys() | self._events.keys()
        runs = [self._make_run(run_id) for run_id in ids]
        return sorted(runs, key=lambda run: (run.start_ns, run.run_id))

    def _make_run(self, run_id: str) -> RecordedRun:
        snapshots = self._runs.get(run_id)
        return RecordedRun(
            run_id,
            merge_snapshots(snapshots) if snapshots else None,
            [merge_snapshots(each) for each in self._spans.get(run_id, {}).values()],
            merge_events(self._events.get(run_id, ())),
            annotations=merge_annotations(self._annotations.get(run_id, ())),
            user_tags=merge_tags(self._tags.get(run_id, ())),
        )
