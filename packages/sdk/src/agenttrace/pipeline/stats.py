"""What a tracer did with its records, as `stats()`, `flush()` and `shutdown()` return it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class ExporterStats(NamedTuple):
    """The accounts of one exporter, which balance at every moment.

    attempted = delivered + superseded + queued + spooled + sum(dropped)

    `attempted` counts each record that was recorded while the exporter was there, and `adopted`
    ones, which a process that is gone has left in the spool. `queued` wait in memory: to be
    encoded, held back by a processor, or for the exporter. `spooled` wait on disk: they outlive the
    process and are no loss. `superseded` are snapshots of a start that were left out because the
    end, which says it all, was already there.

    `dropped` counts by reason: `queue_full` (no room in memory), `spool_full` and `expired` (the
    oldest on disk, to keep its limits), `too_large` (above 16 MiB), `corrupt` (damaged on disk),
    `rejected` (refused for good), `export_failed` (the exporter raised), `encode_failed` (no record
    could be made), `filtered` (left out by a processor, as sampling is meant to), `worker_died`,
    and `shutdown` (too late, or in memory when the time was over).

    `retries` counts batches that were sent again, `restarts` threads that died and were replaced.
    `hanging_s` is how long the exporter's present call has taken, once that is above 10 s.
    `spool_fault` says why records are kept in memory although the exporter has a spool.
    `last_error` is the newest failure's text. `signs_of_life` counts the records that only said
    again that a run is open: they were recorded once, and are in no other figure.
    """

    name: str
    attempted: int
    delivered: int
    superseded: int
    queued: int
    queued_bytes: int
    spooled: int
    spooled_bytes: int
    adopted: int
    dropped: Mapping[str, int]
    retries: int
    restarts: int
    hanging_s: float
    spool_fault: str | None
    last_error: str | None
    signs_of_life: int = 0


class Stats(NamedTuple):
    """The accounts of a tracer: the sums over its exporters, present and replaced.

    attempted = delivered + superseded + queued + spooled + sum(dropped)

    A record that goes to two exporters counts twice. `restarts` counts recording threads that died
    and were replaced, `hanging_s` is how long the recording thread's present batch has taken, once
    that is above 10 s: a processor or a disk hangs. `errors` counts by kind what went wrong within
    the recorder; none of it ever reached the program.
    """

    attempted: int
    delivered: int
    superseded: int
    queued: int
    spooled: int
    dropped: Mapping[str, int]
    restarts: int
    hanging_s: float
    errors: Mapping[str, int]
    exporters: tuple[ExporterStats, ...]


class FlushResult(NamedTuple):
    """What a flush or a shutdown achieved. True when nothing waits and every exporter agreed.

    `pending` counts the records that were in memory only when the time was over: after `flush` they
    still wait, after `shutdown` they are dropped. `spooled` counts those on disk, which this or the
    next process delivers; what waits there of processes before does not make a flush incomplete.
    `dropped` are all drops so far, by reason.
    """

    complete: bool
    pending: int
    spooled: int
    dropped: Mapping[str, int]
    exporters: tuple[ExporterStats, ...]

    def __bool__(self) -> bool:
        return self.complete
