"""From parent links to a tree in pre-order. Pure, and without recursion: a chain may be long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agenttrace.trace.records import RecordedSpan

Flaw: TypeAlias = Literal["missing_parent", "parent_cycle"]


class TreeNode(NamedTuple):
    """A span at its place: `depth` 0 is the top; `flaw` says why it is not where it should be."""

    span: RecordedSpan
    depth: int
    flaw: Flaw | None = None


def order_tree(spans: Iterable[RecordedSpan]) -> list[TreeNode]:
    """Return every span once, in pre-order, siblings by `seq` and then by id, in O(n log n).

    A span whose parent is not there is at the top, flagged `missing_parent`. So is, of a circle of
    spans that are each other's ancestors, the one with the lowest `seq`: flagged `parent_cycle`.
    """
    ordered = sorted(spans, key=_place)
    by_id = {span.span_id: span for span in ordered}
    children: dict[str, list[RecordedSpan]] = {}
    tops: list[TreeNode] = []
    for span in ordered:
        parent = span.parent_span_id
        if parent is None:
            tops.append(TreeNode(span, 0))
        elif parent in by_id:
            children.setdefault(parent, []).append(span)
        else:
            tops.append(TreeNode(span, 0, "missing_parent"))
    found = _walk(tops, children)
    if len(found) == len(ordered):
        return found
    reached = {node.span.span_id for node in found}
    for span in ordered:
        if span.span_id not in reached:
            top = TreeNode(_cut_circle(span, by_id, children), 0, "parent_cycle")
            tops.append(top)
            reached.update(node.span.span_id for node in _walk([top], children))
    return _walk(sorted(tops, key=lambda node: _place(node.span)), children)


def _place(span: RecordedSpan) -> tuple[int, str]:
    return (span.seq, span.span_id)


def _cut_circle(
    span: RecordedSpan,
    by_id: dict[str, RecordedSpan],
    children: dict[str, list[RecordedSpan]],
) -> RecordedSpan:
    """Cut the circle that one gets into by going up from a span; return its new top."""
    passed: dict[str, RecordedSpan] = {}
    while span.span_id not in passed:
        passed[span.span_id] = span
        span = by_id[span.parent_span_id or ""]
    path = list(passed.values())
    circle = path[list(passed).index(span.span_id) :]
    top = min(circle, key=_place)
    siblings = children[top.parent_span_id or ""]
    children[top.parent_span_id or ""] = [each for each in siblings if each is not top]
    return top


def _walk(tops: Sequence[TreeNode], children: dict[str, list[RecordedSpan]]) -> list[TreeNode]:
    found: list[TreeNode] = []
    stack = list(reversed(tops))
    while stack:
        node = stack.pop()
        found.append(node)
        below = children.get(node.span.span_id)
        if below:
            depth = node.depth + 1
            stack.extend([TreeNode(child, depth) for child in reversed(below)])
    return found
