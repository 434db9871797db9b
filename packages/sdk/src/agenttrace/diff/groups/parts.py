"""The figures by type, name and model: where a change of the whole comes from."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from agenttrace.diff.groups.figures import METRICS_BY_NAME, Metric
from agenttrace.diff.groups.model import PartRow
from agenttrace.diff.groups.samples import compare_figures, summarize_sample
from agenttrace.diff.statistics import adjust_benjamini_hochberg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace.diff.groups.cases import Pairing
    from agenttrace.diff.groups.measures import Dimension, RunMeasures
    from agenttrace.diff.groups.model import GroupOptions, Sample
    from agenttrace.diff.groups.samples import ReadFigure
    from agenttrace.diff.statistics import Evidence

    Part = tuple[Dimension, str]

MAX_PARTS: Final = 20
"""Of each dimension, those with most calls."""

_METRICS: Final = (
    Metric("calls", "", "calls"),
    METRICS_BY_NAME["errors"],
    Metric("duration_ms", "ms", "sum of durations"),
    METRICS_BY_NAME["total_tokens"],
    METRICS_BY_NAME["cost_usd"],
)


def compare_parts(
    base: Sequence[RunMeasures],
    head: Sequence[RunMeasures],
    pairing: Pairing | None,
    options: GroupOptions,
) -> tuple[PartRow, ...]:
    """Compare what the spans of each type, name and model come to in a run; surest first.

    A run without any such span has 0 of each: that is known.
    """
    found: list[tuple[Part, Metric, Evidence]] = []
    for part in _choose_parts([*base, *head]):
        for metric in _METRICS:
            evidence = compare_figures(
                base,
                head,
                _make_reader(part, metric.name),
                name=f"{part[0]}/{part[1]}/{metric.name}",
                pairing=pairing,
                options=options,
                resampled=False,
            )
            if evidence.p is not None and (evidence.effect or evidence.p < 1):
                found.append((part, metric, evidence))
    adjusted = adjust_benjamini_hochberg([evidence.p or 0.0 for *_, evidence in found])
    rows = [
        PartRow(
            *part,
            metric,
            *_sample(base, head, _make_reader(part, metric.name)),
            evidence,
            p,
            is_significant=p < options.alpha,
        )
        for (part, metric, evidence), p in zip(found, adjusted, strict=True)
    ]
    return tuple(sorted(rows, key=lambda row: (row.p_adjusted, row.by, row.key, row.metric.name)))


def _choose_parts(runs: Sequence[RunMeasures]) -> list[Part]:
    calls: Counter[Part] = Counter()
    for run in runs:
        for part, figures in run.parts.items():
            calls[part] += figures.calls
    chosen: list[Part] = []
    for by in ("type", "name", "model"):
        ranked = sorted((part for part in calls if part[0] == by), key=lambda p: (-calls[p], p))
        chosen.extend(ranked[:MAX_PARTS])
    return chosen


def _make_reader(part: Part, metric: str) -> ReadFigure:
    def read(run: RunMeasures) -> float | None:
        figures = run.parts.get(part)
        if figures is None:
            return 0.0
        value: float | None = getattr(figures, metric)
        return value

    return read


def _sample(
    base: Sequence[RunMeasures], head: Sequence[RunMeasures], read: ReadFigure
) -> tuple[Sample, Sample]:
    before = summarize_sample([read(run) for run in base], None)
    return before, summarize_sample([read(run) for run in head], None)
