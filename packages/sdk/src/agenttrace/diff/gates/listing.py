"""How a message lists what it was found in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

SHOWN: Final = 5
"""Runs or keys that a gate lists."""


def list_some(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the first few, and how many more there are."""
    if len(texts) <= SHOWN:
        return tuple(texts)
    return (*texts[:SHOWN], f"and {len(texts) - SHOWN} more")
