"""Leases: a run whose recorder gives no sign of life for a minute is shown as interrupted.

A recorder that talks to a server says every 20 seconds that its runs are open, so three such signs
are missed before. The time in which the server was down, or its clock was wrong, does not count.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final

from agenttrace_server.storage import leases

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from agenttrace_server.storage.engine import Database

LEASE_S: Final = 60.0
SWEEP_EVERY_S: Final = 10.0
MAX_SWEPT_RUNS: Final = 500
"""In one transaction; the next follows at once."""
MAX_CLOCK_DRIFT_S: Final = 5.0
"""Between two sweeps; by more, the clock was set."""
_NS_PER_S: Final = 1_000_000_000

_log = logging.getLogger(__name__)


class LeaseService:
    """Looks for silent runs. `on_commit` is told the runs that a commit gave up."""

    def __init__(
        self,
        database: Database,
        *,
        on_commit: Callable[[Collection[str]], None],
        wall_ns: Callable[[], int] = time.time_ns,
        mono_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._database = database
        self._on_commit = on_commit
        self._wall_ns = wall_ns
        self._mono_ns = mono_ns
        self._begin_ns, self._looked_ns = mono_ns(), (wall_ns(), mono_ns())

    async def run(self) -> None:
        """Sweep every 10 seconds, until it is cancelled. A failure is logged once in a row."""
        failed = False
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            try:
                await self.sweep()
            except Exception as error:  # noqa: BLE001 -- whatever it was, the next may do better
                if not failed:
                    _log.warning("cannot look for runs that are silent: %s", error)
                failed = True
            else:
                failed = False

    async def sweep(self) -> int:
        """Give up the runs that have been silent for longer than a lease; return how many."""
        lease_ns = round(LEASE_S * _NS_PER_S)
        now_ns = self._wall_ns()
        self._note_clock(now_ns)
        if self._mono_ns() - self._begin_ns < lease_ns:
            return 0
        before_ns = now_ns - lease_ns
        count = 0
        while await self._database.read(leases.has_silent_runs, before_ns=before_ns):
            given_up = await self._database.write(
                leases.interrupt_silent_runs,
                before_ns=before_ns,
                now_ns=now_ns,
                limit=MAX_SWEPT_RUNS,
            )
            if not given_up.run_ids:  # another worker was quicker
                break
            count += len(given_up.run_ids)
            self._on_commit(given_up.run_ids)
        return count

    def _note_clock(self, wall_ns: int) -> None:
        """Begin anew when the clock was set: nobody knows how long anyone was silent."""
        wall_before_ns, mono_before_ns = self._looked_ns
        mono_ns = self._mono_ns()
        drift_ns = (wall_ns - wall_before_ns) - (mono_ns - mono_before_ns)
        if abs(drift_ns) > MAX_CLOCK_DRIFT_S * _NS_PER_S:
            _log.warning("the clock was set by %.0f s; no run is given up", drift_ns / _NS_PER_S)
            self._begin_ns = mono_ns
        self._looked_ns = wall_ns, mono_ns
