"""One line a minute for each reason why records are dropped."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

from agenttrace.guard import log_warning

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

EVERY_S: Final = 60.0

_WHY: Final = {
    "queue_full": "more is recorded than can be written; AGENTTRACE_QUEUE_MAX_RECORDS and "
    "AGENTTRACE_QUEUE_MAX_BYTES say how much may wait in memory",
    "spool_full": "the spool is full; the oldest go first, see AGENTTRACE_SPOOL_MAX_BYTES",
    "expired": "they waited longer than AGENTTRACE_SPOOL_MAX_AGE_S",
    "too_large": "one record may have 16 MiB",
    "corrupt": "the disk gave back something else; see the folder corrupt/ of the spool",
}
"""The reasons that no other warning tells of; what is refused, its exporter tells of."""


class DropLog:
    """Compares the counts of drops with those that it last told of."""

    def __init__(self, count: Callable[[], Mapping[str, int]]) -> None:
        self._count = count
        self._told: dict[str, int] = {}
        self._next_s: dict[str, float] = {}

    def report(self) -> None:
        """Log what was dropped since the last line of its reason, at most once a minute each."""
        for reason, count in self._count().items():
            told = self._told.get(reason, 0)
            now_s = monotonic()
            if reason in _WHY and count > told and now_s >= self._next_s.get(reason, 0.0):
                self._told[reason] = count
                self._next_s[reason] = now_s + EVERY_S
                log_warning(
                    f"{count - told} records were dropped as {reason}: {_WHY[reason]}. "
                    "tracer.stats() counts them."
                )
