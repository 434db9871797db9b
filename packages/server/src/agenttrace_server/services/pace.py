"""How much the indexer does at once, and how long it rests: records come before the index.

While anybody stores records, the indexer takes a fifth of the time, in batches that hold up a
commit for some milliseconds; when nobody does, all of it. No clock and no task here.
"""

from __future__ import annotations

from typing import Final

BUSY_SHARE: Final = 0.2
"""Of the time, while records are stored. The rest of it is rest."""
BUSY_BATCH_S: Final = 0.02
IDLE_BATCH_S: Final = 0.05
MAX_REST_S: Final = 0.2
"""A batch that had to wait for its turn seems long; the index must not stand still for it."""
QUIET_S: Final = 0.5
"""After a commit so long without another, nobody stores records."""
MAX_WAITING: Final = 500_000
"""Changes. When more wait for the index, it rests no more."""
MIN_CHANGES: Final = 100
"""Of a batch: what a batch costs beside them is not much then."""
MAX_CHANGES: Final = 1_000


class Pace:
    """Learns from each batch what a change costs. Times are seconds of one clock."""

    def __init__(self) -> None:
        self._log_end: int | None = None
        self._busy_until_s = float("-inf")
        self._change_s = IDLE_BATCH_S / MAX_CHANGES

    def choose_limit(self, now_s: float) -> int:
        """Return how many changes the next batch is to have at most."""
        batch_s = BUSY_BATCH_S if self._is_busy(now_s) else IDLE_BATCH_S
        return max(MIN_CHANGES, min(MAX_CHANGES, int(batch_s / self._change_s)))

    def note_log(self, end: int, now_s: float) -> None:
        """Take note of where the log ends: that it grew tells of a commit, by any process."""
        if self._log_end is not None and end > self._log_end:
            self._busy_until_s = now_s + QUIET_S
        self._log_end = end

    def note_batch(self, changes: int, took_s: float, *, waiting: int, now_s: float) -> float:
        """Return the seconds to rest after a batch, when so many changes wait still."""
        change_s = took_s / max(1, changes)
        # Up at once, down by halves: a batch must not become long by one that was easy.
        self._change_s = max(change_s, (self._change_s + change_s) / 2, 1e-9)
        if waiting > MAX_WAITING or not self._is_busy(now_s):
            return 0.0
        return min(MAX_REST_S, took_s * (1 / BUSY_SHARE - 1))

    def _is_busy(self, now_s: float) -> bool:
        return now_s < self._busy_until_s
