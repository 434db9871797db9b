"""The share of one exporter in the records of its tracer: since when, and what became of them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from agenttrace.pipeline.intake import SHUTDOWN

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace.pipeline.intake import Counts
    from agenttrace.pipeline.outlet import OutletCounts


class Balance(NamedTuple):
    """attempted = delivered + superseded + queued + spooled + dropped, always."""

    attempted: int
    delivered: int
    superseded: int
    queued: int
    spooled: int
    dropped: dict[str, int]


class Share:
    """The tracer's counts as they were when the exporter was added, and when its first record came.

    Between the two the recording thread is still busy with records from before.
    """

    def __init__(self, counts: Counts) -> None:
        self.joined_at = counts.accepted
        self._refused = Counter(counts.refused)
        self._at_join: Counts | None = None

    @property
    def is_joined(self) -> bool:
        """Whether the records that the recording thread takes now are this exporter's as well."""
        return self._at_join is not None

    def join(self, processed: int, count: Callable[[], Counts]) -> bool:
        """Join when everything from before is handed out; return whether that is so."""
        if self._at_join is None and processed >= self.joined_at:
            self._at_join = count()
        return self._at_join is not None

    def settle(self, counts: Counts, outlet: OutletCounts, *, is_over: bool) -> Balance:
        """Return the balance. `outlet` is to be looked at before `counts`, so that none is ahead.

        What is neither delivered nor superseded, spooled or dropped waits in memory; once all
        `is_over`, no one will deliver it.
        """
        dropped = Counter(outlet.dropped)
        dropped.update(_subtract(Counter(counts.refused), self._refused))
        attempted = counts.accepted - self.joined_at + outlet.adopted
        attempted += sum(counts.refused.values()) - self._refused.total()
        superseded = 0
        base = self._at_join
        if base is not None:
            dropped.update(_subtract(Counter(counts.lost), Counter(base.lost)))
            superseded = counts.superseded - base.superseded
            # What processors held back when the exporter joined comes to it as well.
            attempted += counts.added - base.added + base.held
        queued = attempted - outlet.delivered - superseded - outlet.spooled - dropped.total()
        if is_over and queued:
            dropped[SHUTDOWN] += queued
            queued = 0
        return Balance(
            attempted, outlet.delivered, superseded, queued, outlet.spooled, dict(dropped)
        )


def _subtract(total: Counter[str], before: Counter[str]) -> Counter[str]:
    return Counter({reason: count - before[reason] for reason, count in total.items()})
