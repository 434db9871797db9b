"""`compare_runs`: the whole way from two recorded runs to what differs between them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from agenttrace.diff.aggregates import compare_figures, invert_aggregates
from agenttrace.diff.align.aligner import align_trees
from agenttrace.diff.align.costs import HALVES
from agenttrace.diff.causes import explain_run, find_cause, find_effects
from agenttrace.diff.flags import Comparer, find_run_flags
from agenttrace.diff.hashes import ContentHasher
from agenttrace.diff.model import (
    Cause,
    CauseKind,
    Divergence,
    Evidence,
    Origin,
    RunDiff,
    RunRef,
)
from agenttrace.diff.nodes import ROOT, Tree
from agenttrace.diff.normalise import Normaliser
from agenttrace.diff.origins import RUN, Runs, trace_origins
from agenttrace.diff.rows import count_outcomes, find_parents, invert_row, make_rows, order_rows
from agenttrace.diff.rules import DEFAULT, Rules
from agenttrace.diff.warnings import find_warnings, invert_warnings
from agenttrace.trace.visible import show_duration, show_usd

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agenttrace.diff.metrics import Aggregates
    from agenttrace.diff.model import Row
    from agenttrace.trace.run import RecordedRun

_REVISION: Final = "vcs.ref.head.revision"
RUN_PATH: Final = "the run itself"
_MAX_PATH: Final = 40
"""Of a longer path the beginning and the end are shown."""

_NOTABLE: Final = 0.2
"""A figure that grew or shrank by more than this share is worth a word of its own."""

_NOTABLE_NS: Final = 1_000_000
_PERFORMANCE: Final = {
    "wall_ns": "busy time",
    "total_tokens": "tokens",
    "cost_usd": "cost",
    "first_chunk_ns": "time to first chunk",
}
"""How a figure is called as evidence, where its value has its unit."""


def compare_runs(
    base: RecordedRun,
    head: RecordedRun,
    rules: Rules = DEFAULT,
    *,
    tick: Callable[[], None] = lambda: None,
) -> RunDiff:
    """Return what differs from base to head.

    Deterministic: the same two recordings and rules give an equal result anywhere. `tick` is
    called every few milliseconds of work; what it raises ends the comparison.

    Raises:
        RulesError: when a path of the rules is no JSONPath.

    """
    normaliser = Normaliser(rules)
    hasher = ContentHasher(normaliser)
    trees = Tree(base), Tree(head)
    for tree in trees:
        tree.hash_content(hasher, tick)
    alignment = align_trees(*trees, tick)
    comparer = Comparer(normaliser)
    rows = make_rows(alignment.mapping, comparer)
    run_flags = find_run_flags(comparer, *trees)
    diff = RunDiff(
        identical=False,
        approx=alignment.is_approximate,
        cost=(alignment.cost + bool(run_flags)) / HALVES,
        base=_make_ref(trees[0]),
        head=_make_ref(trees[1]),
        run_flags=run_flags,
        counts=count_outcomes(rows),
        rows=rows,
        first_divergence=None,
        origins=(),
        aggregates=compare_figures(*trees),
        warnings=find_warnings(*trees, alignment),
        rules=rules,
    )
    return _explain(diff)


def invert(diff: RunDiff) -> RunDiff:
    """Return the comparison from head to base: equal to comparing them the other way round."""
    rows = order_rows([invert_row(row) for row in diff.rows])
    turned = replace(
        diff,
        base=diff.head,
        head=diff.base,
        rows=rows,
        counts=count_outcomes(rows),
        aggregates=invert_aggregates(diff.aggregates),
        warnings=invert_warnings(diff.warnings),
    )
    return _explain(turned)


def _explain(diff: RunDiff) -> RunDiff:
    """Add what follows from the rows: where they begin to differ, and why."""
    runs = Runs(diff.base, diff.head, diff.run_flags)
    traced = trace_origins(diff.rows, runs)
    numbers = {row: number for number, row in enumerate(traced.origins)}
    rows = tuple(
        row if origin is None else replace(row, is_propagated=True, origin=numbers[origin])
        for row, origin in zip(diff.rows, traced.follows, strict=True)
    )
    parents = find_parents(rows) if traced.origins else []
    effects = find_effects(rows) if traced.origins else {}
    follow = [0] * len(traced.origins)
    for row in rows:
        if row.origin is not None:
            follow[row.origin] += 1
    origins = tuple(
        Origin(None, None, RUN_PATH, explain_run(runs), follow[place])
        if number == RUN
        else Origin(
            rows[number].base,
            rows[number].head,
            _write_path(rows, parents, number),
            find_cause(rows, number, diff.base, diff.head, effects),
            follow[place],
        )
        for place, number in enumerate(traced.origins)
    )
    identical = not diff.run_flags and not any(row.self_changed for row in rows)
    return replace(
        diff,
        identical=identical,
        rows=rows,
        origins=origins,
        first_divergence=_find_first(origins, diff.base.name),
        run_origin=None if traced.run_follows is None else numbers[traced.run_follows],
        performance=_judge_figures(diff.aggregates) if identical else None,
    )


def _find_first(origins: Sequence[Origin], run: str) -> Divergence | None:
    if not origins:
        return None
    first = origins[0]
    if first.is_run:
        return Divergence("", "base", run, first.path, first.cause)
    ref = first.base or first.head
    assert ref is not None
    side = "head" if first.base is None else "base"
    return Divergence(ref.span_id, side, ref.name, first.path, first.cause)  # type: ignore[arg-type]  # one of the two


def _write_path(rows: Sequence[Row], parents: Sequence[int | None], number: int) -> str:
    names: list[str] = []
    place: int | None = number
    while place is not None:
        names.append(rows[place].ref.name)
        place = parents[place]
    names.reverse()
    if len(names) > _MAX_PATH:
        half = _MAX_PATH // 2
        names = [*names[:half], f"({len(names) - 2 * half} more)", *names[-half:]]
    return " > ".join(names)


def _judge_figures(aggregates: Aggregates) -> Cause | None:
    """Return a word on figures where they alone differ, and by much."""
    evidence = []
    for name in _PERFORMANCE:
        delta = aggregates.total.get(name)
        change = delta.change
        if change is None or not delta.base:
            continue
        sides = float(delta.base), float(delta.base + change)
        is_short = name.endswith("_ns") and abs(float(change)) < _NOTABLE_NS
        if not is_short and abs(sides[1] - sides[0]) > _NOTABLE * min(sides):
            shown = (_show_figure(name, each) for each in (delta.base, delta.head))
            evidence.append(Evidence(_PERFORMANCE[name], *shown))
    return Cause(CauseKind.PERFORMANCE, tuple(evidence)) if evidence else None


def _show_figure(name: str, value: int | Decimal | None) -> str:
    assert value is not None
    if name == "cost_usd":
        return show_usd(Decimal(value))
    return show_duration(int(value)) if name.endswith("_ns") else f"{value:,}"


def _make_ref(tree: Tree) -> RunRef:
    run = tree.run
    revision = run.resource.get(_REVISION)
    return RunRef(
        run_id=run.run_id,
        name=run.name,
        status=run.status,
        spans=len(tree) - 1,
        digest=tree.full[ROOT].hex(),
        revision=revision if isinstance(revision, str) else None,
        input=run.input,
        output=run.output,
        error=run.error,
    )
