"""The ledger at length: kill, stop and starve the server, and count what is missing.

    python packages/server/benchmarks/ledger.py --nemesis kill9 --runs 100 --seed 1
    python packages/server/benchmarks/ledger.py --database postgresql
    python packages/server/benchmarks/ledger.py --nemesis kill9 --off commit_first

A run is one fault: the server is killed once, or its disk is full once. Clients send meanwhile,
and send again what was not acknowledged. The five counts of a row must be 0. What is said to be
missing can be had again with the seed that is printed for it. Without `--nemesis` each is played
once that is made for the database. `--off` takes a protection out. PostgreSQL is one of its own,
in a temporary folder, with `fsync` on.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from packages.sdk.tests.faults.judge import Verdict
from packages.sdk.tests.faults.scenarios.disks import NotPermittedError
from packages.server.tests.faults.nemeses import DURABLE, NEMESES, run_nemesis
from packages.server.tests.support.postgres import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Mapping

COLUMNS: Final = (
    *("attempted", "stored", "settled"),
    *("lost", "phantom", "duplicate", "changed", "silent"),
)


class Sums(NamedTuple):
    """What became of all runs of a nemesis; the seconds are the longest, or in all."""

    verdict: Verdict = Verdict()
    outcomes: Mapping[str, int] = {}
    recovery_s: float = 0.0
    took_s: float = 0.0


def run(name: str, options: argparse.Namespace, postgres: PostgresServer | None) -> Sums:
    """Play a nemesis as often as was asked for, say what failed, and return the sums."""
    total = Sums()
    began_s = time.monotonic()
    batch = NEMESES[name].batch
    runs = options.runs or batch
    for first in range(0, runs, batch):
        seed, faults = options.seed + first, min(batch, runs - first)
        result = run_nemesis(name, seed=seed, faults=faults, off=options.off, postgres=postgres)
        total = Sums(
            total.verdict + result.verdict,
            Counter(total.outcomes) + Counter(result.outcomes),
            max(total.recovery_s, result.recovery_s),
            time.monotonic() - began_s,
        )
        again = f"--database {options.database} --nemesis {name} --runs {faults} --seed {seed}"
        mark = "ok" if result.verdict.is_clean else f"FAILS {result.verdict.five}"
        print(f"  {again}: {mark}", file=sys.stderr, flush=True)
        for text in (*result.verdict.complaints, *result.verdict.examples):
            print(f"    {text}", file=sys.stderr, flush=True)
    return total


def write_row(name: str, runs: int, sums: Sums) -> str:
    """Return a row of the table."""
    verdict = sums.verdict
    figures = [f"{getattr(verdict, column):>9}" for column in COLUMNS]
    mark = "ok" if verdict.is_clean else "FAILS"
    answers = " ".join(f"{word}={count}" for word, count in sorted(sums.outcomes.items()))
    cells = [f"{name:<16}{runs:>5}", *figures]
    cells += [f"{each:>7.2f}" for each in (verdict.exit_s, sums.recovery_s)]
    return " ".join([*cells, f"{sums.took_s:>7.1f}", f" {mark:<6}", answers])


def write_head() -> str:
    """Return the head of the table."""
    names = [f"{'nemesis':<16}{'runs':>5}", *(f"{column:>9}" for column in COLUMNS)]
    names += [f"{'exit s':>7}", f"{'back s':>7}", f"{'took s':>7}", "        requests"]
    return " ".join(names)


def play_all(options: argparse.Namespace, postgres: PostgresServer | None) -> bool:
    """Play what was asked for and print the table; whether all of it is clean."""
    rows = []
    is_clean = True
    fitting = [name for name, each in NEMESES.items() if options.database in each.databases]
    for name in options.nemesis or fitting:
        try:
            sums = run(name, options, postgres)
        except NotPermittedError as error:
            print(f"{name:<16} not run: {error}", file=sys.stderr)
            continue
        is_clean &= sums.verdict.is_clean
        runs = options.runs or NEMESES[name].batch
        if options.json:
            figures = {"nemesis": name, "runs": runs, "outcomes": sums.outcomes}
            print(json.dumps({**figures, **sums.verdict._asdict()}), flush=True)
        else:
            rows.append(write_row(name, runs, sums))
    if rows:
        print(f"{options.database}, seed {options.seed}")
        print("\n".join([write_head(), *rows]))
    return is_clean


def main() -> int:
    """Play what the command line names; 1 when anything failed."""
    parser = argparse.ArgumentParser(description="Kill the server and count what is missing")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--nemesis", action="append", choices=[*NEMESES], default=[])
    parser.add_argument("--runs", type=int, default=0, help="faults; by default one store's")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--off", action="append", default=[], help="a protection to do without")
    parser.add_argument("--json", action="store_true", help="a JSON object a nemesis")
    options = parser.parse_args()
    if options.database == "sqlite":
        return int(not play_all(options, None))
    postgres = PostgresServer(**DURABLE)
    try:
        return int(not play_all(options, postgres))
    finally:
        postgres.remove()


if __name__ == "__main__":
    sys.exit(main())
