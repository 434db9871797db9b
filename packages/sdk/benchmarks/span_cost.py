"""P1 to P3: what recording a span costs, beside other recorders and the floors, in one run.

Each recorder runs in processes of its own, turn by turn, and sends its batches to a server on this
machine that keeps nothing. Caller: CPU time of the calling thread. Wall: time that passed in the
call. CPU: of all threads until everything is delivered. The call without a recorder is taken off.
Small: 200 bytes in, 500 out. LLM: 8 KiB in, 2 KiB out. Figures are medians of all rounds.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any, Final

from child import Plan, measure
from floors import measure_floors
from receiver import receive
from report import Report, find_version
from subjects import SUBJECTS

OWN: Final = "agenttrace"
PEER: Final = "opentelemetry"


class Sample:
    """All figures of one recorder, by payload and kind, from all of its processes."""

    def __init__(self) -> None:
        self.figures: dict[tuple[str, str], list[float]] = defaultdict(list)
        self.dropped = 0

    def add(self, measured: dict[str, Any]) -> None:
        """Add one process's figures."""
        for payload in ("small", "llm"):
            for kind, values in measured[payload].items():
                self.figures[payload, kind] += values
        self.dropped += measured["counts"].get("dropped", 0)

    def find(self, payload: str, kind: str) -> float:
        """Return the median of one figure."""
        return median(self.figures[payload, kind])

    def find_least(self, payload: str) -> float:
        """Return the least of the caller's figures: what a busy machine disturbs least."""
        return min(self.figures[payload, "caller_us"])


def collect(options: argparse.Namespace) -> tuple[dict[str, Sample], list[str]]:
    """Run every recorder that is installed, alternately; return the samples and who is missing."""
    here = Path(__file__).parents[3]
    turns: dict[str, tuple[str, Path | None]] = {OWN: (OWN, here)}
    if options.against is not None:
        turns[f"{OWN} at {options.against.name}"] = (OWN, options.against.resolve())
    missing = []
    for name, entry in SUBJECTS.items():
        if name == OWN or options.no_peers:
            continue
        if find_version(entry.distribution) is None or not _is_importable(entry.module):
            missing.append(name)
        else:
            turns[name] = (name, None)
    samples = {label: Sample() for label in turns}
    plan = Plan("cost", options.spans, options.rounds)
    with receive() as url:
        for _ in range(options.processes):
            for label, (name, tree) in turns.items():
                samples[label].add(measure(name, plan, url, tree=tree))
    return samples, missing


def _is_importable(module: str) -> bool:
    return importlib.util.find_spec(module.partition(".")[0]) is not None


def build_report(samples: dict[str, Sample], missing: list[str]) -> Report:
    """Return the table: P1, P2 and P3 of each recorder, then the floors."""
    report = Report(
        "P1 to P3: the cost of a span, µs",
        (
            "row",
            "payload",
            "recorder",
            "version",
            "caller",
            "least",
            "wall",
            "all threads",
            "of OTel + JSON",
        ),
    )
    for row, payload in (("P1 P3", "small"), ("P2 P3", "llm")):
        for label, sample in samples.items():
            caller = sample.find(payload, "caller_us")
            least = sample.find_least(payload)
            rest = (sample.find(payload, "wall_us"), sample.find(payload, "cpu_us"))
            ratio = caller / samples[PEER].find(payload, "caller_us") if PEER in samples else None
            found = find_version(SUBJECTS[label.split()[0]].distribution) or "tree"
            report.add(row, payload, label, found, caller, least, *rest, ratio)
        for name in missing:
            report.add(row, payload, name, "not installed", *[None] * 5)
    for name, floor in measure_floors().items():
        report.add("floor", "", name, "", None, floor, None, None, None)
    dropped = {label: sample.dropped for label, sample in samples.items() if sample.dropped}
    report.note(f"dropped: {dropped or 'nothing'}")
    return report


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--spans", type=int, default=1_000, help="calls a round (LLM: a quarter)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds in each process")
    parser.add_argument("--processes", type=int, default=3, help="processes of each recorder")
    parser.add_argument("--no-peers", action="store_true", help="AgentTrace and the floors alone")
    parser.add_argument(
        "--against", type=Path, help="another checkout whose SDK is measured in turn with this one"
    )
    parser.add_argument("--json", action="store_true", help="print the report as one line of JSON")
    options = parser.parse_args()
    build_report(*collect(options)).write(as_json=options.json)


if __name__ == "__main__":
    main()
