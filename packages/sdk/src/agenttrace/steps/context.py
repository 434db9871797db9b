"""What a model call was told, and what changed in that since the call before."""

from __future__ import annotations

import json
from bisect import bisect_left
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from agenttrace.semconv import LLM_MESSAGES
from agenttrace.steps.texts import TextKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace.steps.timeline import StepTimeline

_PROMPTS: Final = ("prompt", "input", "text", "query", "context")
_SYSTEMS: Final = ("system", "instructions", "system_instruction")
_MIN_KEPT: Final = 40
_MARK_CHARS: Final = 40


class MessageChangeKind(StrEnum):
    """What happened to a message between two model calls."""

    ADDED = "ADDED"
    DROPPED = "DROPPED"
    CHANGED = "CHANGED"
    TRUNCATED = "TRUNCATED"
    """Its text is the beginning of what it was, perhaps with a mark that says so."""
    REORDERED = "REORDERED"


class MessageChange(NamedTuple):
    """A message that is not as it was. Places count from 0; None: it is not in that call."""

    kind: MessageChangeKind
    old_place: int | None
    new_place: int | None
    role: str
    old: object
    new: object


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


def read_messages(text: str | None) -> list[object]:
    """Return the messages of a model call's input, a system prompt beside them first.

    A call that was given no `messages` but a text has one message, the user's.
    """
    value = _parse(text)
    if not isinstance(value, dict):
        return []
    given = [value[name] for name in _SYSTEMS if value.get(name)]
    found: list[object] = [{"role": "system", "content": each} for each in given]
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


def compare_messages(old: Sequence[object], new: Sequence[object]) -> list[MessageChange]:
    """Return the messages that are not as they were, in the order of the new ones.

    What stands at the beginning and at the end of both is the same message; of the rest, equal
    messages are, wherever they stand, then those of one role in their order.
    """
    old_texts, new_texts = [*map(_write, old)], [*map(_write, new)]
    begin = _count_equal(old_texts, new_texts)
    end = _count_equal(old_texts[begin:][::-1], new_texts[begin:][::-1])
    old_left = [*range(begin, len(old) - end)]
    new_left = [*range(begin, len(new) - end)]
    moved = _pair([old_texts[at] for at in old_left], [new_texts[at] for at in new_left])
    pairs = [(old_left[i], new_left[j]) for i, j in moved]
    same = {*_keep_order(pairs)}
    found = [
        MessageChange(MessageChangeKind.REORDERED, i, j, _get_role(new[j]), old[i], new[j])
        for i, j in pairs
        if (i, j) not in same
    ]
    old_left = [at for at in old_left if at not in {i for i, _ in pairs}]
    new_left = [at for at in new_left if at not in {j for _, j in pairs}]
    by_role = _pair([_get_role(old[i]) for i in old_left], [_get_role(new[j]) for j in new_left])
    for i, j in [(old_left[a], new_left[b]) for a, b in by_role]:
        kind = _judge(old[i], new[j])
        found.append(MessageChange(kind, i, j, _get_role(new[j]), old[i], new[j]))
    gone = {i for i, _ in by_role}
    come = {j for _, j in by_role}
    for at, i in enumerate(old_left):
        if at not in gone:
            role = _get_role(old[i])
            found.append(MessageChange(MessageChangeKind.DROPPED, i, None, role, old[i], None))
    for at, j in enumerate(new_left):
        if at not in come:
            role = _get_role(new[j])
            found.append(MessageChange(MessageChangeKind.ADDED, None, j, role, None, new[j]))
    return sorted(found, key=_place)


def _place(change: MessageChange) -> tuple[int, int]:
    old, new = change.old_place, change.new_place
    return (old or 0, 0) if new is None else (new, 1)


def _pair(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """Pair equal texts, the first of each with the first, in the order of the new ones."""
    waiting: dict[str, list[int]] = {}
    for at in range(len(old) - 1, -1, -1):
        waiting.setdefault(old[at], []).append(at)
    return [(waiting[text].pop(), at) for at, text in enumerate(new) if waiting.get(text)]


def _keep_order(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the longest part of the pairs whose old places are in order (patience sorting)."""
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for at, (old, _) in enumerate(pairs):
        length = bisect_left(ends, old)
        before.append(tails[length - 1] if length else -1)
        tails[length:] = [at]
        ends[length:] = [old]
    found: list[tuple[int, int]] = []
    at = tails[-1] if tails else -1
    while at >= 0:
        found.append(pairs[at])
        at = before[at]
    return found[::-1]


def _judge(old: object, new: object) -> MessageChangeKind:
    before, after = _get_text(old), _get_text(new)
    if after and len(after) < len(before):
        kept = _count_equal(before, after)
        if kept == len(after) or (kept >= _MIN_KEPT and len(after) - kept <= _MARK_CHARS):
            return MessageChangeKind.TRUNCATED
    return MessageChangeKind.CHANGED


def _count_equal(first: Sequence[str], second: Sequence[str]) -> int:
    """Return how long the common beginning is."""
    count = 0
    for a, b in zip(first, second, strict=False):
        if a != b:
            break
        count += 1
    return count


def _get_role(message: object) -> str:
    role = message.get("role") if isinstance(message, dict) else None
    return role if isinstance(role, str) else ""


def _get_text(message: object) -> str:
    content = message.get("content") if isinstance(message, dict) else message
    return content if isinstance(content, str) else ""


def _write(message: object) -> str:
    return json.dumps(message, sort_keys=True)


def _parse(text: str | None) -> object:
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return None
