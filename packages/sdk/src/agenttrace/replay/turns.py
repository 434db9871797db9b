"""The turn of one served call: it waits until the recording has it end, and gives what it gave."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from agenttrace.encoding.raised import get_link, list_contexts, set_link

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
            raise_again(self._served.error)
        return self._served.value


def raise_again(error: BaseException) -> NoReturn:
    """Raise a recorded exception with the contexts that it had.

    The interpreter puts what is handled now in the place of its context. Where that is what was
    handled then, it takes its recorded image's place; else the recording counts.
    """
    recorded = list_contexts(error)
    live = sys.exception()
    try:
        raise error  # noqa: TRY301 -- what is raised anew below has its context already
    except BaseException:
        if recorded:
            set_link(error, "__context__", recorded[0])
            if live is not None:
                _join(error, recorded, live)
        raise


def _join(error: BaseException, recorded: list[BaseException], live: BaseException) -> None:
    """Let the chain of contexts end in what is handled now, where its end is an image of that."""
    place = len(recorded) - 1 - len(list_contexts(live))
    if place < 0 or type(recorded[place]) is not type(live):
        return
    before = recorded[place - 1] if place else error
    if get_link(before, "__cause__") is recorded[place]:
        is_suppressed = get_link(before, "__suppress_context__")
        set_link(before, "__cause__", live)
        set_link(before, "__suppress_context__", is_suppressed)
    set_link(before, "__context__", live)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
