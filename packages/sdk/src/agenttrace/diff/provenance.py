"""Whether what changed in one span's output is in another's input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agenttrace.diff.normalise import MAX_NORMALISED_BYTES

if TYPE_CHECKING:
    from agenttrace.diff.model import Row
    from agenttrace.trace.records import RecordedPayload, RecordedSpan
    from agenttrace.wire import JsonValue

_MIN_CHARS: Final = 4
"""Shorter values, such as `yes` or 12, are in many inputs by chance."""

_MAX_LEAVES: Final = 256


def holds_change(source: Row, row: Row) -> bool:
    """Tell whether a value of the source's output that only one side has is in the row's input."""
    for mine, other, target in (
        (source.head_span, source.base_span, row.head_span),
        (source.base_span, source.head_span, row.base_span),
    ):
        if mine is None or target is None:
            continue
        new = _list_leaves(_output(mine)) - _list_leaves(_output(other))
        text = "\0".join(_list_leaves(target.input))
        if any(leaf in text for leaf in new):
            return True
    return False


def _output(span: RecordedSpan | None) -> RecordedPayload | None:
    return None if span is None else span.output


def _list_leaves(payload: RecordedPayload | None) -> frozenset[str]:
    """Return the texts and numbers of a payload that are long enough to be told from chance."""
    if payload is None or memoryview(payload.text).nbytes > MAX_NORMALISED_BYTES:
        return frozenset()
    found: set[str] = set()
    stack: list[JsonValue] = [payload.value]
    while stack and len(found) < _MAX_LEAVES:
        value = stack.pop()
        if isinstance(value, dict):
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)
        elif isinstance(value, str | int | float) and len(str(value)) >= _MIN_CHARS:
            found.add(str(value))
    return frozenset(found)
