"""Whether a run can be executed again from its record: what it would have to be served from."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from agenttrace.wire import Fidelity, Outcome, SpanStatus, SpanType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from agenttrace.trace.records import RecordedSpan

MAX_BLOCKERS: Final = 100
BOUNDARIES: Final = frozenset({SpanType.LLM_CALL, SpanType.TOOL_CALL, SpanType.RETRIEVAL})
_SERVABLE: Final = frozenset({Fidelity.EXACT, Fidelity.STRUCTURAL})


class BlockerKind(StrEnum):
    """Why a span cannot be served from the record."""

    OPAQUE = "OPAQUE"
    TRUNCATED = "TRUNCATED"
    REDACTED = "REDACTED"
    UNFINISHED = "UNFINISHED"
    INCOMPLETE = "INCOMPLETE"
    """Of the run: records of it are known to be lost."""


class Blocker(NamedTuple):
    """What stands in the way; of the run itself where `span` is None."""

    kind: BlockerKind
    span: RecordedSpan | None


class Readiness(NamedTuple):
    """What a replay would serve.

    `boundaries` are the spans that it serves: the outermost that reach out to the world.
    `outputs` counts theirs by fidelity; one that gave nothing has none. `blockers` are at most
    `MAX_BLOCKERS`, in the order of `seq`; `blocked` counts them all.
    """

    boundaries: int
    outputs: Mapping[Fidelity, int]
    blocked: int
    blockers: tuple[Blocker, ...]

    @property
    def is_replayable(self) -> bool:
        """Whether nothing stands in the way."""
        return not self.blocked


def judge(
    spans: Iterable[RecordedSpan],
    get_fidelity: Callable[[RecordedSpan], Fidelity | None],
    *,
    is_complete: bool | None,
) -> Readiness:
    """Return what a replay would serve.

    `get_fidelity` is that of a span's output; None where it has none.
    """
    listed = sorted(spans, key=lambda span: (span.seq, span.span_id))
    outermost = _list_outermost(listed)
    outputs: Counter[Fidelity] = Counter()
    blockers = [] if is_complete is not False else [Blocker(BlockerKind.INCOMPLETE, None)]
    for span in outermost:
        fidelity = get_fidelity(span)
        if fidelity is not None:
            outputs[fidelity] += 1
        kind = _find_blocker(span, fidelity)
        if kind is not None:
            blockers.append(Blocker(kind, span))
    return Readiness(len(outermost), outputs, len(blockers), tuple(blockers[:MAX_BLOCKERS]))


def is_boundary(span: RecordedSpan) -> bool:
    """Tell whether a replay serves a span from the record, where none around it is served."""
    return span.span_type in BOUNDARIES if span.boundary is None else span.boundary


def _list_outermost(spans: Iterable[RecordedSpan]) -> list[RecordedSpan]:
    """Return the boundaries that are within no other, each span looked at once."""
    by_id = {span.span_id: span for span in spans}
    within: dict[str, bool] = {}  # whether a span is, or is within, a boundary
    found = []
    for span in by_id.values():
        path: list[RecordedSpan] = []
        at: RecordedSpan | None = span
        passed: set[str] = set()
        while at is not None and at.span_id not in within and at.span_id not in passed:
            passed.add(at.span_id)
            path.append(at)
            at = by_id.get(at.parent_span_id or "")
        is_within = at is not None and within.get(at.span_id, False)
        for each in reversed(path):
            if is_boundary(each) and not is_within:
                found.append(each)
            is_within = is_within or is_boundary(each)
            within[each.span_id] = is_within
    return sorted(found, key=lambda span: (span.seq, span.span_id))


def _find_blocker(span: RecordedSpan, fidelity: Fidelity | None) -> BlockerKind | None:
    if span.status in {SpanStatus.STARTED, SpanStatus.INTERRUPTED}:
        return BlockerKind.UNFINISHED
    if span.outcome is Outcome.UNFINISHED:
        return BlockerKind.UNFINISHED
    if fidelity is None or fidelity in _SERVABLE:
        return None
    return BlockerKind(fidelity.value.upper())
