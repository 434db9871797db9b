"""One measurement of one subject in a process of its own: `measure` starts it and returns figures.

Programs start it; it is of no use by itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from array import array
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from subjects import (
    LLM_INPUT,
    ROOM,
    SMALL_INPUT,
    SUBJECTS,
    Subject,
    answer_llm,
    answer_small,
)

if TYPE_CHECKING:
    from collections.abc import Callable

WARM_UP: Final = 200
LLM_SHARE: Final = 4  # of the small calls: 10 KiB a span must fit in every queue
TIMEOUT_S: Final = 600


class Plan(NamedTuple):
    """What a child measures: `cost` (rounds of calls, settled after each) or one `burst`."""

    kind: str
    spans: int
    rounds: int = 1


def measure(name: str, plan: Plan, url: str, *, tree: Path | None = None) -> dict[str, Any]:
    """Return the figures of one child; `tree` is a checkout whose SDK is measured.

    Raises:
        RuntimeError: with the end of the child's errors, when it fails.

    """
    with TemporaryDirectory() as folder:
        # No peer and no recorder finds or leaves anything in the user's own folders.
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("AGENTTRACE_", "OTEL_", "LANGFUSE_", "TRACELOOP_", "XDG_"))
        }
        environment = {**kept, "HOME": folder, "TMPDIR": folder, "PYTHONWARNINGS": "ignore"}
        if plan.kind == "cost":
            environment["OTEL_BSP_MAX_QUEUE_SIZE"] = str(ROOM)
        if tree is not None:
            environment["PYTHONPATH"] = str(tree / "packages" / "sdk" / "src")
        command = [
            sys.executable,
            __file__,
            name,
            url or f"jsonl:{folder}/t.jsonl",
            *map(str, plan),
        ]
        done = subprocess.run(  # noqa: S603 -- this interpreter, this file
            command,
            env=environment,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr[-2_000:]}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def measure_cost(subject: Subject, plan: Plan) -> dict[str, Any]:
    """Return for each payload and round a call's µs: caller's CPU, its wall time, all threads."""
    figures: dict[str, Any] = {}
    for payload, call, bare, given, spans in (
        ("small", subject.small, answer_small, SMALL_INPUT, plan.spans),
        ("llm", subject.llm, answer_llm, LLM_INPUT, plan.spans // LLM_SHARE),
    ):
        _time_calls(call, given, WARM_UP, subject.settle)
        floor = min(_time_calls(bare, given, spans, _do_nothing)[0] for _ in range(3))
        rounds = [_time_calls(call, given, spans, subject.settle) for _ in range(plan.rounds)]
        caller, wall, cpu = zip(*rounds, strict=True)
        figures[payload] = {
            "caller_us": [each - floor for each in caller],
            "wall_us": [each - floor for each in wall],
            "cpu_us": [each - floor for each in cpu],
        }
    return {**figures, "counts": subject.tally()}


def _time_calls(
    call: Callable[..., object], given: object, spans: int, settle: Callable[[], object]
) -> tuple[float, float, float]:
    cpu, own, began = time.process_time_ns(), time.thread_time_ns(), time.perf_counter_ns()
    for _ in range(spans):
        call(given)
    caller, wall = time.thread_time_ns() - own, time.perf_counter_ns() - began
    settle()
    total = time.process_time_ns() - cpu
    return caller / spans / 1_000, wall / spans / 1_000, total / spans / 1_000


def _do_nothing() -> None:
    return None


def measure_burst(subject: Subject, plan: Plan) -> dict[str, Any]:
    """Return the counts, the memory in MiB and the calls' times of a burst without a pause."""
    for _ in range(WARM_UP):
        subject.small(SMALL_INPUT)
    subject.settle()
    before, resident = subject.tally(), _read_memory("VmRSS")
    times, clock = array("q", bytes(8 * plan.spans)), time.perf_counter_ns
    began = clock()
    for index in range(plan.spans):
        start = clock()
        subject.small(SMALL_INPUT)
        times[index] = clock() - start
    burst_s = (clock() - began) / 1e9
    subject.settle()
    after = subject.tally()
    ordered = sorted(times)
    return {
        "counts": {key: after[key] - before.get(key, 0) for key in after},
        "growth_mib": (_read_memory("VmHWM") - resident) / 1024 - 8 * plan.spans / 2**20,
        "burst_s": burst_s,
        "settled_s": (clock() - began) / 1e9,
        "p50_us": ordered[len(ordered) // 2] / 1e3,
        "p99_us": ordered[len(ordered) * 99 // 100] / 1e3,
        "max_us": ordered[-1] / 1e3,
    }


def _read_memory(field: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(field):
            return int(line.split()[1])
    return 0


def main() -> None:
    """Measure what the arguments say and print the figures as one line of JSON."""
    name, url, kind, spans, rounds = sys.argv[1:]
    plan = Plan(kind, int(spans), int(rounds))
    subject = SUBJECTS[name].make(url)
    figures = measure_cost(subject, plan) if kind == "cost" else measure_burst(subject, plan)
    print(json.dumps(figures), flush=True)
    os._exit(0)  # a peer's own exit may wait for a server that was never meant to answer


if __name__ == "__main__":
    main()
