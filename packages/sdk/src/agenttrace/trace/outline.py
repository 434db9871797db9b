"""A run as rows for people: its tree, with state and events at their place between the spans."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from agenttrace.semconv import (
    DECISION_CHOSEN,
    DECISION_REASON,
    EVENT_CHUNK,
    EVENT_EXCEPTION,
    EVENT_STATE,
)
from agenttrace.trace.totals import count_tokens
from agenttrace.trace.tree import TreeNode
from agenttrace.trace.visible import show_count, show_duration, show_text, show_usd
from agenttrace.wire import SpanStatus, SpanType

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from agenttrace.trace.records import (
        RecordedAnnotation,
        RecordedError,
        RecordedEvent,
        RecordedPayload,
        RecordedSpan,
    )
    from agenttrace.trace.run import RecordedRun
    from agenttrace.trace.totals import Totals

MAX_INDENT: Final = 16
"""Deeper levels are not indented further: their depth stands as a number."""

TYPE_NAMES: Final = {
    SpanType.LLM_CALL: "llm",
    SpanType.TOOL_CALL: "tool",
    SpanType.DECISION: "decision",
    SpanType.RETRIEVAL: "retrieval",
    SpanType.AGENT: "agent",
    SpanType.CUSTOM: "custom",
}
FLAWS: Final = {
    "missing_parent": "its parent was not recorded",
    "parent_cycle": "its parents form a circle",
}
_STATE_CHARS: Final = 60
_MAX_ANNOTATIONS: Final = 3


class Row(NamedTuple):
    """A line of an outline: texts that are safe to print. Empty is unknown.

    `kind` is a span's type in lower case, or `state`, `event` or `exception`. `status` is the
    span's, empty for an event. `is_last` holds, from the top down to this row, whether there is no
    later sibling.
    """

    depth: int
    is_last: tuple[bool, ...]
    kind: str
    name: str
    status: str
    duration: str
    tokens: str
    cost: str
    detail: str
    span: RecordedSpan | None


def make_outline(run: RecordedRun) -> list[Row]:
    """Return the rows of a run in the order of what happened, within each span."""
    items = list(_interleave(run))
    branches = _find_branches([depth for depth, _ in items])
    return [
        _make_span_row(run, item, depth, branch)
        if isinstance(item, TreeNode)
        else make_event_row(item, depth, branch)
        for (depth, item), branch in zip(items, branches, strict=True)
    ]


def describe_totals(totals: Totals) -> str:
    """Return what a run adds up to in one line."""
    parts = [
        show_count(totals.spans, "span"),
        show_count(totals.llm_calls, "LLM call"),
        show_count(totals.tool_calls, "tool call"),
        show_count(totals.errors, "error"),
    ]
    if totals.total_tokens is not None:
        parts.append(mark_estimate(show_count(totals.total_tokens, "token"), totals))
    if totals.cost_usd is not None:
        parts.append(mark_estimate(show_usd(totals.cost_usd), totals))
        if totals.billed_usd is not None and totals.billed_usd != totals.cost_usd:
            parts.append(f"{show_usd(totals.billed_usd)} paid")
    return " · ".join(parts)


def describe_drops(dropped: Mapping[str, int]) -> str:
    """Return what a recorder dropped of a run, in one line: how many records, and why."""
    count = show_count(sum(dropped.values()), "record")
    verb = "was" if sum(dropped.values()) == 1 else "were"
    reasons = ", ".join(f"{show_text(why)} {number:,}" for why, number in sorted(dropped.items()))
    return f"dropped: {count} of this run {verb} lost by its recorder ({reasons})"


def describe_annotation(annotation: RecordedAnnotation) -> str:
    """Return what somebody said in one line: `helpful 0.5 polite  HUMAN ada  why`."""
    said = write_annotation(annotation)
    author = "" if annotation.author is None else f" {show_text(annotation.author)}"
    comment = "" if annotation.comment is None else f"  {show_text(annotation.comment)}"
    return f"{said}  {annotation.source}{author}{comment}"


def write_annotation(annotation: RecordedAnnotation) -> str:
    """Return what is judged and how: `helpful 0.5 polite`."""
    parts = [show_text(annotation.name, max_chars=60)]
    if annotation.score is not None:
        parts.append(f"{annotation.score:g}")
    if annotation.label is not None:
        parts.append(show_text(annotation.label, max_chars=60))
    return " ".join(parts)


def write_annotations(annotations: Sequence[RecordedAnnotation]) -> str:
    """Return several of them for a line, the first few each in brackets; nothing for none."""
    shown = [f"[{write_annotation(each)}]" for each in annotations[:_MAX_ANNOTATIONS]]
    if len(annotations) > _MAX_ANNOTATIONS:
        shown.append(f"and {len(annotations) - _MAX_ANNOTATIONS} more")
    return " ".join(shown)


def mark_estimate(text: str, totals: Totals) -> str:
    """Return a figure with `~` before it where one of its parts is an estimate."""
    return f"~{text}" if totals.tokens_estimated else text


def describe_error(error: RecordedError) -> str:
    """Return `Class: message` without the module of a built-in class."""
    name = show_text(error.type.removeprefix("builtins."))
    return f"{name}: {show_text(error.message)}" if error.message else name


def show_value(payload: RecordedPayload | None, *, max_chars: int) -> str:
    """Return the beginning of a payload for one line: a text as it is, all else as JSON."""
    if payload is None:
        return ""
    return show_json(payload.value, payload.json, max_chars=max_chars)


def show_json(value: Any, text: str, *, max_chars: int) -> str:
    """Return a value for one line: a text as it is, all else by its JSON text."""
    return show_text(value if isinstance(value, str) else text, max_chars=max_chars)


def _interleave(run: RecordedRun) -> Iterator[tuple[int, TreeNode | RecordedEvent]]:
    """Yield spans in pre-order and each event before the first sibling that started after it."""
    ids = {span.span_id for span in run.spans}
    stray = [e for e in run.events if e.span_id is not None and e.span_id not in ids]
    waiting = [[*run.events_of(None), *stray]]
    for events in waiting:
        events.sort(key=lambda event: event.seq, reverse=True)
    for node in run.tree():
        while len(waiting) > node.depth + 1:
            yield from _release(waiting.pop(), len(waiting), None)
        yield from _release(waiting[-1], node.depth, node.span.seq)
        yield node.depth, node
        waiting.append(run.events_of(node.span.span_id)[::-1])
    while waiting:
        yield from _release(waiting.pop(), len(waiting), None)


def _release(
    events: list[RecordedEvent], depth: int, before: int | None
) -> Iterator[tuple[int, RecordedEvent]]:
    while events and (before is None or events[-1].seq < before):
        event = events.pop()
        if event.name != EVENT_CHUNK:
            yield depth, event


def _find_branches(depths: list[int]) -> list[tuple[bool, ...]]:
    """Return for each row whether it, and each of its ancestors, is the last of its siblings."""
    is_last = [False] * len(depths)
    seen: set[int] = set()  # depths at which a later sibling is known
    deepest = -1
    for at in range(len(depths) - 1, -1, -1):
        depth = depths[at]
        while deepest > depth:
            seen.discard(deepest)
            deepest -= 1
        is_last[at] = depth not in seen
        seen.add(depth)
        deepest = depth
    branches: list[tuple[bool, ...]] = []
    path: list[bool] = []
    for depth, last in zip(depths, is_last, strict=True):
        del path[depth:]
        path.append(last)
        branches.append(tuple(path[: MAX_INDENT + 1]))
    return branches


def _make_span_row(run: RecordedRun, node: TreeNode, depth: int, branch: tuple[bool, ...]) -> Row:
    span = node.span
    return Row(
        depth=depth,
        is_last=branch,
        kind=TYPE_NAMES[span.span_type],
        name=show_text(span.name, max_chars=80),
        status=span.status.value,
        duration="" if span.duration_ns is None else show_duration(span.duration_ns),
        tokens=show_tokens(span),
        cost=show_cost(span),
        detail="  ".join(_list_details(run, node)),
        span=span,
    )


def _list_details(run: RecordedRun, node: TreeNode) -> Iterable[str]:
    span = node.span
    yield from list_details(span)
    chunks = sum(event.name == EVENT_CHUNK for event in run.events_of(span.span_id))
    if chunks:
        yield show_count(chunks, "chunk")
    if node.flaw is not None:
        yield FLAWS[node.flaw]
    annotations = run.annotations_of(span.span_id)
    if annotations:
        yield write_annotations(annotations)


def list_details(span: RecordedSpan) -> Iterable[str]:
    """Yield how a span ended if not well, its model, and what was decided."""
    if span.status is SpanStatus.STARTED:
        yield "unfinished"
    elif span.status is not SpanStatus.COMPLETED and span.error is None:
        yield span.status.value.lower()
    if span.error is not None:
        yield describe_error(span.error)
    if span.model is not None:
        yield show_text(span.model, max_chars=60)
    if span.span_type is SpanType.DECISION:
        yield from _describe_decision(span)


def _describe_decision(span: RecordedSpan) -> Iterable[str]:
    value = None if span.output is None else span.output.value
    if isinstance(value, dict) and DECISION_CHOSEN in value:
        chosen = value[DECISION_CHOSEN]
        yield f"→ {show_text(chosen if isinstance(chosen, str) else _write(chosen), max_chars=60)}"
        reason = value.get(DECISION_REASON)
        if isinstance(reason, str) and reason:
            yield f"({show_text(reason, max_chars=80)})"


def make_event_row(event: RecordedEvent, depth: int = 0, branch: tuple[bool, ...] = (True,)) -> Row:
    """Return the row of an event; `branch` is its `is_last`."""
    kind, name, detail = "event", show_text(event.name, max_chars=80), ""
    value = None if event.body is None else event.body.value
    if event.name == EVENT_STATE and isinstance(value, dict) and "key" in value:
        kind = "state"
        name = show_text(str(value["key"]), max_chars=80)
        detail = "= " + show_text(_write(value.get("value")), max_chars=_STATE_CHARS)
    elif event.name == EVENT_EXCEPTION and isinstance(value, dict):
        kind = "exception"
        type_name = str(value.get("type", "")).removeprefix("builtins.")
        detail = show_text(f"{type_name}: {value.get('message', '')}")
    elif event.body is not None:
        detail = show_value(event.body, max_chars=_STATE_CHARS)
    return Row(depth, branch, kind, name, "", "", "", "", detail, None)


def show_tokens(span: RecordedSpan) -> str:
    """Return a call's tokens as sent→received, after `~` where they are estimated; or nothing."""
    usage = span.usage
    if usage is None:
        return ""
    mark = "~" if usage.source == "estimated" else ""
    sent, received = usage.prompt_tokens, usage.completion_tokens
    if sent is None and received is None:
        total = count_tokens(usage)
        return "" if total is None else f"{mark}{total:,}"
    shown = ("?" if figure is None else f"{figure:,}" for figure in (sent, received))
    return mark + "→".join(shown)


def show_cost(span: RecordedSpan) -> str:
    """Return what a call cost, after `~` where its tokens were estimated; or nothing."""
    if span.cost is None:
        return ""
    is_estimated = span.usage is not None and span.usage.source == "estimated"
    mark = "~" if is_estimated and span.cost.source != "reported" else ""
    return mark + show_usd(Decimal(span.cost.usd))


def _write(value: Any) -> str:
    from json import dumps  # noqa: PLC0415 -- only decisions and states need it

    return value if isinstance(value, str) else dumps(value, ensure_ascii=False)
