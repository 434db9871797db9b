"""The ledger at length: kill, starve and confuse recorded programs, and count what is missing.

    python packages/sdk/benchmarks/ledger.py --scenario kill9 --runs 200 --seed 1
    python packages/sdk/benchmarks/ledger.py                       every scenario, once
    python packages/sdk/benchmarks/ledger.py --scenario kill9 --off spool    without a protection

A run is one fault: one process killed, one server that goes away. The five counts of a row must be
0. What is said to be missing can be had again with the seed that is printed for it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from faults.judge import Verdict
from faults.scenarios import SCENARIOS, run_scenario
from faults.scenarios.disks import NotPermittedError

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS: Final = (
    *("attempted", "stored", "lost", "phantom", "duplicate", "changed", "silent"),
    *("settled", "window", "unmade", "resends", "merged"),
)


def play(name: str, *, runs: int, seed: int, off: tuple[str, ...]) -> Iterator[tuple[int, Verdict]]:
    """Yield `(seed, verdict)` of each stage, until all runs are done."""
    batch = SCENARIOS[name].batch
    for first in range(0, runs, batch):
        faults = min(batch, runs - first)
        yield seed + first, run_scenario(name, seed=seed + first, faults=faults, off=off)


def run(name: str, options: argparse.Namespace) -> Verdict:
    """Play a scenario as often as was asked for, say what failed, and return the sum."""
    total = Verdict()
    runs = options.runs or SCENARIOS[name].batch
    for seed, verdict in play(name, runs=runs, seed=options.seed, off=tuple(options.off)):
        total += verdict
        if not verdict.is_clean:
            again = f"--scenario {name} --runs {min(runs, SCENARIOS[name].batch)} --seed {seed}"
            for off in options.off:
                again += f" --off {off}"
            print(f"  {name}: {verdict.five}; again with {again}", file=sys.stderr)
            for text in (*verdict.complaints, *verdict.examples):
                print(f"    {text}", file=sys.stderr)
    return total


def write_row(name: str, runs: int, verdict: Verdict, took_s: float) -> str:
    """Return a row of the table."""
    figures = [f"{getattr(verdict, column):>9}" for column in COLUMNS]
    dropped = " ".join(f"{why}={count}" for why, count in sorted(verdict.dropped.items()))
    mark = "ok" if verdict.is_clean else "FAILS"
    cells = [f"{name:<22}{runs:>5}", *figures, f"{verdict.exit_s:>7.2f}"]
    cells += [f"{verdict.grown_mib:>6.0f}", f"{took_s:>7.1f}"]
    return " ".join([*cells, f" {mark:<6}", dropped])


def main() -> int:
    """Play what the command line names; 1 when anything failed."""
    parser = argparse.ArgumentParser(description="Kill recorded programs and count what is missing")
    parser.add_argument("--scenario", action="append", choices=[*SCENARIOS], default=[])
    parser.add_argument("--runs", type=int, default=0, help="faults; by default one stage's")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--off", action="append", default=[], help="a protection to do without")
    parser.add_argument("--json", action="store_true", help="a JSON object a scenario")
    options = parser.parse_args()
    if not options.json:
        head = [f"{'scenario':<22}{'runs':>5}", *(f"{column:>9}" for column in COLUMNS)]
        print(
            " ".join([*head, f"{'exit s':>7}", f"{'MiB':>6}", f"{'took s':>7}", "        dropped"])
        )
    has_failed = False
    for name in options.scenario or SCENARIOS:
        began_s = time.monotonic()
        try:
            verdict = run(name, options)
        except NotPermittedError as error:
            print(f"{name:<22} not run: {error}", file=sys.stderr)
            continue
        has_failed |= not verdict.is_clean
        took_s = time.monotonic() - began_s
        runs = options.runs or SCENARIOS[name].batch
        if options.json:
            print(json.dumps({"scenario": name, "runs": runs, **verdict._asdict()}), flush=True)
        else:
            print(write_row(name, runs, verdict, took_s), flush=True)
    return int(has_failed)


if __name__ == "__main__":
    sys.exit(main())
