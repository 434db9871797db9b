"""Noticing what other processes commit to the same store.

Their commits ring no bell here. So while anyone listens, one task asks the store, a few times a
second, for a number that only they change, and wakes everyone when it has. While nobody listens it
sleeps.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agenttrace_server.live.bus import Bus

WATCH_INTERVAL_S: Final = 0.25

_log = logging.getLogger(__name__)


async def watch_others(bus: Bus, read_version: Callable[[], Awaitable[int]]) -> None:
    """Ring for everyone after commits of other processes, until it is cancelled.

    `read_version` returns a number that changes with those commits. When it raises, that is
    logged once, and asked again at the next turn.
    """
    known: int | None = None
    failed = False
    while True:
        await bus.wait_for_listeners()
        try:
            version = await read_version()
        except Exception as error:  # noqa: BLE001 -- whatever it was, the next turn may do better
            if not failed:
                _log.warning("cannot see what other processes commit: %s", error)
            failed = True
        else:
            # The number is kept while nobody listens: what came meanwhile rings once.
            if version != known:
                bus.ring_all()
            known, failed = version, False
        await asyncio.sleep(WATCH_INTERVAL_S)
