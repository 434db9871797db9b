"""P4: a burst of 100,000 small spans without a pause: what is kept, and what memory it takes.

Each recorder runs in a process of its own with the settings it comes with. AgentTrace counts
records (two a span) as `Tracer.stats()` does; of the others, what the exporter was answered for is
counted. Kept is delivered, spooled, or superseded: a start whose end went with it. Growth is the
highest resident memory less that before. The times of single calls show whether the caller was
ever made to wait (p99, max).
"""

from __future__ import annotations

import argparse
import socket
from pathlib import Path
from typing import Any, Final

from child import Plan, measure
from receiver import receive
from report import Report, find_version
from subjects import SUBJECTS

OWN: Final = "agenttrace"


def find_closed_port() -> int:
    """Return a port of this machine where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def add_row(report: Report, label: str, spans: int, figures: dict[str, Any]) -> None:
    """Add what one burst came to."""
    counts = figures["counts"]
    offered = counts.get("attempted", spans)
    kept = sum(counts.get(name, 0) for name in ("delivered", "superseded", "spooled"))
    dropped = counts.get("dropped", offered - kept)
    report.add(
        "P4",
        label,
        100.0 * kept / offered,
        counts["delivered"],
        counts.get("superseded", 0),
        counts.get("spooled", 0),
        counts.get("queued", 0),
        dropped,
        figures["growth_mib"],
        figures["burst_s"] / spans * 1e6,
        figures["p99_us"],
        figures["max_us"],
        figures["settled_s"],
    )


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--spans", type=int, default=100_000, help="spans in the burst")
    parser.add_argument("--no-peers", action="store_true", help="AgentTrace alone")
    parser.add_argument(
        "--against", type=Path, help="another checkout whose SDK is measured in turn with this one"
    )
    parser.add_argument("--json", action="store_true", help="print the report as one line of JSON")
    options = parser.parse_args()
    plan = Plan("burst", options.spans)
    report = Report(
        f"P4: a burst of {options.spans:,} spans",
        (
            *("row", "recorder", "kept %", "delivered", "superseded"),
            *("spooled", "queued", "dropped"),
            *("growth MiB", "µs a span", "p99 µs", "max µs", "settled s"),
        ),
    )
    trees = [Path(__file__).parents[3], *([options.against.resolve()] if options.against else [])]
    with receive() as url:
        for tree in trees:
            mark = "" if tree == trees[0] else f" at {tree.name}"
            for target, where in (
                ("a file", ""),
                ("a server", url),
                ("no server", f"http://127.0.0.1:{find_closed_port()}"),
            ):
                figures = measure(OWN, plan, where, tree=tree)
                add_row(report, f"{OWN}{mark}, {target}", options.spans, figures)
        for name, entry in SUBJECTS.items():
            if name == OWN or options.no_peers:
                continue
            if find_version(entry.distribution) is None:
                report.add("P4", f"{name}: not installed", *[None] * 11)
            else:
                add_row(report, name, options.spans, measure(name, plan, url))
    report.write(as_json=options.json)


if __name__ == "__main__":
    main()
