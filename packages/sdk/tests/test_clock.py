"""S16: what a clock that is set, or far off, does to what is recorded: nothing but the dates."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agenttrace import Tracer
from agenttrace.exporters import MemoryExporter
from agenttrace.settings import Settings
from agenttrace.testing import IncrementalIds, collect
from agenttrace.wire.validation import parse_line

YEAR_NS = 365 * 86_400 * 10**9
STEP_NS = 7


class SetClock:
    """The wall clock is set at each look by what is given; the other one goes its way."""

    def __init__(self, *walls_ns: int) -> None:
        self._walls_ns = [*walls_ns]
        self._passed_ns = 0

    def time_ns(self) -> int:
        return self._walls_ns.pop(0) if len(self._walls_ns) > 1 else self._walls_ns[0]

    def monotonic_ns(self) -> int:
        self._passed_ns += STEP_NS
        return self._passed_ns


@pytest.mark.parametrize(
    "walls_ns",
    [
        pytest.param((40 * YEAR_NS, 40 * YEAR_NS - 3_600 * 10**9, 40 * YEAR_NS - 1), id="back"),
        pytest.param((40 * YEAR_NS, 50 * YEAR_NS, 60 * YEAR_NS), id="ten years on, each time"),
        pytest.param((50 * YEAR_NS, 40 * YEAR_NS, 30 * YEAR_NS), id="ten years back, each time"),
        pytest.param((0,), id="never set"),
    ],
)
def test_s16_a_clock_that_is_set_changes_no_duration_and_no_order(
    walls_ns: tuple[int, ...],
) -> None:
    """Durations are of the other clock; ends follow starts; the order is that of the counter."""
    memory = MemoryExporter()
    settings = Settings(round_trip_check="never")
    tracer = Tracer(
        exporter=memory, clock=SetClock(*walls_ns), id_generator=IncrementalIds(), settings=settings
    )
    with tracer.run("agent"), tracer.span("outer"), tracer.span("inner"):
        pass
    records = collect(tracer, memory)
    ended: dict[str, Any] = {r["name"]: r for r in records if "end_ns" in r}
    assert set(ended) == {"agent", "outer", "inner"}
    for record in records:
        parse_line(json.dumps(record).encode())  # which refuses an end before its start
    passed_ns = {name: record["duration_ns"] for name, record in ended.items()}
    assert passed_ns == {"inner": STEP_NS, "outer": 3 * STEP_NS, "agent": 5 * STEP_NS}
    assert all(r["end_ns"] == r["start_ns"] + r["duration_ns"] for r in ended.values())
    starts = [(r["name"], r["seq"]) for r in records if r["type"] == "span" and "end_ns" not in r]
    assert starts == [("outer", 0), ("inner", 1)]
