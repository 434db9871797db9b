"""How the steps of runs are called across runs: `tool:verify`, and patterns that mean several."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from agenttrace.wire import SpanType

if TYPE_CHECKING:
    from agenttrace.trace.records import RecordedSpan

TYPE_WORDS: Final = {
    SpanType.LLM_CALL: "llm",
    SpanType.TOOL_CALL: "tool",
    SpanType.RETRIEVAL: "retrieval",
    SpanType.DECISION: "decision",
    SpanType.AGENT: "agent",
    SpanType.CUSTOM: "custom",
}
"""The word for each type of span in a key."""


def name_key(span: RecordedSpan) -> str:
    """Return the key of a span: its type's word and its name."""
    return f"{TYPE_WORDS[span.span_type]}:{span.name}"


def matches_key(pattern: str, key: str) -> bool:
    """Tell whether a key is meant: `tool:delete_*`, or without a type by its name alone."""
    word, colon, _ = pattern.partition(":")
    if colon and (word in TYPE_WORDS.values() or word == "*"):
        return fnmatchcase(key, pattern)
    return fnmatchcase(key.partition(":")[2], pattern)
