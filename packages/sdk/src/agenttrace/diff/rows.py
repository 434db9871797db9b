"""From an alignment to rows: the outcome of each span, and the order in which rows are shown."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agenttrace.diff.align.mapping import NONE
from agenttrace.diff.figures import read_metrics
from agenttrace.diff.flags import find_flags
from agenttrace.diff.metrics import MetricDeltas
from agenttrace.diff.model import Counts, Outcome, Row, SpanRef
from agenttrace.diff.provenance import says_something

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agenttrace.diff.align.mapping import Mapping
    from agenttrace.diff.flags import Comparer
    from agenttrace.diff.nodes import Tree
    from agenttrace.trace.records import RecordedSpan

_MIRRORED: Final = {
    Outcome.ADDED: Outcome.REMOVED,
    Outcome.REMOVED: Outcome.ADDED,
    Outcome.WRAPPED: Outcome.UNWRAPPED,
    Outcome.UNWRAPPED: Outcome.WRAPPED,
}


def make_rows(mapping: Mapping, comparer: Comparer) -> tuple[Row, ...]:
    """Return a row for each pair and each span without a partner, in the order of showing."""
    base, head = mapping.base, mapping.head
    moved_to = {mapping.to_head[left] for left in mapping.moved}
    rows = [
        _make_pair(mapping, comparer, left, right)
        for left, right in enumerate(mapping.to_head)
        if left and right != NONE
    ]
    lone = _LoneRows(base, head)
    rows += lone.make(base, mapping.to_head, mapping.moved, is_base=True)
    rows += lone.make(head, mapping.to_base, moved_to, is_base=False)
    return order_rows(rows)


def _make_pair(mapping: Mapping, comparer: Comparer, left: int, right: int) -> Row:
    base, head = mapping.base, mapping.head
    spans = base.span(left), head.span(right)
    flags = find_flags(comparer, base, left, head, right)
    outcome, reason = Outcome.UNCHANGED, None
    if left in mapping.moved:
        outcome, reason = Outcome.MOVED, mapping.moved[left]
    elif base.key[left] != head.key[right]:
        outcome = Outcome.RENAMED
        reason = "replay_key" if spans[0].name == spans[1].name else None
    elif flags:
        outcome = Outcome.CHANGED
    is_same = base.label[left] == head.label[right]
    return Row(
        outcome,
        make_ref(base, left),
        make_ref(head, right),
        flags=flags,
        reason=reason,
        metrics=MetricDeltas(read_metrics(spans[0]), read_metrics(spans[1])),
        base_span=None if is_same else spans[0],
        head_span=None if is_same else spans[1],
        has_result=all(_has_result(span) for span in spans),
    )


def _has_result(span: RecordedSpan) -> bool:
    return span.error is not None or says_something(span.output)


class _LoneRows:
    """Makes the rows of spans without a partner."""

    def __init__(self, base: Tree, head: Tree) -> None:
        self._calls = Counter(base.call), Counter(head.call)

    def make(
        self, tree: Tree, partners: Sequence[int], moved: Iterable[int], *, is_base: bool
    ) -> list[Row]:
        """Return a row for each node of one side without a partner."""
        covers = _count_covered(tree, partners, set(moved))
        alone, around = Outcome.ADDED, Outcome.WRAPPED
        if is_base:
            alone, around = Outcome.REMOVED, Outcome.UNWRAPPED
        rows = []
        for node, partner in enumerate(partners):
            if partner != NONE:
                continue
            span, ref = tree.span(node), make_ref(tree, node)
            metrics = read_metrics(span)
            count = covers.get(node, 0)
            row = Row(
                around if count else alone,
                ref if is_base else None,
                None if is_base else ref,
                covers=count,
                metrics=MetricDeltas(*((metrics, None) if is_base else (None, metrics))),
                base_span=span if is_base else None,
                head_span=None if is_base else span,
                repeats=(self._calls[0][tree.call[node]], self._calls[1][tree.call[node]]),
            )
            rows.append(row)
        return rows


def _count_covered(tree: Tree, partners: Sequence[int], moved: set[int]) -> dict[int, int]:
    """Return for each lone node how many nodes in pairs it is directly around."""
    covers: dict[int, int] = {}
    for node in range(len(partners) - 1, 0, -1):
        parent = tree.parent[node]
        if partners[parent] != NONE:
            continue
        is_lone = partners[node] == NONE
        count = covers.get(node, 0) if is_lone else int(node not in moved)
        covers[parent] = covers.get(parent, 0) + count
    return covers


def make_ref(tree: Tree, node: int) -> SpanRef:
    """Return what a row says of a node, counted without the run itself."""
    span = tree.span(node)
    parent = tree.parent[node]
    return SpanRef(
        span_id=span.span_id,
        name=span.name,
        span_type=span.span_type,
        status=span.status,
        depth=tree.depth[node] - 1,
        seq=span.seq,
        lane=span.lane,
        position=node - 1,
        parent_position=parent - 1 if parent else None,
        end_seq=span.end_seq,
        effect=span.effect,
    )


def invert_row(row: Row) -> Row:
    """Return a row with its sides exchanged, what it follows from left out."""
    return replace(
        row,
        outcome=_MIRRORED.get(row.outcome, row.outcome),
        base=row.head,
        head=row.base,
        metrics=MetricDeltas(row.metrics.head, row.metrics.base),
        base_span=row.head_span,
        head_span=row.base_span,
        repeats=None if row.repeats is None else row.repeats[::-1],
        is_propagated=False,
        origin=None,
    )


def count_outcomes(rows: Iterable[Row]) -> Counts:
    """Return how many rows have each outcome."""
    found = dict.fromkeys(Outcome, 0)
    for row in rows:
        found[row.outcome] += 1
    return Counts(**{outcome.value: count for outcome, count in found.items()})


def order_rows(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Return rows in the order of the head's tree, what only base has after its sibling before.

    The order hangs on the positions in the rows alone.
    """
    parents = find_parents(rows)
    below: dict[int | None, list[int]] = {}
    for number, parent in enumerate(parents):
        below.setdefault(parent, []).append(number)
    ordered: list[Row] = []
    stack = _merge_siblings(rows, below.get(None, []))[::-1]
    while stack:
        number = stack.pop()
        ordered.append(rows[number])
        if number in below:
            stack.extend(reversed(_merge_siblings(rows, below[number])))
    return _mark_subtrees(ordered)


