"""Served calls that wait in event loops: each loop lets go of one when it has come to rest.

Callbacks of the loop do it, and no task: a program that looks at its tasks sees its own.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future

    from agenttrace.replay.order import Order, Ticket

IDLE_TURNS: Final = 5
"""So many turns of a loop without a new call, and it is at rest: what could run has run."""
_LOOK_EVERY_S: Final = 0.002


class LoopGates:
    """The gates of all event loops that serve calls of one replayed run."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._lock = threading.Lock()
        self._gates: WeakKeyDictionary[AbstractEventLoop, _Gate] = WeakKeyDictionary()

    @staticmethod
    def is_loop_thread() -> bool:
        """Tell whether an event loop runs on this thread."""
        return asyncio._get_running_loop() is not None  # noqa: SLF001 -- as asyncio's own clients ask

    async def wait(self, ticket: Ticket) -> None:
        """Wait in the running loop until it is this ticket's turn."""
        loop = asyncio.get_running_loop()
        with self._lock:
            gate = self._gates.get(loop)
            if gate is None:
                gate = self._gates[loop] = _Gate(self._order, loop)
        await gate.wait(ticket)

    def poke(self) -> None:
        """Let every loop look again: a ticket has come back, perhaps on another thread."""
        with self._lock:
            gates = list(self._gates.values())
        for gate in gates:
            gate.poke()


class _Gate:
    """The tickets that wait in one loop, and the callback that lets them go one by one."""

    def __init__(self, order: Order, loop: AbstractEventLoop) -> None:
        self._order = order
        self._loop = loop
        self._waiting: list[tuple[int, int, Ticket, Future[None]]] = []
        self._number = 0
        self._idle = 0
        self._arrivals = 0
        self._is_due = False
        self._blocked_by: object = None
        self._deadline = 0.0

    async def wait(self, ticket: Ticket) -> None:
        future: Future[None] = self._loop.create_future()
        self._number += 1
        heappush(self._waiting, (ticket.end_seq, self._number, ticket, future))
        self._idle = 0
        self._schedule()
        await future

    def poke(self) -> None:
        if not self._waiting:
            return
        with suppress(RuntimeError):  # the loop is closed: nothing waits in it any more
            self._loop.call_soon_threadsafe(self._schedule)

    def _schedule(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._is_due = False
        while self._waiting and self._waiting[0][3].done():  # cancelled while it waited
            heappop(self._waiting)
        if not self._waiting:
            return
        if self._arrivals != self._order.arrivals:
            self._arrivals, self._idle = self._order.arrivals, 0
        self._idle += 1
        if self._idle < IDLE_TURNS:
            self._schedule()
        elif self._may_go():
            heappop(self._waiting)[3].set_result(None)
            self._idle = 0
            if self._waiting:
                self._schedule()
        else:
            self._loop.call_later(_LOOK_EVERY_S, self._schedule)

    def _may_go(self) -> bool:
        blocker = self._order.find_blocker(self._waiting[0][2])
        if blocker is None:
            self._blocked_by = None
            return True
        now = self._loop.time()
        if self._blocked_by is None or blocker != self._blocked_by:
            self._blocked_by, self._deadline = blocker, now + self._order.limit_s(blocker)
        if now < self._deadline:
            return False
        self._blocked_by = None
        self._order.give_up(blocker)
        return self._order.find_blocker(self._waiting[0][2]) is None
