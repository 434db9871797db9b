"""The turn of one served call: it waits until the recording has it end, and gives what it gave."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace.replay.order import Order, Ticket
    from agenttrace.replay.serving import Served


class Turn:
    """One served call on its way to the program.

    `give_up` says that a recorded cancellation never came, and returns what is raised for it.
    """

    __slots__ = ("_give_up", "_limit_s", "_order", "_served", "ticket")

    def __init__(
        self,
        served: Served,
        order: Order,
        ticket: Ticket | None,
        *,
        give_up: Callable[[], BaseException],
        limit_s: float,
    ) -> None:
        self._served = served
        self._order = order
        self.ticket = ticket
        self._give_up = give_up
        self._limit_s = limit_s

    def wait(self) -> None:
        """Wait on this thread until it is this call's turn to end."""
        if self.ticket is not None:
            self._order.wait(self.ticket)

    async def wait_async(self) -> None:
        """Wait in this task until it is this call's turn to end; for good where it was cancelled.

        Raises:
            ReplayDivergence: when it was cancelled in the recording, and is not now.

        """
        if not self._served.is_cancelled:
            if self.ticket is None:
                await asyncio.sleep(0)
            else:
                await self._order.wait_async(self.ticket)
            return
        # Not wait_for and the like: the cancellation is to end this very wait, as it did the body.
        loop = asyncio.get_running_loop()
        never: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(self._limit_s, _resolve, never)
        try:
            await never
        finally:
            timer.cancel()
        raise self._give_up()

    def take(self) -> Any:
        """Return the recorded value, or raise the recorded exception."""
        if self._served.error is not None:
            raise self._served.error
        return self._served.value


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
