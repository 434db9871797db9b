"""What a replayed call costs: CPU time of the calling thread, and to load and judge a recording.

Each round replays one run of so many equal-sized calls, as a user does with `tracer.replay`. Beside
it stands the same program recorded, its bodies empty. Figures are medians of all rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from statistics import median
from time import thread_time
from typing import Any, Final

from report import Report

from agenttrace import Tracer
from agenttrace.wrappers import trace_llm

QUESTION: Final = [{"role": "user", "content": "x" * 200}]
ANSWER: Final = {"role": "assistant", "content": "y" * 500}
Program = Callable[[], object]


def make_programs(tracer: Tracer, calls: int) -> dict[str, Program]:
    """Return the programs by name: each makes so many calls within one run."""

    @trace_llm(tracer, model="m")
    def ask(number: int, messages: list[dict[str, str]]) -> dict[str, str]:
        return ANSWER

    @trace_llm(tracer, model="m")
    async def ask_async(number: int, messages: list[dict[str, str]]) -> dict[str, str]:
        await asyncio.sleep(0)
        return ANSWER

    def sequential() -> None:
        with tracer.run("sequential"):
            for number in range(calls):
                ask(number, QUESTION)

    async def wait_in_turn() -> None:
        with tracer.run("awaited"):
            for number in range(calls):
                await ask_async(number, QUESTION)

    async def gather() -> None:
        with tracer.run("gathered, 50 at once"):
            for start in range(0, calls, 50):
                await asyncio.gather(*[ask_async(start + number, QUESTION) for number in range(50)])

    def start(main: Callable[[], Coroutine[Any, Any, None]]) -> Program:
        return lambda: asyncio.run(main())

    return {
        "sequential": sequential,
        "awaited": start(wait_in_turn),
        "gathered, 50 at once": start(gather),
    }


def measure(calls: int, rounds: int) -> Report:
    """Return the table."""
    report = Report(
        f"A replayed call, µs ({calls} calls, {rounds} rounds)",
        ("program", "recorded", "replayed", "loading", "divergences"),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.jsonl"
        tracer = Tracer(exporter=f"jsonl:{path}")
        for name, program in make_programs(tracer, calls).items():
            recorded = min(_time(program) for _ in range(rounds))
            tracer.flush(timeout_s=60)
            figures: list[float] = []
            loads: list[float] = []
            divergences = 0
            for _ in range(rounds):
                began = thread_time()
                session = tracer.replay(_find_run(path, name))
                loads.append(thread_time() - began)
                with session:
                    figures.append(_time(program))
                divergences += len(session.report.divergences)
                tracer.flush(timeout_s=60)
            row = (recorded, median(figures), median(loads))
            report.add(name, *(seconds / calls * 1e6 for seconds in row), divergences)
        tracer.shutdown()
    return report


def _time(program: Program) -> float:
    began = thread_time()
    program()
    return thread_time() - began


def _find_run(path: Path, name: str) -> str:
    from agenttrace.trace import FileSource  # noqa: PLC0415 -- what a replay loads is not timed here

    with FileSource(path) as file:
        heads = [head for head in file.list_heads() if head.name == name]
    return f"{path}:{heads[-1].run_id}"


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=2_000, help="calls a run, a multiple of 50")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured")
    parser.add_argument("--json", action="store_true", help="print the report as one line of JSON")
    options = parser.parse_args()
    measure(options.calls, options.rounds).write(as_json=options.json)


if __name__ == "__main__":
    main()
