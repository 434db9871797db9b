"""What the tests of the spool share: a spool in a folder, and ways to look at both."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Literal

from agenttrace.pipeline.spool import Spool, SpoolLimits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TARGET: Final = "http://127.0.0.1:8000/api"
LIMITS: Final = SpoolLimits(scan_every_s=0.0)
"""The defaults, but files of processes that are gone are looked for at every read."""


def make_spool(
    folder: Path,
    *,
    durability: Literal["buffered", "sync"] = "buffered",
    limits: SpoolLimits = LIMITS,
    clock_ns: Callable[[], int] = time.time_ns,
) -> Spool:
    """Return a spool of the tests' target."""
    return Spool(folder, target=TARGET, durability=durability, limits=limits, clock_ns=clock_ns)


def drain(spool: Spool, *, max_records: int = 1_000) -> list[bytes]:
    """Read and acknowledge everything; return the lines in the order in which they came."""
    lines: list[bytes] = []
    while (batch := spool.read(max_records=max_records)) is not None:
        lines += batch.lines
        assert spool.acknowledge(batch) is None
    return lines


def append_all(spool: Spool, lines: list[bytes]) -> None:
    """Append `lines`, and hold the spool to having taken them all."""
    assert spool.append(lines) == (len(lines), None)


def count_imbalance(spool: Spool) -> int:
    """Return by how many records the accounts do not add up."""
    stats = spool.stats()
    arrived = stats.appended + stats.adopted
    settled = stats.acknowledged + stats.refused + sum(stats.dropped.values())
    return arrived - settled - stats.pending


def list_segments(spool: Spool) -> list[Path]:
    """Return the files that hold records, oldest first."""
    return sorted(spool.path.glob("*.spool1"))


def list_aside(spool: Spool, side: str) -> list[Path]:
    """Return the files in `dead` or `corrupt`, oldest first."""
    return sorted((spool.path / side).glob("*"))
