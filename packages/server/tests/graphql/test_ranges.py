"""Ranges of a filter: what is shown of a run finds it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agenttrace_server.graphql.types.filters import FloatRange, read_duration
from agenttrace_server.storage.criteria import NumberRange

NS_PER_MS = 1_000_000
YEAR_NS = 366 * 86_400 * 1_000_000_000


@given(duration_ns=st.integers(0, YEAR_NS // 10))
def test_a_duration_that_is_shown_finds_its_run(duration_ns: int) -> None:
    """As one end and as the other: milliseconds are floats, and cut off would be less."""
    shown_ms = duration_ns / NS_PER_MS
    found = read_duration(FloatRange(min=shown_ms, max=shown_ms))
    assert found == NumberRange(duration_ns, duration_ns)
