# ruff: noqa: S603 -- a program: it prints, and starts the interpreter it runs on
"""What recording costs: a span on the caller's thread and on all threads, beside the floor.

Run it with `python packages/sdk/benchmarks/span_cost.py`. Rows P1 to P3 of docs/performance.md. The
floor encodes the same payloads with orjson into one shared buffer under a lock, with two reads of
each clock: what any recorder has to do. Each figure is the least of several repetitions.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

import orjson

from agenttrace import Tracer
from agenttrace.plugins import Exporter, ExportResult, Record, encode_records
from agenttrace.settings import Settings
from agenttrace.wrappers import trace_llm, trace_tool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

REPEATS: Final = 7
SPANS: Final = 5_000
SMALL_INPUT: Final = "q" * 180
SMALL_OUTPUT: Final = {"results": [{"title": "t" * 90, "score": 0.5, "n": n} for n in range(4)]}
LLM_INPUT: Final = [{"role": "user", "content": f"{n}" + "m" * 1_620} for n in range(5)]
LLM_OUTPUT: Final = "a" * 2_048


class Discard(Exporter):
    """Encodes everything and keeps nothing: what is measured is recording, not a disk."""

    def export(self, records: Sequence[Record]) -> ExportResult:
        """Count the bytes and let them go."""
        for line in encode_records(records):
            len(line)
        return ExportResult.DELIVERED


def measure(call: Callable[[], object], settle: Callable[[], object]) -> tuple[float, float]:
    """Return the least caller's and all threads' CPU time of a call, in µs."""
    caller, everything = [], []
    for _ in range(REPEATS):
        cpu, own = time.process_time_ns(), time.thread_time_ns()
        for _ in range(SPANS):
            call()
        caller.append((time.thread_time_ns() - own) / SPANS / 1_000)
        settle()
        everything.append((time.process_time_ns() - cpu) / SPANS / 1_000)
    return min(caller), min(everything)


def measure_floor(given: object, answer: object) -> float:
    """Return the floor of a call with these payloads, in µs."""
    buffer, lock = bytearray(), threading.Lock()

    def call() -> None:
        time.time_ns()
        started = time.perf_counter_ns()
        head = orjson.dumps(given)
        with lock:
            buffer.extend(head)
        time.perf_counter_ns() - started
        body = orjson.dumps(answer)
        with lock:
            buffer.extend(body)

    return measure(call, buffer.clear)[0]


def measure_import() -> float:
    """Return the least time that `import agenttrace` takes in a fresh interpreter, in ms."""
    code = "import time; t=time.perf_counter(); import agenttrace; print(time.perf_counter()-t)"
    times = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(REPEATS)
    ]
    return min(times) * 1_000


def main() -> None:
    """Print the table."""
    tracer = Tracer(
        exporter=Discard(), settings=Settings(queue_max_records=100_000, queue_max_bytes=2**31)
    )

    @trace_tool(tracer)
    def small(query: str, limit: int = 5) -> object:
        del query, limit
        return SMALL_OUTPUT

    @trace_llm(tracer, model="m")
    def llm(messages: object, temperature: float = 0.2) -> object:
        del messages, temperature
        return LLM_OUTPUT

    rows = []
    with tracer.run("benchmark"):
        for name, call, given, answer in (
            ("small", lambda: small(SMALL_INPUT), SMALL_INPUT, SMALL_OUTPUT),
            ("llm", lambda: llm(LLM_INPUT), LLM_INPUT, LLM_OUTPUT),
        ):
            floor = measure_floor(given, answer)
            rows.append((name, floor, *measure(call, tracer.flush)))
    off = Tracer(settings=Settings())
    idle = trace_tool(off)(lambda query: query)
    disabled = measure(lambda: idle("q"), lambda: None)[0]
    print(f"{'payload':<10}{'floor µs':>10}{'caller µs':>11}{'all threads µs':>16}")
    for name, floor, caller, everything in rows:
        print(f"{name:<10}{floor:>10.2f}{caller:>11.2f}{everything:>16.2f}")
    print(
        f"without exporter: {disabled:.2f} µs a call; import agenttrace: {measure_import():.1f} ms"
    )
    stats = tracer.stats()
    print(
        f"records: {stats.attempted} attempted, {stats.delivered} delivered, {dict(stats.dropped)}"
    )
    tracer.shutdown()


if __name__ == "__main__":
    main()
