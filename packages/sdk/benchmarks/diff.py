"""How long a comparison of two runs of 10,000 spans takes, and what memory it needs at most.

    python packages/sdk/benchmarks/diff.py [SHAPE…]

Each shape is made and compared in a process of its own, so that the peak is its own. `wall` and
`cpu` are seconds of `compare_runs` alone; `peak` is the most memory that the process held, `before`
what it held with both runs loaded. It ends with 1 when a shape takes more than 5 s of processor
time or 512 MiB.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Final

import msgspec
from report import Report

from agenttrace.diff import compare_runs
from agenttrace.trace import RecordedRun
from agenttrace.trace.records import RecordedPayload, RecordedSpan
from agenttrace.wire import Effect, Fidelity, SpanStatus, SpanType

if TYPE_CHECKING:
    from collections.abc import Callable

START_NS: Final = 1_700_000_000_000_000_000
SPANS: Final = 10_000
MAX_SECONDS: Final = 5.0
MAX_BYTES: Final = 512 * 1024 * 1024
_KIB: Final = 1024

Node = tuple[str, str, int]  # name, output, depth


def make_run(
    number: int,
    nodes: list[Node],
    *,
    output: bytes | None = None,
    inputs: int = 1,
    given: list[int] | None = None,
) -> RecordedRun:
    """Return a run of spans in pre-order; each has one of so many inputs, or the one of its place.

    Inputs are of a few fields, and of those that no place gives the name is one.
    """
    chance = random.Random(number)  # noqa: S311 -- no secret: the same each time
    run_id = f"{number:032x}"
    path: list[str] = []
    spans = []
    for place, (name, said, depth) in enumerate(nodes, 1):
        span_id = f"{place:016x}"
        del path[depth:]
        asked = {"query": name, "limit": chance.randrange(inputs)}
        if given is not None:
            asked = {"query": "any", "limit": given[place - 1]}
        text = msgspec.json.encode({"text": said, "tokens": len(said), "ok": True})
        spans.append(
            RecordedSpan(
                v=1,
                run_id=run_id,
                span_id=span_id,
                parent_span_id=path[-1] if path else None,
                rev=1,
                name=name,
                span_type=SpanType.TOOL_CALL,
                status=SpanStatus.COMPLETED,
                start_ns=START_NS + place * 1_000,
                end_ns=START_NS + place * 1_000 + 500,
                duration_ns=500,
                seq=place * 2,
                end_seq=place * 2 + 1,
                lane=0,
                effect=Effect.READ,
                input=_make_payload(msgspec.json.encode(asked)),
                output=_make_payload(output if output and place == 1 else text),
            )
        )
        path.append(span_id)
    return RecordedRun(run_id, None, spans, [])


def _make_payload(text: bytes) -> RecordedPayload:
    return RecordedPayload(text=msgspec.Raw(text), codec="json", fidelity=Fidelity.EXACT)


def change(nodes: list[Node], share: float, seed: int) -> list[Node]:
    """Return nodes of which a share differs: a third each says something else, is gone, is new.

    What is below a node that is gone is then below the one that was around it.
    """
    chance = random.Random(seed)  # noqa: S311 -- no secret: the same each time
    made: list[Node] = []
    gone: list[int] = []
    for place, (name, said, depth) in enumerate(nodes):
        while gone and gone[-1] >= depth:
            gone.pop()
        kind = chance.choice("cra") if chance.random() < share else "-"
        if kind == "r":
            gone.append(depth)
            continue
        if kind == "a":
            made.append(("extra", f"new {place}", depth - len(gone)))
        made.append((name, f"other {place}" if kind == "c" else said, depth - len(gone)))
    return made


def _flat(word: str) -> list[Node]:
    return [("search", f"{word} {place}", 0) for place in range(SPANS)]


def _random(seed: int) -> list[Node]:
    chance = random.Random(seed)  # noqa: S311 -- as above
    return [(chance.choice("abcd"), f"said {chance.randrange(1_000)}", 0) for _ in range(SPANS)]


def _loop() -> list[Node]:
    nodes: list[Node] = []
    for turn in range(550):
        nodes.append(("step", f"turn {turn}", 0))
        nodes += [(f"tool {place}", f"{turn} {place}", 1) for place in range(17)]
    return nodes


def _chain() -> list[Node]:
    return [(f"call {place % 7}", f"said {place}", place) for place in range(5_000)]


def _ternary(word: str) -> list[Node]:
    nodes: list[Node] = []
    stack = [(0, "")]
    while stack:
        depth, place = stack.pop()
        nodes.append((f"node {place[-1:]}", f"{word} {place}", depth))
        if depth < 8:  # noqa: PLR2004 -- 9,841 nodes
            stack.extend((depth + 1, place + digit) for digit in "210")
    return nodes


def _large() -> tuple[RecordedRun, RecordedRun]:
    text = json.dumps("x" * 50_000_000).encode()
    nodes = _flat("said")
    return make_run(1, nodes, output=text), make_run(2, change(nodes, 0.05, 3), output=text)


def _pair(
    base: list[Node], head: list[Node], *, inputs: int = 1
) -> tuple[RecordedRun, RecordedRun]:
    return make_run(1, base, inputs=inputs), make_run(2, head, inputs=inputs)


SHAPES: Final[dict[str, Callable[[], tuple[RecordedRun, RecordedRun]]]] = {
    "flat, 5 % differ": lambda: _pair(_flat("said"), change(_flat("said"), 0.05, 1)),
    "flat, unrelated": lambda: _pair(_flat("said"), _flat("told")),
    "flat, random": lambda: _pair(_random(6), _random(7), inputs=50),
    "loop of 550 x 18": lambda: _pair(_loop(), change(_loop(), 0.05, 2)),
    "chain of 5,000": lambda: _pair(_chain(), change(_chain(), 0.05, 4)),
    "ternary, 300 differ": lambda: _pair(_ternary("said"), change(_ternary("said"), 0.03, 5)),
    "ternary, unrelated": lambda: _pair(_ternary("said"), _ternary("told")),
    "one payload of 50 MB": _large,
}


def _read_peak() -> int:
    """Return the most memory that this process held, in bytes.

    On Linux of this program alone: `ru_maxrss` goes on from what the process was before `exec`.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (each for each in status.read_text().splitlines() if each.startswith("VmHWM:"))
        return int(line.split()[1]) * _KIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB


