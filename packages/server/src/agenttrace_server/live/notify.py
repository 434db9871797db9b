"""Hearing what other workers commit to the same store.

Their commits ring no bell here. So one task listens for their notices, as long as the server runs.
When its connection is lost it makes another one, and rings for everyone once that listens: whoever
follows reads the store from its cursor, and has what was committed meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace_server.live.bus import Bus

MIN_RETRY_S: Final = 0.1
MAX_RETRY_S: Final = 2.0

_log = logging.getLogger(__name__)


class Listen(Protocol):
    """Hears notices until its connection is lost."""

    async def __call__(
        self, *, on_ready: Callable[[], None], on_notice: Callable[[frozenset[str]], None]
    ) -> None:
        """Call `on_ready` when it listens, `on_notice` with each set of runs; then raise."""
        ...


async def follow_notices(bus: Bus, listen: Listen) -> None:
    """Ring for what other processes commit, until it is cancelled.

    A loss is logged once, and again only after there was a connection in between.
    """
    retry_s = MIN_RETRY_S
    failed = False

    def ring_all() -> None:
        nonlocal retry_s, failed
        retry_s, failed = MIN_RETRY_S, False
        bus.ring_all()

    def ring(run_ids: frozenset[str]) -> None:
        if run_ids:
            bus.ring(run_ids)
        else:
            bus.ring_all()

    while True:
        try:
            await listen(on_ready=ring_all, on_notice=ring)
        except Exception as error:  # noqa: BLE001 -- whatever it was, the next try may do better
            if not failed:
                _log.warning("cannot hear what other workers commit: %s", error)
            failed = True
        await asyncio.sleep(retry_s)
        retry_s = min(retry_s * 2, MAX_RETRY_S)
