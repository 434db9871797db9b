"""The ledger at length: kill, stop and starve the server, and count what is missing.

    python packages/server/benchmarks/ledger.py --nemesis kill9 --runs 100 --seed 1
    python packages/server/benchmarks/ledger.py                       every nemesis, once
    python packages/server/benchmarks/ledger.py --nemesis kill9 --off commit_first

A run is one fault: the server is killed once, or its disk is full once. Clients send meanwhile,
and send again what was not acknowledged. The five counts of a row must be 0. What is said to be
missing can be had again with the seed that is printed for it. `--off` takes a protection out.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from packages.sdk.tests.faults.judge import Verdict
from packages.server.tests.faults.nemeses import NEMESES, run_nemesis

if TYPE_CHECKING:
    from collections.abc import Mapping

COLUMNS: Final = (
    *("attempted", "stored", "settled"),
    *("lost", "phantom", "duplicate", "changed", "silent"),
)


def run(name: str, options: argparse.Namespace) -> tuple[Verdict, Mapping[str, int]]:
    """Play a nemesis as often as was asked for, say what failed, and return the sums."""
    total = Verdict()
    outcomes: Counter[str] = Counter()
    batch = NEMESES[name].batch
    runs = options.runs or batch
    for first in range(0, runs, batch):
        seed, faults = options.seed + first, min(batch, runs - first)
        result = run_nemesis(name, seed=seed, faults=faults, off=options.off)
        total += result.verdict
        outcomes.update(result.outcomes)
        again = f"--database {options.database} --nemesis {name} --runs {faults} --seed {seed}"
        mark = "ok" if result.verdict.is_clean else f"FAILS {result.verdict.five}"
        print(f"  {again}: {mark}", file=sys.stderr, flush=True)
        for text in (*result.verdict.complaints, *result.verdict.examples):
            print(f"    {text}", file=sys.stderr, flush=True)
    return total, outcomes


def write_row(
    name: str, runs: int, verdict: Verdict, outcomes: Mapping[str, int], took_s: float
) -> str:
    """Return a row of the table."""
    figures = [f"{getattr(verdict, column):>9}" for column in COLUMNS]
    mark = "ok" if verdict.is_clean else "FAILS"
    answers = " ".join(f"{word}={count}" for word, count in sorted(outcomes.items()))
    cells = [f"{name:<16}{runs:>5}", *figures, f"{verdict.exit_s:>7.2f}", f"{took_s:>7.1f}"]
    return " ".join([*cells, f" {mark:<6}", answers])


def main() -> int:
    """Play what the command line names; 1 when anything failed."""
    parser = argparse.ArgumentParser(description="Kill the server and count what is missing")
    parser.add_argument("--database", choices=["sqlite"], default="sqlite")
    parser.add_argument("--nemesis", action="append", choices=[*NEMESES], default=[])
    parser.add_argument("--runs", type=int, default=0, help="faults; by default one store's")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--off", action="append", default=[], help="a protection to do without")
    parser.add_argument("--json", action="store_true", help="a JSON object a nemesis")
    options = parser.parse_args()
    has_failed = False
    rows = []
    for name in options.nemesis or NEMESES:
        began_s = time.monotonic()
        verdict, outcomes = run(name, options)
        has_failed |= not verdict.is_clean
        runs = options.runs or NEMESES[name].batch
        if options.json:
            figures = {"nemesis": name, "runs": runs, "outcomes": outcomes, **verdict._asdict()}
            print(json.dumps(figures), flush=True)
        else:
            rows.append(write_row(name, runs, verdict, outcomes, time.monotonic() - began_s))
    if rows:
        head = [f"{'nemesis':<16}{'runs':>5}", *(f"{column:>9}" for column in COLUMNS)]
        print(" ".join([*head, f"{'exit s':>7}", f"{'took s':>7}", "        requests"]))
        print("\n".join(rows))
    return int(has_failed)


if __name__ == "__main__":
    sys.exit(main())
