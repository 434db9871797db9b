"""A step in words: one line of it, and what there is to know of it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from agenttrace.cli.step_shapes import judge_run, list_context_changes, shape_replay_info
from agenttrace.cli.tree import KIND_STYLES, SPAN_STATUS_STYLES
from agenttrace.steps.context import MessageChangeKind
from agenttrace.steps.texts import RecordedTexts, read_state_value
from agenttrace.trace.outline import (
    TYPE_NAMES,
    describe_error,
    describe_totals,
    make_event_row,
    show_cost,
    show_json,
    show_tokens,
    show_value,
)
from agenttrace.trace.timeline import MomentKind
from agenttrace.trace.visible import show_count, show_duration, show_text, show_usd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agenttrace.cli.output import Screen
    from agenttrace.steps.context import MessageChange
    from agenttrace.steps.cursor import StepCursor
    from agenttrace.steps.state import StepState
    from agenttrace.steps.timeline import Step
    from agenttrace.trace.run import RecordedRun

_MAX_INDENT: Final = 12
_VALUE_CHARS: Final = 2_000
_LINE_CHARS: Final = 160
_MAX_LISTED: Final = 12
_PHASE_STYLES: Final = {"START": "green", "END": "blue", "STATE": "yellow", "CHUNK": "dim"}
_MARKS: Final = {
    MessageChangeKind.ADDED: "+",
    MessageChangeKind.DROPPED: "-",
    MessageChangeKind.CHANGED: "~",
    MessageChangeKind.TRUNCATED: "<",
    MessageChangeKind.REORDERED: "^",
}


def describe_step(screen: Screen, step: Step) -> str:
    """Return a step in one line, safe to print."""
    phase = screen.paint(f"{step.phase.value:<5}", _PHASE_STYLES.get(step.phase.value, "dim"))
    at = "?" if step.offset_ns is None else _show_offset(step.offset_ns)
    indent = "  " * min(step.depth, _MAX_INDENT)
    return f"{step.index:>6}  {at:>9}  {step.lane:>3}  {phase}  {indent}{_name_step(screen, step)}"


def list_details(screen: Screen, run: RecordedRun, cursor: StepCursor) -> Iterator[str]:
    """Yield what there is to know of the step that a cursor stands at."""
    step, state = cursor.step, cursor.state()
    yield from _list_values(screen, step)
    if info := shape_replay_info(step.span):
        yield screen.paint("replay", "bold")
        yield f"  {_describe_replay(info)}"
    changes = list_context_changes(cursor, RecordedTexts(run))
    if changes:
        yield screen.paint("context, since the call before", "bold")
        yield from list_changes(changes)
    yield screen.paint("open spans", "bold")
    yield from list_open(state)
    if state.values:
        yield screen.paint("state", "bold")
        yield from list_state(state, changed=cursor.timeline.read_key(cursor.index))
    yield screen.paint("so far", "bold")
    yield f"  {describe_totals(state.totals)} · {show_duration(state.elapsed_ns)}"


def _describe_replay(info: dict[str, Any]) -> str:
    """Return what a replay says of a span: `replayed from 4c28a7c9d5967d66 · input_changed`."""
    status = "code, which ran" if info["status"] is None else show_text(info["status"].lower())
    source = info["sourceSpanId"]
    parts = [status if source is None else f"{status} · recorded as {show_text(source)}"]
    parts += [show_text(kind.lower(), max_chars=40) for kind in info["divergence"]]
    if info["billedUsd"] is not None:
        parts.append(f"{show_usd(Decimal(info['billedUsd']))} paid")
    return " · ".join(parts)


def list_open(state: StepState) -> Iterator[str]:
    """Yield a line for each lane with the spans that are open in it, the outermost first."""
    if not state.open_spans:
        yield "  none"
    for lane, spans in sorted(state.open_spans.items())[:_MAX_LISTED]:
        names = [show_text(span.name, max_chars=40) for span in spans[-_MAX_LISTED:]]
        if len(spans) > len(names):
            names.insert(0, f"({len(spans) - len(names)} more)")
        yield f"  lane {lane}: {' > '.join(names)}"
    if len(state.open_spans) > _MAX_LISTED:
        yield f"  and {show_count(len(state.open_spans) - _MAX_LISTED, 'more lane')}"


def list_state(state: StepState, *, changed: str | None) -> Iterator[str]:
    """Yield a line for each value that the program recorded; `*` marks the one that changed."""
    for key, event in sorted(state.values.items()):
        text = None if event.body is None else read_state_value(event.body.json)
        shown = "?" if text is None else show_json(_parse(text), text, max_chars=_LINE_CHARS)
        yield f"{'*' if key == changed else ' '} {show_text(key, max_chars=60)} = {shown}"


def list_changes(changes: list[MessageChange]) -> Iterator[str]:
    """Yield a line for each message that is not as it was in the call before."""
    for change in changes[:_MAX_LISTED]:
        message = change.old if change.new is None else change.new
        place = change.old_place if change.new_place is None else change.new_place
        content = message.get("content") if isinstance(message, dict) else message
        text = content if isinstance(content, str) else json.dumps(message, ensure_ascii=False)
        role = show_text(change.role or "?", max_chars=20)
        shown = show_text(text, max_chars=_LINE_CHARS)
        yield f"  {_MARKS[change.kind]} {change.kind.value} {place} {role}: {shown}"
    if len(changes) > _MAX_LISTED:
        yield f"  and {show_count(len(changes) - _MAX_LISTED, 'more message')}"


def describe_replayable(run: RecordedRun) -> str:
    """Return in one line whether the run can be executed again from its record."""
    found = judge_run(run)
    served = show_count(found.boundaries, "call")
    if found.is_replayable:
        return f"replayable: {served}"
    first = found.blockers[0]
    name = "the run" if first.span is None else show_text(first.span.name, max_chars=40)
    more = f", and {found.blocked - 1} more" if found.blocked > 1 else ""
    return f"not replayable: {name} is {first.kind.value.lower()}{more}"


def _list_values(screen: Screen, step: Step) -> Iterator[str]:
    span = step.span
    payload, title = None, ""
    if step.event is not None:
        payload, title = step.event.body, step.event.name
    elif span is not None:
        payload, title = (span.input, "input") if step.is_start else (span.output, "output")
    if span is not None and step.is_end:
        figures = [show_tokens(span), show_cost(span)]
        if any(figures):
            yield f"  {'  '.join(figure for figure in figures if figure)}"
        if span.error is not None:
            yield screen.paint(f"  {describe_error(span.error)}", "red")
    if payload is not None:
        fidelity = payload.fidelity.value
        mark = "" if fidelity == "exact" else f"  ({fidelity})"
        yield screen.paint(f"{show_text(title, max_chars=60)}{mark}", "bold")
        yield f"  {show_value(payload, max_chars=_VALUE_CHARS)}"


def _name_step(screen: Screen, step: Step) -> str:
    span, event = step.span, step.event
    if event is not None:
        row = make_event_row(event)
        within = "" if span is None else f"{show_text(span.name, max_chars=40)}: "
        return f"{within}{row.name} {row.detail}".rstrip()
    assert span is not None
    kind = TYPE_NAMES[span.span_type]
    shown = f"{screen.paint(kind, KIND_STYLES.get(kind, ''))} {show_text(span.name, max_chars=80)}"
    if step.phase is MomentKind.START:
        return shown
    status = screen.paint(span.status.value, SPAN_STATUS_STYLES.get(span.status.value, ""))
    took = "" if span.duration_ns is None else show_duration(span.duration_ns)
    return f"{shown}  {status}  {took}".rstrip()


def _show_offset(offset_ns: int) -> str:
    return f"-{show_duration(-offset_ns)}" if offset_ns < 0 else show_duration(offset_ns)


def _parse(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
