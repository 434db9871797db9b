"""Stepping through one run (R2): a state at any step, in the process and over GraphQL.

    python packages/server/benchmarks/stepping.py [--spans 50000] [--seeks 400]

The run has so many spans in three lanes, a tenth of its steps are state events, and its inputs are
the calls of `workload`. Prints p50 and p95 of a seek to random steps; the bound is R2's.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
from bounds import Bound, pick, print_bounds
from senders import BATCH, send
from servers import run_server
from workload import START_NS, dump_lines, make_call

from agenttrace.steps import StateSeeker, StepTimeline
from agenttrace.trace import load_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

R2_P95_MS: Final = 50.0
PAGE_MS: Final = 100.0
"""Of fifty steps with their spans, for which R2 has no bound."""
_STEP: Final = """query($r: ID!, $i: Int!) { replay(runId: $r) { step(index: $i) { phase state
    span { id name } openSpans(last: 5) { id name }
    cumulative { spans totalTokens costUsd } } } }"""
_SEEK: Final = "query($r: ID!, $s: String!) { replay(runId: $r) { seek(spanId: $s) } }"
_OFFSET: Final = "query($r: ID!, $o: Float!) { replay(runId: $r) { seek(offsetMs: $o) } }"
_PAGE: Final = """query($r: ID!, $a: String!) { replay(runId: $r) { steps(first: 50, after: $a) {
    edges { node { index phase atMs lane depth span { id name type } replay { status } } } } } }"""
_NEAR: Final = """query($r: ID!, $f: Int!, $d: StepDirection!) { replay(runId: $r) {
    find(from: $f, direction: $d, breakpoints: [{ name: "*", costUsd: { min: "0" } }]) {
    index } } }"""
_FIND: Final = """query($r: ID!, $b: [BreakpointInput!]!) { replay(runId: $r) {
    find(from: -1, direction: FORWARD, breakpoints: $b) { index } } }"""
_COUNT: Final = "query($r: ID!) { replay(runId: $r) { totalSteps } }"


def make_records(spans: int) -> Iterator[dict[str, Any]]:
    """Yield a run: spans ten below one in three lanes, a state for each fifth."""
    for n in range(spans):
        start = n * 3
        yield make_call(
            0,
            n,
            seq=start,
            end_seq=start + 1,
            lane=n % 3,
            parent_span_id=f"{(n - 1) // 10 + 1:016x}" if n else None,
            start_ns=START_NS + n // 4 * 1_000_000,
            end_ns=START_NS + n // 4 * 1_000_000 + 500,
        )
        if n % 5 == 0:
            yield {
                "v": 1,
                "type": "event",
                "run_id": make_call(0, n)["run_id"],
                "span_id": f"{n + 1:016x}",
                "seq": start + 2,
                "t_ns": START_NS,
                "name": "state",
                "body": {
                    "value": {"key": f"k{n % 20}", "value": n},
                    "codec": "json",
                    "fidelity": "exact",
                },
            }


def measure(seek: Callable[[int], object], steps: int, seeks: int) -> tuple[float, float]:
    """Return p50 and p95, in milliseconds, of seeks to random steps."""
    chosen = random.Random(1)  # noqa: S311 -- the same at each call is what is wanted
    took_ms = []
    for _ in range(seeks):
        index = chosen.randrange(steps)
        begin = time.perf_counter()
        seek(index)
        took_ms.append((time.perf_counter() - begin) * 1e3)
    took_ms.sort()
    return pick(took_ms, 0.5), pick(took_ms, 0.95)


def measure_here(records: list[dict[str, Any]], seeks: int) -> list[Bound]:
    """Return what it takes in the process."""
    run = load_runs(records).runs[0]
    begin = time.perf_counter()
    timeline = StepTimeline.of_run(run)
    seeker = StateSeeker(timeline)
    built_ms = (time.perf_counter() - begin) * 1e3
    p50, p95 = measure(seeker.seek, len(timeline), seeks)
    return [
        Bound(f"timeline and snapshots of {len(timeline):,} steps, ms", built_ms, 5_000),
        Bound("seek in the process, p50, ms", p50, R2_P95_MS),
        Bound("seek in the process, p95, ms", p95, R2_P95_MS),
    ]


def measure_server(records: list[dict[str, Any]], seeks: int) -> list[Bound]:
    """Return what it takes over GraphQL, the timeline kept and made anew."""
    run_id = str(records[0]["run_id"])
    with (
        tempfile.TemporaryDirectory() as folder,
        run_server(f"sqlite+aiosqlite:///{Path(folder) / 'agenttrace.db'}") as server,
        httpx.Client(base_url=server.url, timeout=60) as client,
    ):
        for first in range(0, len(records), BATCH):
            send(client, dump_lines(records[first : first + BATCH]))

        def ask(query: str, **variables: Any) -> Any:
            answer = client.post("/graphql", json={"query": query, "variables": variables}).json()
            assert "errors" not in answer, answer
            return answer["data"]["replay"]

        begin = time.perf_counter()
        steps = ask(_COUNT, r=run_id)["totalSteps"]
        first_ms = (time.perf_counter() - begin) * 1e3
        cpu_s = server.measure_cpu_s()
        p50, p95 = measure(lambda index: ask(_STEP, r=run_id, i=index), steps, seeks)
        cpu_ms = (server.measure_cpu_s() - cpu_s) / seeks * 1e3
        found = measure_ways(ask, run_id, steps, seeks)
        begin = time.perf_counter()
        last = [{"type": "LLM_CALL", "name": "nothing"}]
        assert ask(_FIND, r=run_id, b=last)["find"] is None
        find_ms = (time.perf_counter() - begin) * 1e3
        return [
            Bound(f"first question of {steps:,} steps, ms", first_ms, 10_000),
            Bound("a step with its state over GraphQL, p50, ms", p50, R2_P95_MS),
            Bound("a step with its state over GraphQL, p95, ms", p95, R2_P95_MS),
            Bound("the same, mean of the server's processor time, ms", cpu_ms, R2_P95_MS),
            *found,
            Bound("a breakpoint by name that nothing matches, ms", find_ms, 5_000),
            Bound("resident memory of the server, MiB", server.measure_rss_mib(), 600),
        ]


def measure_ways(ask: Callable[..., object], run_id: str, steps: int, seeks: int) -> list[Bound]:
    """Return what seek, a page and find take over GraphQL."""
    ways: dict[str, Callable[[int], object]] = {
        "seek to a span": lambda i: ask(_SEEK, r=run_id, s=f"{i // 3 + 1:016x}"),
        "seek to a time": lambda i: ask(_OFFSET, r=run_id, o=i / 8),
        "a page of 50 steps": lambda i: ask(_PAGE, r=run_id, a=str(i)),
        "find forward": lambda i: ask(_NEAR, r=run_id, f=i, d="FORWARD"),
        "find backward": lambda i: ask(_NEAR, r=run_id, f=i, d="BACKWARD"),
    }
    found = []
    for name, way in ways.items():
        limit_ms = PAGE_MS if way is ways["a page of 50 steps"] else R2_P95_MS
        for which, took_ms in zip(("p50", "p95"), measure(way, steps, seeks), strict=True):
            found.append(Bound(f"{name} over GraphQL, {which}, ms", took_ms, limit_ms))
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--spans", type=int, default=50_000)
    parser.add_argument("--seeks", type=int, default=400)
    options = parser.parse_args()
    records = [*make_records(options.spans)]
    bounds = [*measure_here(records, options.seeks), *measure_server(records, options.seeks)]
    print_bounds(f"R2   stepping through a run of {options.spans:,} spans", bounds)


if __name__ == "__main__":
    main()
