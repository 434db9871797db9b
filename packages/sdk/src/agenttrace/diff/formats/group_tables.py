"""A comparison of groups as sentences and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agenttrace.diff.formats.numbers import show_figure, show_percent
from agenttrace.diff.formats.report import Report, Table
from agenttrace.diff.statistics import Verdict
from agenttrace.diff.statistics.verdicts import describe_effect, write_p
from agenttrace.trace.visible import show_count

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from agenttrace.diff.gates.model import GateReport
    from agenttrace.diff.groups.model import (
        AttributeRow,
        GroupComparison,
        MetricComparison,
        PartRow,
        RateComparison,
    )

MAX_ROWS: Final = 15
"""Rows of a table that a report shows; JSON has all."""


def describe_groups(
    comparison: GroupComparison,
    *,
    base: str,
    head: str,
    gates: GateReport | None = None,
    chosen_by: Collection[tuple[str, str]] = (),
) -> Report:
    """Return the report of a comparison of groups that are called `base` and `head`.

    `chosen_by` are facts that the groups were asked for by: that they tell them apart is no news.
    """
    before = show_count(len(comparison.base.run_ids), "run")
    counts = f"{before} against {len(comparison.head.run_ids):,}"
    if comparison.pairs is not None:
        counts += f", compared by {show_count(comparison.pairs, 'case')}"
    return Report(
        title="Comparison of two groups of runs",
        base=base,
        head=head,
        summary=(
            counts,
            _say_success(comparison.success),
        ),
        gates=gates,
        tables=(
            _list_metrics(comparison),
            _list_structure(comparison),
            _list_transitions(comparison),
            _list_parts(comparison),
            _list_attributes(comparison, chosen_by),
        ),
        warnings=tuple(warning.message for warning in comparison.warnings),
        findings=tuple(_list_findings(comparison)),
    )


def _list_findings(comparison: GroupComparison) -> Iterator[tuple[str, str]]:
    for metric in comparison.metrics:
        if metric.judgement.verdict in {Verdict.REGRESSION, Verdict.IMPROVEMENT}:
            yield f"{metric.judgement.verdict} of {metric.metric.title}", metric.judgement.reason
        elif metric.judgement.verdict in {Verdict.MORE, Verdict.FEWER, Verdict.LESS}:
            yield f"{metric.judgement.verdict} {metric.metric.title}", metric.judgement.reason
    for row in comparison.structure:
        if row.is_significant:
            calls = f"{row.base_calls:.2f} -> {row.head_calls:.2f} a run"
            yield f"calls of {row.key}", f"in {row.base} -> {row.head} runs, {calls}"


def _say_success(success: RateComparison) -> str:
    found = success.judgement
    return f"succeeded: {success.base} -> {success.head}, {found.verdict}: {found.reason}"


def _list_metrics(comparison: GroupComparison) -> Table:
    # What tells most first: a narrow terminal has no room for the last.
    columns = ("figure", "base", "head", "change", "verdict", "p", "effect")
    rows = [_list_metric(row) for row in comparison.metrics]
    note = "base and head are medians; the effect is the middle of all ratios, with its interval"
    return Table("Figures", columns, tuple(rows), note)


def _list_metric(row: MetricComparison) -> tuple[str, ...]:
    unit = row.metric.unit
    return (
        row.metric.title,
        show_figure(row.base.median, unit),
        show_figure(row.head.median, unit),
        show_percent(row.percent),
        row.judgement.verdict.value,
        "-" if row.p_adjusted is None else write_p(row.p_adjusted),
        describe_effect(row.evidence),
    )


def _list_structure(comparison: GroupComparison) -> Table:
    changed = [
        row
        for row in comparison.structure
        if row.base.share != row.head.share or row.base_calls != row.head_calls
    ]
    rows = [
        (
            row.key,
            str(row.base),
            str(row.head),
            f"{row.base_calls:.2f} -> {row.head_calls:.2f}",
            "-" if row.p_adjusted is None else write_p(row.p_adjusted),
            "yes" if row.is_significant else "no",
        )
        for row in changed[:MAX_ROWS]
    ]
    columns = ("call", "runs of base", "runs of head", "calls a run", "p", "beyond chance")
    return Table("Calls", columns, tuple(rows), _say_rest(len(changed)))


def _list_transitions(comparison: GroupComparison) -> Table:
    rows = [
        (
            f"{row.before} -> {row.after}",
            str(row.base),
            str(row.head),
            "-" if row.p_adjusted is None else write_p(row.p_adjusted),
            "yes" if row.is_significant else "no",
        )
        for row in comparison.transitions[:MAX_ROWS]
    ]
    columns = ("what came next", "base", "head", "p", "beyond chance")
    return Table("Order", columns, tuple(rows), _say_rest(len(comparison.transitions)))


def _list_parts(comparison: GroupComparison) -> Table:
    found = [row for row in comparison.parts if row.is_significant]
    rows = [_list_part(row) for row in found[:MAX_ROWS]]
    columns = ("part", "figure", "base", "head", "p", "effect")
    return Table("By type, name and model", columns, tuple(rows), _say_rest(len(found)))


def _list_part(row: PartRow) -> tuple[str, ...]:
    unit = row.metric.unit
    return (
        f"{row.by} {row.key}",
        row.metric.title,
        show_figure(row.base.median, unit),
        show_figure(row.head.median, unit),
        "-" if row.p_adjusted is None else write_p(row.p_adjusted),
        describe_effect(row.evidence),
    )


def _list_attributes(comparison: GroupComparison, chosen_by: Collection[tuple[str, str]]) -> Table:
    found = [
        row
        for row in comparison.attributes
        if row.is_significant and (row.key, row.value) not in chosen_by
    ]
    rows = [_list_attribute(row) for row in found[:MAX_ROWS]]
    columns = ("attribute", "base", "head", "difference", "p")
    return Table("What tells the groups apart", columns, tuple(rows), _say_rest(len(found)))


def _list_attribute(row: AttributeRow) -> tuple[str, ...]:
    if row.value is None:
        before, after = show_figure(row.base_median, ""), show_figure(row.head_median, "")
        name = row.key
    else:
        before, after = str(row.base), str(row.head)
        name = f"{row.key} = {row.value}"
    return (name, before, after, f"{row.difference:+.2f}", write_p(row.p_adjusted))


def _say_rest(count: int) -> str | None:
    return f"{count - MAX_ROWS} more rows: --format json has all" if count > MAX_ROWS else None
