"""Runs as a list shows them: without payloads, so that a file of any size can be listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from agenttrace.semconv import REPLAY_BILLED_USD
from agenttrace.trace.merging import merge_annotations, merge_snapshots, merge_tags
from agenttrace.trace.records import (
    RecordedAnnotation,
    RecordedEvent,
    RecordedSpan,
    RecordedTags,
    RunSnapshot,
)
from agenttrace.trace.run import UNNAMED_RUN
from agenttrace.trace.totals import Totals, add_up, is_billed
from agenttrace.wire import RunStatus, rank_snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agenttrace.trace.records import RecordedLine
    from agenttrace.wire import JsonValue

# What is kept of a span's attributes: whether it was paid. One of each for all spans.
_PAID: Final[dict[str, JsonValue]] = {}
_UNPAID: Final[dict[str, JsonValue]] = {REPLAY_BILLED_USD: "0"}


class RunSummary(NamedTuple):
    """A run without its spans, and what they add up to."""

    run_id: str
    name: str
    status: RunStatus
    start_ns: int
    end_ns: int | None
    duration_ns: int | None
    correlation_id: str | None
    tags: tuple[str, ...]
    """Those recorded, then those that were added on a server."""
    totals: Totals
    dropped: Mapping[str, int]
    """How many of its records its recorder dropped, by reason, as far as it said so."""
    user_tags: tuple[str, ...] = ()
    """Those of the tags that were added on a server."""
    annotations: tuple[RecordedAnnotation, ...] = ()
    """What was said of the run itself on a server, oldest first."""

    @property
    def has_error(self) -> bool:
        """Whether it, or a span of it, has the status ERROR."""
        return self.status is RunStatus.ERROR or self.totals.errors > 0


class RunSummarizer:
    """The lines of one run, of which only what a summary needs is kept."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._snapshots: list[RunSnapshot] = []
        self._spans: dict[str, list[RecordedSpan]] = {}
        self._first_ns: int | None = None
        self._annotations: list[RecordedAnnotation] = []
        self._tags: list[RecordedTags] = []

    @property
    def is_recorded(self) -> bool:
        """Whether it is there itself, and not only what was added to it."""
        return bool(self._snapshots) or self._first_ns is not None

    def add(self, line: RecordedLine) -> None:
        """Take a line of this run."""
        if isinstance(line, RecordedSpan):
            self._see(line.start_ns)
            self._add_span(line)
        elif isinstance(line, RecordedEvent):
            self._see(line.t_ns)
        elif isinstance(line, RecordedAnnotation):
            if line.span_id is None:
                self._annotations.append(line)
        elif isinstance(line, RecordedTags):
            self._tags.append(line)
        else:
            line.input = line.output = line.error = line.attributes = line.resource = None
            self._snapshots.append(line)

    def _see(self, time_ns: int) -> None:
        if self._first_ns is None or time_ns < self._first_ns:
            self._first_ns = time_ns

    def _add_span(self, span: RecordedSpan) -> None:
        span.input = span.output = span.error = span.links = None
        if span.attributes is not None:
            span.attributes = _PAID if is_billed(span) else _UNPAID
        span.run_id = self._run_id  # one text for all of them
        known = self._spans.get(span.span_id)
        if known is None:
            self._spans[span.span_id] = [span]
        elif len(known) == 1 and _says_no_more(known[0], span):
            known[0] = span
        elif len(known) > 1 or not _says_no_more(span, known[0]):
            known.append(span)

    def summarize(self) -> RunSummary:
        """Return what is known of the run."""
        said = merge_snapshots(self._snapshots) if self._snapshots else None
        user_tags = merge_tags(self._tags)
        totals = add_up(merge_snapshots(each) for each in self._spans.values())
        if said is None:
            start_ns = self._first_ns or 0
            said = RunSnapshot(
                v=1,
                run_id=self._run_id,
                rev=0,
                name=UNNAMED_RUN,
                status=RunStatus.STARTED,
                start_ns=start_ns,
            )
        return RunSummary(
            run_id=self._run_id,
            name=said.name,
            status=said.status,
            start_ns=said.start_ns,
            end_ns=said.end_ns,
            duration_ns=said.duration_ns,
            correlation_id=said.correlation_id,
            tags=tuple(dict.fromkeys([*(said.tags or ()), *user_tags])),
            totals=totals,
            dropped=said.dropped or {},
            user_tags=tuple(user_tags),
            annotations=tuple(merge_annotations(self._annotations)),
        )


def _says_no_more(span: RecordedSpan, than: RecordedSpan) -> bool:
    """Tell whether a snapshot adds nothing to a better one, as far as totals go."""
    if span.usage is not None or span.cost is not None or span.model is not None:
        return False
    if span.attributes is not None and than.attributes is None:
        return False
    return rank_snapshot(span.status, span.rev) < rank_snapshot(than.status, than.rev)
