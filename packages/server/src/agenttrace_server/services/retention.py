"""Retention: runs that were over before the limit are deleted, in steps, while records come in.

What is old is said in whole days of UTC: on PostgreSQL a day of which nothing is left is dropped
at once. A run that is open stays, and so does one of which a record came since, or that has a span
which is younger, by the clock of whoever recorded it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from agenttrace_server.storage.leadership import claim_retention

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace_server.services.deletion import DeletionService
    from agenttrace_server.storage.engine import Database

LOOK_EVERY_S: Final = 3_600.0
RETRY_S: Final = 60.0
MAX_CLOCK_DRIFT_S: Final = 60.0
"""Between two looks; by more, the clock was set, and may be set back."""
_NS_PER_S: Final = 1_000_000_000
_NS_PER_DAY: Final = 86_400 * _NS_PER_S
_EPOCH: Final = date(1970, 1, 1)

_log = logging.getLogger(__name__)


class Moment(NamedTuple):
    """What the two clocks of this machine say."""

    wall_ns: int
    mono_ns: int

    @classmethod
    def now(cls) -> Self:
        """Return the moment that it is."""
        return cls(time.time_ns(), time.monotonic_ns())


class RetentionService:
    """Deletes runs that are older than `days`. `on_end` is told how many went, after each look."""

    def __init__(
        self,
        database: Database,
        deletion: DeletionService,
        *,
        days: int,
        on_end: Callable[[int], None],
        clock: Callable[[], Moment] | None = None,
    ) -> None:
        self.days = days
        self._database = database
        self._deletion = deletion
        self._on_end = on_end
        self._clock = clock or Moment.now
        self._looked = self._clock()

    async def run(self) -> None:
        """Look every hour, the first time at once, until it is cancelled.

        A failure is tried again after a minute; of several in a row the first is logged.
        """
        failed = False
        while True:
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 -- whatever it was, the next may do better
                if not failed:
                    _log.warning("old runs stay for now; trying again: %s", error)
                failed = True
                await asyncio.sleep(RETRY_S)
            else:
                failed = False
                await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> int:
        """Delete what is too old now, and return how many runs that were.

        Nothing when another worker does it, nor when the clock was set since the last look: it may
        be set back before the next one.
        """
        if self._was_clock_set() or not await self._database.write(claim_retention):
            return 0
        before = self.find_limit()
        begin = self._clock()
        count = await self._deletion.delete_before(before)
        if count:
            took_s = (self._clock().mono_ns - begin.mono_ns) / _NS_PER_S
            _log.info("%d runs from before %s were deleted in %.1f s", count, before, took_s)
        self._on_end(count)
        return count

    def find_limit(self) -> date:
        """Return the day of UTC before which a run must have been over to be deleted now."""
        return _EPOCH + timedelta(days=self._clock().wall_ns // _NS_PER_DAY - self.days)

    def _was_clock_set(self) -> bool:
        before, now = self._looked, self._clock()
        self._looked = now
        passed_ns = now.mono_ns - before.mono_ns
        drift_s = (now.wall_ns - before.wall_ns - passed_ns) / _NS_PER_S
        if abs(drift_s) <= MAX_CLOCK_DRIFT_S:
            return False
        _log.warning("the clock was set by %.0f s; no old run is deleted for now", drift_s)
        return True
