"""One run as what groups are compared by: small, so that hundreds of them fit in memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal

from agenttrace.diff.groups.facts import collect_facts
from agenttrace.diff.groups.figures import (
    Figures,
    find_amounts,
    measure_figures,
    sum_amounts,
)
from agenttrace.diff.groups.keys import TYPE_WORDS, name_key
from agenttrace.wire import RunStatus, SpanStatus, SpanType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agenttrace.diff.groups.figures import Amounts
    from agenttrace.trace.records import RecordedSpan
    from agenttrace.trace.run import RecordedRun
    from agenttrace.trace.tree import TreeNode

START: Final = "start"
END: Final = "end"
"""What comes before a run's first call and after its last."""

_NS_PER_MS: Final = 1_000_000

Dimension = Literal["type", "name", "model"]


@dataclass(frozen=True, slots=True)
class PartFigures:
    """What the spans of one type, name or model come to in a run. None: unknown."""

    calls: int
    errors: int
    duration_ms: float | None
    total_tokens: float | None
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class RunMeasures:
    """What of a run is compared with other runs.

    `succeeded` is None of a run whose end was not recorded. `calls` counts its spans by key,
    `followers` which call came after which. `parts` is by dimension and key. `facts` are what is
    so of it, `numbers` its attributes that are numbers. `output` is the JSON text of its output.
    `missing` says why the recording is not whole, if it is not.
    """

    run_id: str
    name: str
    status: RunStatus
    case: str | None
    succeeded: bool | None
    figures: Figures
    calls: Mapping[str, int]
    followers: Mapping[tuple[str, str], int]
    parts: Mapping[tuple[Dimension, str], PartFigures]
    facts: frozenset[tuple[str, str]]
    numbers: Mapping[str, float]
    output: str | None
    missing: str | None


def measure_run(run: RecordedRun, *, case_key: str | None = None) -> RunMeasures:
    """Return the measures of a run; its case is what its attribute `case_key` says."""
    tree = run.tree()
    amounts = find_amounts(tree)
    facts, numbers = collect_facts(run)
    case = None if case_key is None else run.attributes.get(case_key)
    return RunMeasures(
        run_id=run.run_id,
        name=run.name,
        status=run.status,
        case=None if case is None else str(case),
        succeeded=run.status is RunStatus.COMPLETED if run.is_finished else None,
        figures=measure_figures(run, tree, amounts),
        calls=Counter(name_key(node.span) for node in tree),
        followers=_count_followers(tree),
        parts=_measure_parts(tree, amounts),
        facts=facts,
        numbers=numbers,
        output=None if run.output is None else run.output.json,
        missing=_find_missing(run),
    )


def _find_missing(run: RecordedRun) -> str | None:
    if not run.is_finished:
        return "its end was not recorded"
    if run.dropped:
        lost = ", ".join(f"{count} {reason}" for reason, count in sorted(run.dropped.items()))
        return f"records of it were dropped: {lost}"
    return "records of it are missing" if run.complete is False else None


def _count_followers(tree: Sequence[TreeNode]) -> Counter[tuple[str, str]]:
    """Count which call came next on the same lane; plain steps (CUSTOM) are no calls."""
    lanes: dict[int, list[RecordedSpan]] = {}
    for node in tree:
        if node.span.span_type is not SpanType.CUSTOM:
            lanes.setdefault(node.span.lane, []).append(node.span)
    found: Counter[tuple[str, str]] = Counter()
    for spans in lanes.values():
        ordered = sorted(spans, key=lambda span: (span.seq, span.span_id))
        found.update(pairwise([START, *map(name_key, ordered), END]))
    return found


def _measure_parts(
    tree: Sequence[TreeNode], amounts: Sequence[Amounts]
) -> dict[tuple[Dimension, str], PartFigures]:
    members: dict[tuple[Dimension, str], list[int]] = {}
    for index, node in enumerate(tree):
        span = node.span
        members.setdefault(("type", TYPE_WORDS[span.span_type]), []).append(index)
        members.setdefault(("name", name_key(span)), []).append(index)
        if span.model is not None:
            members.setdefault(("model", span.model), []).append(index)
    return {
        part: _measure_part([tree[n].span for n in indices], [amounts[n] for n in indices])
        for part, indices in members.items()
    }


def _measure_part(spans: Sequence[RecordedSpan], amounts: Sequence[Amounts]) -> PartFigures:
    sums = sum_amounts(amounts)
    durations = [span.duration_ns for span in spans if span.duration_ns is not None]
    return PartFigures(
        calls=len(spans),
        errors=sum(span.status is SpanStatus.ERROR for span in spans),
        duration_ms=sum(durations) / _NS_PER_MS if durations else None,
        total_tokens=sums["total_tokens"],
        cost_usd=sums["cost_usd"],
    )