def measure(shape: str) -> None:
    """Compare one shape in this process and print its row as JSON."""
    base, head = SHAPES[shape]()
    before = _read_peak()
    start_s, start_cpu_s = perf_counter(), process_time()
    diff = compare_runs(base, head)
    seconds, cpu_s = perf_counter() - start_s, process_time() - start_cpu_s
    peak = _read_peak()
    row = [shape, seconds, cpu_s, before, peak, diff.approx, diff.cost, len(diff.rows)]
    print(json.dumps(row))


def main() -> None:
    """Measure each shape; end with 1 when one takes more than it may."""
    wanted = sys.argv[1:] or list(SHAPES)
    columns = ("shape", "wall s", "cpu s", "before MB", "peak MB", "cost", "rows", "  approx")
    report = Report("Comparing two runs of 10,000 spans", columns)
    failed = False
    for shape in wanted:
        code = f"import diff; diff.measure({shape!r})"
        done = subprocess.run(  # noqa: S603 -- this very program
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parent,
        )
        name, seconds, cpu_s, before, peak, approx, cost, rows = json.loads(done.stdout)
        failed = failed or cpu_s > MAX_SECONDS or peak > MAX_BYTES
        report.add(
            name, seconds, cpu_s, before / 2**20, peak / 2**20, cost, float(rows), f"  {approx}"
        )
    report.write(as_json=False)
    sys.exit(failed)


if __name__ == "__main__":
    main()
