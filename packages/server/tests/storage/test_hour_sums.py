"""Sums over hours, made by the database: those that Python makes of the rows, at any size."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert

from agenttrace_server.identity import DEFAULT_PROJECT
from agenttrace_server.storage.hour_sums import DAY_NS, read_hour_sums
from agenttrace_server.storage.rollups import HOUR_NS, MODEL_SUMS
from agenttrace_server.storage.usage_tables import USAGE_HOUR

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from agenttrace_server.storage.engine import Database

# What the columns hold: counters of 32 bits, sums of tokens of 63, a cost of 30 digits or none.
_LARGEST = {"cost_pico": 10**30 - 1} | dict.fromkeys(
    [name for name in MODEL_SUMS if name.endswith("_tokens")], 2**63 - 1
)


@st.composite
def _make_rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    keys = draw(
        st.lists(
            st.tuples(st.integers(0, 60), st.sampled_from(["", "a", "b"])), unique=True, max_size=12
        )
    )
    return [
        {"hour_ns": hour * HOUR_NS, "model": model}
        | {
            name: draw(st.integers(0, limit) | st.just(limit))
            for name in MODEL_SUMS
            for limit in [_LARGEST.get(name, 2**31 - 1)]
        }
        | ({} if draw(st.booleans()) else {"cost_pico": None})
        for hour, model in keys
    ]


def _add_up(
    rows: list[dict[str, Any]], first_ns: int, before_ns: int, *, by_day: bool, by_model: bool
) -> dict[tuple[int, str | None], list[int]]:
    """Return what is expected: nothing but Python's integers."""
    sums: dict[tuple[int, str | None], list[int]] = {}
    for row in rows:
        if first_ns <= row["hour_ns"] < before_ns:
            at_ns = row["hour_ns"] // DAY_NS * DAY_NS if by_day else row["hour_ns"]
            key = (at_ns, row["model"] if by_model else None)
            figures = [row[name] or 0 for name in MODEL_SUMS]
            old = sums.get(key, [0] * len(figures))
            sums[key] = [a + b for a, b in zip(old, figures, strict=True)]
    return sums


@pytest.mark.parametrize("by_day", [False, True])
@pytest.mark.parametrize("by_model", [False, True])
def test_sums_are_exact(database: Database, *, by_day: bool, by_model: bool) -> None:
    """Also where one of 64 bits would overflow, and where a cost has thirty digits."""

    @settings(
        max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(rows=_make_rows(), first=st.integers(0, 60), count=st.integers(0, 60))
    def check(rows: list[dict[str, Any]], first: int, count: int) -> None:
        first_ns, before_ns = first * HOUR_NS, (first + count) * HOUR_NS

        def ask(connection: Connection) -> list[tuple[Any, ...]]:
            connection.execute(delete(USAGE_HOUR))
            if rows:
                connection.execute(insert(USAGE_HOUR), rows)
            return read_hour_sums(
                connection, DEFAULT_PROJECT, first_ns, before_ns, by_day=by_day, by_model=by_model
            )

        found = asyncio.run(database.write(ask))
        sums = {(row[0], row[1]): [*row[6:]] for row in found}
        assert sums == _add_up(rows, first_ns, before_ns, by_day=by_day, by_model=by_model)
        assert len(sums) == len(found)

    check()
