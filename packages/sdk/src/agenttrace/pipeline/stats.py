"""What a tracer did with its records, as `stats()`, `flush()` and `shutdown()` return it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class ExporterStats(NamedTuple):
    """The accounts of one exporter: attempted = delivered + queued + dropped, always.

    `dropped` counts by reason: `queue_full` (the queue had no room), `shutdown` (too late, or not
    delivered by the deadline), `export_failed` (the exporter raised), `rejected` (refused for
    good), `encode_failed` (no record could be made), `worker_died`. `retries` counts batches that
    were sent again, `restarts` worker threads that died and were replaced. `last_error` is the
    newest failure's text.
    """

    name: str
    attempted: int
    delivered: int
    queued: int
    queued_bytes: int
    dropped: Mapping[str, int]
    retries: int
    restarts: int
    last_error: str | None


class Stats(NamedTuple):
    """The accounts of a tracer: the sums over its exporters, present and replaced.

    A record that goes to two exporters counts twice. `errors` counts by kind what went wrong
    within the recorder; none of it ever reached the program.
    """

    attempted: int
    delivered: int
    queued: int
    dropped: Mapping[str, int]
    errors: Mapping[str, int]
    exporters: tuple[ExporterStats, ...]


class FlushResult(NamedTuple):
    """What a flush or a shutdown achieved. True when nothing waits and every exporter agreed.

    `pending` counts the records that were not settled when the time was over: after `flush` they
    still wait, after `shutdown` they are dropped. `dropped` are all drops so far, by reason.
    """

    complete: bool
    pending: int
    dropped: Mapping[str, int]
    exporters: tuple[ExporterStats, ...]

    def __bool__(self) -> bool:
        return self.complete
