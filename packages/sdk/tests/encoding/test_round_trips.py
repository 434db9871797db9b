"""Exact means exact: generated values of every kind decode to equal ones of the same types."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings

from .round_trips import VALUES, check


@settings(max_examples=300)
@given(VALUES)
def test_what_is_exact_comes_back(value: Any) -> None:
    """JSON that every parser takes; nothing less than exact but what a limit or a rule says."""
    assert check(value) in {"exact", "redacted"}
