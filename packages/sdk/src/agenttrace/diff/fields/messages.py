"""Lists of chat messages: what makes one, and what became of a message."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from agenttrace.diff.fields.parts import Branch, Form, Part, key_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace.wire import JsonValue

_CONTENT: Final = ("content", "parts", "tool_calls", "function_call", "refusal")
_MIN_CUT_CHARS: Final = 80
# What stands where a part was left out, such as `… [98 characters omitted]`: these things alone, …
_MARK: Final = re.compile(
    r"(?:[\s…\[\](){}<>*_.-]|\d[\d,.]*"
    r"|\b(?:more|remaining|truncated|omitted|cut|snip|snipped|elided|characters|chars|tokens|words"
    r"|bytes|lines|text|of)\b)+",
    re.IGNORECASE,
)
# … and one of these at least.
_SIGNAL: Final = re.compile(r"…|\.\.\.|truncated|omitted|cut|snip|elided", re.IGNORECASE)


class MessageOutcome(StrEnum):
    """What became of a message from base to head."""

    UNCHANGED = "unchanged"
    INJECTED = "injected"
    DROPPED = "dropped"
    CHANGED = "changed"
    TRUNCATED = "truncated"
    REORDERED = "reordered"


def are_messages(items: Sequence[Part]) -> bool:
    """Tell whether these are, all of them, messages of a chat: a role, and something said."""
    return bool(items) and all(role_of(item) is not None for item in items)


def role_of(part: Part) -> str | None:
    """Return the key of a message's role; None where it is no message."""
    if not isinstance(part, Branch) or part.form is not Form.OBJECT:
        return None
    role = part.members.get("role")
    if role is None or not any(name in part.members for name in _CONTENT):
        return None
    return key_of(role)


def is_cut(base: JsonValue, head: JsonValue) -> bool:
    """Tell whether a text is a long one cut short: its beginning, its end, or both with a mark."""
    if not isinstance(base, str) or not isinstance(head, str):
        return False
    if len(base) <= _MIN_CUT_CHARS or not 0 < len(head) < len(base):
        return False
    if base.startswith(head) or base.endswith(head):
        return True
    start = count_shared_start(base, head)
    while start and head[start - 1] in _MARK_STARTS:  # the mark may begin as the text goes on
        start -= 1
    mark = _MARK.match(head, start)
    if mark is None or _SIGNAL.search(mark.group()) is None:
        return False
    rest = head[mark.end() :]
    return bool(start or rest) and base.endswith(rest)


_MARK_STARTS: Final = frozenset(" \n\t.([<*_-")


def count_shared_start(base: str, head: str) -> int:
    """Return how many characters two texts begin with together, by halving."""
    low, high = 0, min(len(base), len(head))
    while low < high:
        middle = (low + high + 1) // 2
        if base[low:middle] == head[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
