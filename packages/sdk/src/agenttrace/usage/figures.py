"""Counts of tokens: what is possible, and an estimate that says so where nothing was reported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from agenttrace.wire import UsageRecord

ESTIMATE_METHOD: Final = "utf8-bytes/4"
"""The name under which estimated spans carry the method, so that a better one can be told apart."""

_BYTES_PER_TOKEN: Final = 4
MAX_TOKENS: Final = 2**31 - 1
FIELDS: Final = (
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)


def estimate_tokens(value: Any) -> int:
    """Return the estimated number of tokens of a text, or of all texts within a JSON value.

    One token for every four bytes of UTF-8, rounded up. English prose has about four characters a
    token in the byte-pair vocabularies of current models; counting bytes instead of characters
    comes nearer for scripts whose characters take several tokens. It needs no vocabulary, gives
    the same figure everywhere, and is marked `estimated` wherever it is used. Keys, numbers and
    the framing of messages are not counted.
    """
    return divide_bytes(count_text_bytes(value))


def divide_bytes(count: int) -> int:
    """Return the estimated number of tokens of so many bytes of text."""
    return -(-count // _BYTES_PER_TOKEN)


def count_text_bytes(value: Any) -> int:
    """Return the bytes of UTF-8 of all texts within a JSON value, keys left out."""
    total = 0
    rest = [value]
    while rest:
        item = rest.pop()
        if isinstance(item, str):
            total += len(item.encode("utf-8", "surrogatepass"))
        elif isinstance(item, Mapping):
            rest.extend(item.values())
        elif isinstance(item, list | tuple):
            rest.extend(item)
    return total


def clean_usage(figures: Mapping[str, object], source: str) -> UsageRecord | None:
    """Return a usage record of the figures that are known and possible; None when none is."""
    found = {
        name: value
        for name in FIELDS
        if type(value := figures.get(name)) is int and 0 <= value <= MAX_TOKENS
    }
    if not found:
        return None
    record: UsageRecord = {"source": "estimated" if source == "estimated" else "reported"}
    record.update(cast("UsageRecord", found))
    return record
