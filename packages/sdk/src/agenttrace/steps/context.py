"""What a model call was told, and what changed in that since the call before."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from agenttrace.diff.fields import EXACT_RULES, MessageOutcome, compare_values, list_messages
from agenttrace.semconv import LLM_MESSAGES
from agenttrace.steps.texts import TextKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace.steps.timeline import StepTimeline
    from agenttrace.wire import JsonValue

_PROMPTS: Final = ("prompt", "input", "text", "query", "context")
_SYSTEMS: Final = ("system", "instructions", "system_instruction")


class MessageChangeKind(StrEnum):
    """What happened to a message between two model calls."""

    ADDED = "ADDED"
    DROPPED = "DROPPED"
    CHANGED = "CHANGED"
    TRUNCATED = "TRUNCATED"
    """Its text is a part of what it was, perhaps with a mark that says so."""
    REORDERED = "REORDERED"


class MessageChange(NamedTuple):
    """A message that is not as it was. Places count from 0; None: it is not in that call."""

    kind: MessageChangeKind
    old_place: int | None
    new_place: int | None
    role: str
    old: JsonValue
    new: JsonValue


class ContextKeys(NamedTuple):
    """The texts that a context diff is made of; `old` is None for a first call."""

    old: TextKey | None
    new: TextKey


def name_context(timeline: StepTimeline, span_id: str) -> ContextKeys:
    """Return which texts hold the context of a model call, and that of the one before."""
    earlier = timeline.find_earlier_call(timeline.starts[span_id])
    span = None if earlier is None else timeline.moment(earlier).span
    old = None if span is None else TextKey("input", span.span_id)
    return ContextKeys(old, TextKey("input", span_id))


def read_messages(text: str | None) -> list[JsonValue]:
    """Return the messages of a model call's input, a system prompt beside them first.

    A call that was given no `messages` but a text has one message, the user's.
    """
    value = _parse(text)
    if not isinstance(value, dict):
        return []
    given = [value[name] for name in _SYSTEMS if value.get(name)]
    found: list[JsonValue] = [{"role": "system", "content": each} for each in given]
    messages = value.get(LLM_MESSAGES)
    if isinstance(messages, list):
        return found + messages
    for name in _PROMPTS:
        asked = value.get(name)
        if isinstance(asked, str):
            return [*found, {"role": "user", "content": asked}]
        if isinstance(asked, list):
            return found + asked
    return found


def compare_messages(old: Sequence[JsonValue], new: Sequence[JsonValue]) -> list[MessageChange]:
    """Return the messages that are not as they were, in the order of the new ones.

    It is the comparison of messages that a diff of two runs makes, to the letter.
    """
    if not old or not new:
        return [
            *(_make_change(MessageOutcome.DROPPED, at, None, old, new) for at in range(len(old))),
            *(_make_change(MessageOutcome.INJECTED, None, at, old, new) for at in range(len(new))),
        ]
    delta = compare_values([*map(_dress, old)], [*map(_dress, new)], EXACT_RULES)
    return [
        _make_change(row.outcome, row.base_at, row.head_at, old, new)
        for _, rows in list_messages(delta)
        for row in rows
        if row.outcome is not MessageOutcome.UNCHANGED
    ]


_KINDS: Final = {
    MessageOutcome.INJECTED: MessageChangeKind.ADDED,
    MessageOutcome.DROPPED: MessageChangeKind.DROPPED,
    MessageOutcome.CHANGED: MessageChangeKind.CHANGED,
    MessageOutcome.TRUNCATED: MessageChangeKind.TRUNCATED,
    MessageOutcome.REORDERED: MessageChangeKind.REORDERED,
}


def _make_change(
    outcome: MessageOutcome,
    old_at: int | None,
    new_at: int | None,
    old: Sequence[JsonValue],
    new: Sequence[JsonValue],
) -> MessageChange:
    before = None if old_at is None else old[old_at]
    after = None if new_at is None else new[new_at]
    role = _get_role(before if after is None else after)
    return MessageChange(_KINDS[outcome], old_at, new_at, role, before, after)


def _dress(item: JsonValue) -> JsonValue:
    """Return what stands among messages and is none, such as a mere text, as one."""
    if isinstance(item, dict) and isinstance(item.get("role"), str) and "content" in item:
        return item
    return {"role": _get_role(item), "content": item}


def _get_role(message: JsonValue) -> str:
    role = message.get("role") if isinstance(message, dict) else None
    return role if isinstance(role, str) else ""


def _parse(text: str | None) -> JsonValue:
    try:
        value: JsonValue = None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value
