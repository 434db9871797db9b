"""What a spool may hold, what became of it, and what its methods answer."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from agenttrace.pipeline.spool.folder import Fault, name_fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from agenttrace.pipeline.spool.segment import Damage, Segment

TOO_LARGE: Final = "too_large"
SPOOL_FULL: Final = "spool_full"
EXPIRED: Final = "expired"
CORRUPT: Final = "corrupt"


class SpoolLimits(NamedTuple):
    """How much a spool may hold, and for how long.

    `max_bytes` is for everything under one target, whoever wrote it; each live process may exceed
    it by the one file that it writes to. The age of a file is that of its newest record, and a
    process begins a new file after an eighth of `max_age_s`. `scan_every_s` is how often a reader
    looks for files of processes that are gone.
    """

    max_bytes: int = 256 * 1024 * 1024
    max_age_s: float = 7 * 24 * 3600.0
    segment_bytes: int = 4 * 1024 * 1024
    scan_every_s: float = 5.0


class SpoolStats(NamedTuple):
    """The accounts of one spool in one process, since it was made or forked.

    appended + adopted = acknowledged + refused + pending + dropped, always.

    `adopted` are records read from files of processes that are gone, `adopted_files` those files.
    `pending` wait here or are under way, and take `pending_bytes` on disk. `dropped` counts by
    reason: `spool_full` and `expired` (the oldest, to keep the limits), `too_large`, `corrupt`
    (damaged on the disk). `quarantined` counts damaged ranges of any file, and `torn` unfinished
    ends, where a process died as it wrote. `faults` counts by reason what could not be done.
    """

    appended: int
    adopted: int
    acknowledged: int
    refused: int
    pending: int
    dropped: Mapping[str, int]
    pending_bytes: int
    adopted_files: int
    quarantined: int
    quarantined_bytes: int
    torn: int
    faults: Mapping[str, int]
    last_fault: Fault | None


class Appended(NamedTuple):
    """What became of an append: the first `taken` lines are the spool's business from now on.

    The caller keeps the others, and `fault` says why; with nothing left over it tells of a fault
    that was overcome.
    """

    taken: int
    fault: Fault | None


class SpoolBatch:
    """Records to send, oldest first: `lines` are the bytes that were appended."""

    __slots__ = ("lines", "segment")

    def __init__(self, lines: list[bytes], segment: Segment) -> None:
        self.lines = lines
        self.segment = segment

    def __len__(self) -> int:
        return len(self.lines)


class Accounts:
    """The counters behind `SpoolStats`. What waits is not counted: the segments know it."""

    __slots__ = (
        "acknowledged",
        "adopted",
        "adopted_files",
        "appended",
        "dropped",
        "faults",
        "last_fault",
        "left",
        "left_bytes",
        "quarantined",
        "quarantined_bytes",
        "refused",
        "torn",
    )

    def __init__(self) -> None:
        self.appended = self.adopted = self.acknowledged = self.refused = 0
        self.left = self.left_bytes = 0  # records in files that this process let go of
        self.adopted_files = self.quarantined = self.quarantined_bytes = self.torn = 0
        self.dropped: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.last_fault: Fault | None = None

    def drop(self, reason: str, count: int) -> None:
        """Count records that were dropped."""
        if count:
            self.dropped[reason] += count

    def note(self, error: OSError, *, path: Path) -> Fault:
        """Count a fault and return it."""
        fault = self.last_fault = name_fault(error, path=path)
        self.faults[fault.reason] += 1
        return fault

    def note_damage(self, damage: Damage) -> None:
        """Count a range without an intact record."""
        if damage.kind == "torn":
            self.torn += 1
        else:
            self.quarantined += 1
            self.quarantined_bytes += damage.end - damage.start

    def publish(self, held: Iterable[Segment]) -> SpoolStats:
        """Return the accounts at this moment, with what waits in the files that are held."""
        pending = self.left
        pending_bytes = self.left_bytes
        for segment in held:
            pending += segment.pending
            pending_bytes += segment.pending_bytes
        return SpoolStats(
            appended=self.appended,
            adopted=self.adopted,
            acknowledged=self.acknowledged,
            refused=self.refused,
            pending=pending,
            dropped=dict(self.dropped),
            pending_bytes=pending_bytes,
            adopted_files=self.adopted_files,
            quarantined=self.quarantined,
            quarantined_bytes=self.quarantined_bytes,
            torn=self.torn,
            faults=dict(self.faults),
            last_fault=self.last_fault,
        )
