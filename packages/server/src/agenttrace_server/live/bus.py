"""A wake-up call: it carries no data, so it cannot lose or double any.

A follower reads the store from its cursor and, when there is nothing more, waits here. It clears
its bell before it reads: a commit between the reading and the waiting rings it again.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

EVERY_RUN: Final = ""
"""The topic of those who follow all runs."""


class Bus:
    """Rings the bells of those who wait for a run, or for any."""

    def __init__(self) -> None:
        self._bells: dict[str, set[asyncio.Event]] = {}
        self._someone = asyncio.Event()

    @contextmanager
    def listen(self, topic: str) -> Iterator[asyncio.Event]:
        """Give a bell that rings after each commit that changes this run (or `EVERY_RUN`)."""
        bell = asyncio.Event()
        self._bells.setdefault(topic, set()).add(bell)
        self._someone.set()
        try:
            yield bell
        finally:
            bells = self._bells[topic]
            bells.discard(bell)
            if not bells:
                del self._bells[topic]
            if not self._bells:
                self._someone.clear()

    def ring(self, run_ids: Iterable[str]) -> None:
        """Wake everyone who waits for one of these runs or for any."""
        for topic in (*run_ids, EVERY_RUN):
            for bell in self._bells.get(topic, ()):
                bell.set()

    def ring_all(self) -> None:
        """Wake everyone: something was committed, and nobody knows what."""
        for bells in self._bells.values():
            for bell in bells:
                bell.set()

    async def wait_for_listeners(self) -> None:
        """Return when someone listens."""
        await self._someone.wait()

    def count_listeners(self) -> int:
        """Return how many are listening now."""
        return sum(len(bells) for bells in self._bells.values())
