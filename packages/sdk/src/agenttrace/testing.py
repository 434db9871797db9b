"""For tests of programs that are recorded: time and ids that repeat, records kept in memory.

tracer, memory = make_tracer()
with tracer.run("agent"):
    ...
assert collect(tracer, memory) == [...]

And for plugins: `check_plugin(module)` tells all that is wrong with one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agenttrace.exporters.memory import MemoryExporter
from agenttrace.plugins.checks.exporters import Destination
from agenttrace.plugins.checks.plugin import check_plugin
from agenttrace.settings import Settings
from agenttrace.tracer import Tracer

if TYPE_CHECKING:
    from agenttrace.wire import Record

__all__ = [
    "Destination",
    "IncrementalIds",
    "MemoryExporter",
    "StepClock",
    "check_plugin",
    "collect",
    "make_tracer",
]

START_NS: Final = 1_700_000_000_000_000_000
"""Where a StepClock begins: 2023-11-14, 22:13:20 UTC."""

STEP_NS: Final = 1_000_000
"""How far a StepClock goes with each look at it: a millisecond."""


class StepClock:
    """A clock that goes one step further each time its monotonic side is read.

    The wall clock shows the same time and stands still between, so that a span's `start_ns` and
    its duration fit together.
    """

    def __init__(self, *, start_ns: int = START_NS, step_ns: int = STEP_NS) -> None:
        self._now_ns = start_ns
        self._step_ns = step_ns

    def time_ns(self) -> int:
        """Return the wall clock; reading it does not move it."""
        return self._now_ns

    def monotonic_ns(self) -> int:
        """Return the time and go one step further."""
        now_ns = self._now_ns
        self._now_ns += self._step_ns
        return now_ns


class IncrementalIds:
    """Ids that count from 1: `000…01`, `000…02`; runs and spans count apart."""

    def __init__(self) -> None:
        self._runs = 0
        self._spans = 0

    def new_run_id(self) -> str:
        """Return the next run id."""
        self._runs += 1
        return f"{self._runs:032x}"

    def new_span_id(self) -> int:
        """Return the next span id."""
        self._spans += 1
        return self._spans


def make_tracer() -> tuple[Tracer, MemoryExporter]:
    """Return a tracer whose records are the same each time, and the exporter that keeps them.

    No environment variable and no installed plugin has a part in it.
    """
    from agenttrace.plugins.manager import PluginManager  # noqa: PLC0415 -- as in the tracer

    memory = MemoryExporter()
    settings = Settings(round_trip_check="always")
    tracer = Tracer(
        exporter=memory,
        clock=StepClock(),
        id_generator=IncrementalIds(),
        resource={},
        settings=settings,
        plugins=PluginManager(settings=settings, plugins=()),
    )
    return tracer, memory


def collect(tracer: Tracer, memory: MemoryExporter, *, timeout_s: float = 10.0) -> list[Record]:
    """Return the records so far, once they are delivered.

    Raises:
        TimeoutError: when they are not delivered within `timeout_s`.

    """
    if not tracer.flush(timeout_s=timeout_s):
        raise TimeoutError(f"records were not delivered within {timeout_s} s: {tracer.stats()}")
    return memory.records