def find_parents(rows: Sequence[Row]) -> list[int | None]:
    """Return for each row the number of the row that it is shown below; None at the top."""
    by_base = {row.base.position: number for number, row in enumerate(rows) if row.base}
    by_head = {row.head.position: number for number, row in enumerate(rows) if row.head}
    parents: list[int | None] = []
    for row in rows:
        if row.head is not None:
            above = row.head.parent_position
            parents.append(None if above is None else by_head[above])
        else:
            above = row.ref.parent_position
            parents.append(None if above is None else by_base[above])
    return parents


def _merge_siblings(rows: Sequence[Row], numbers: list[int]) -> list[int]:
    """Return siblings by head, each of those that only base has after what precedes it in base."""
    ours = sorted(
        (number for number in numbers if rows[number].head is not None),
        key=lambda number: rows[number].position_head or 0,
    )
    gone = [number for number in numbers if rows[number].head is None]
    if not gone:
        return ours
    in_base = sorted(
        (number for number in numbers if rows[number].base is not None),
        key=lambda number: rows[number].position_base or 0,
    )
    after: dict[int | None, list[int]] = {}
    anchor: int | None = None
    for number in in_base:
        if rows[number].head is None:
            after.setdefault(anchor, []).append(number)
        else:
            anchor = number
    merged = list(after.get(None, ()))
    for number in ours:
        merged.append(number)
        merged += after.get(number, ())
    return merged


def _mark_subtrees(rows: list[Row]) -> tuple[Row, ...]:
    """Say of each row whether something below it, on either side, is not the same."""
    by_base = {row.base.position: number for number, row in enumerate(rows) if row.base}
    by_head = {row.head.position: number for number, row in enumerate(rows) if row.head}
    changed = [False] * len(rows)
    for is_head, by_position in ((False, by_base), (True, by_head)):
        inner = [False] * len(rows)
        for position in sorted(by_position, reverse=True):
            number = by_position[position]
            ref = rows[number].head if is_head else rows[number].base
            if ref is None or ref.parent_position is None:
                continue
            if inner[number] or rows[number].self_changed:
                inner[by_position[ref.parent_position]] = True
        changed = [one or other for one, other in zip(changed, inner, strict=True)]
    return tuple(
        row if row.subtree_changed == is_changed else replace(row, subtree_changed=is_changed)
        for row, is_changed in zip(rows, changed, strict=True)
    )
