"""The order in which served calls end: that of the recording, however the program starts them.

Each served call has a ticket. It may end when no ticket that ended earlier in the recording is out,
and no call that did so, beside it, is still to come. What is to come is waited for a limited time:
something is always let go, so nothing stands still for good.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from time import monotonic
from typing import TYPE_CHECKING, Final

from agenttrace.replay.loops import LoopGates
from agenttrace.wire import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace.replay.tape import Node, Tape

ORDER_TIMEOUT_S: Final = 0.25
"""How long a call waits for one that ended before it then, and is not made yet."""
CANCEL_WAIT_S: Final = 30.0
"""How long a call that was cancelled then waits to be cancelled; others wait as long for it."""
ORDER_UNCERTAIN: Final = "order_uncertain"


class Ticket:
    """One served call between its start and its end, or a stream between two chunks."""

    __slots__ = ("end_seq", "node", "start_seq")

    def __init__(self, node: Node, start_seq: int, end_seq: int) -> None:
        self.node = node
        self.start_seq = start_seq
        self.end_seq = end_seq


class Order:
    """The tickets of one replayed run. Safe on any thread; `note` counts what is uncertain."""

    def __init__(
        self, tape: Tape, *, note: Callable[[str], None], timeout_s: float, is_immediate: bool
    ) -> None:
        ended = [node for node in tape.nodes if node.is_boundary and node.end_seq is not None]
        ended.sort(key=lambda node: node.end_seq or 0)
        self._nodes = ended
        self._ends = [node.end_seq or 0 for node in ended]
        self._note = note
        self._timeout_s = timeout_s
        self.is_immediate = is_immediate
        self._changed = threading.Condition()
        self._tickets: dict[int, Ticket] = {}
        self._given_up: set[int] = set()
        self.arrivals = 0
        self._gates = LoopGates(self)

    def enter(self, node: Node) -> Ticket | None:
        """Return a ticket for a call that is served now; None when it ends when it likes."""
        if self.is_immediate or node.end_seq is None:
            return None
        return self._issue(Ticket(node, node.seq, node.end_seq))

    def pass_by(self, node: Node, start_seq: int, seq: int) -> None:
        """Wait on this thread until a stream may go on with what has this `seq`."""
        if not self.is_immediate:
            ticket = self._issue(Ticket(node, start_seq, seq))
            try:
                self.wait(ticket)
            finally:
                self.leave(ticket)

    async def pass_by_async(self, node: Node, start_seq: int, seq: int) -> None:
        """Wait in this task until a stream may go on; as `pass_by`."""
        if not self.is_immediate:
            ticket = self._issue(Ticket(node, start_seq, seq))
            try:
                await self.wait_async(ticket)
            finally:
                self.leave(ticket)

    def _issue(self, ticket: Ticket) -> Ticket:
        with self._changed:
            self._tickets[ticket.end_seq] = ticket
            self.arrivals += 1
            self._changed.notify_all()
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Take a ticket back: its call has ended, or was cancelled."""
        with self._changed:
            self._tickets.pop(ticket.end_seq, None)
            self._changed.notify_all()
        self._gates.poke()

    def find_blocker(self, ticket: Ticket) -> Ticket | list[Node] | None:
        """Return the ticket that ends before, or the calls still to come; None without one."""
        with self._changed:
            first = min(self._tickets, default=ticket.end_seq)
            if first < ticket.end_seq:
                return self._tickets[first]
            return self._find_expected(ticket) or None

    def give_up(self, blocker: Ticket | list[Node]) -> None:
        """Stop waiting for these, for all calls."""
        self._note(ORDER_UNCERTAIN)
        with self._changed:
            if isinstance(blocker, Ticket):
                self._tickets.pop(blocker.end_seq, None)
            else:
                self._given_up.update(id(node) for node in blocker)
            self._changed.notify_all()

    def limit_s(self, blocker: Ticket | list[Node]) -> float:
        """Return how long to wait for these: a ticket that is out comes back."""
        return CANCEL_WAIT_S if isinstance(blocker, Ticket) else self._timeout_s

    def wait(self, ticket: Ticket) -> None:
        """Wait on this thread, unless it is an event loop's: that would stand still."""
        if self._gates.is_loop_thread():
            return
        blocked_by: object = None
        deadline = 0.0
        while (blocker := self.find_blocker(ticket)) is not None:
            now = monotonic()
            if blocked_by is None or blocker != blocked_by:
                blocked_by, deadline = blocker, now + self.limit_s(blocker)
            if now >= deadline:
                self.give_up(blocker)
                continue
            with self._changed:
                self._changed.wait(min(deadline - now, 0.05))

    async def wait_async(self, ticket: Ticket) -> None:
        """Wait in this task until the loop has come to rest and it is this call's turn."""
        await self._gates.wait(ticket)

    def _find_expected(self, ticket: Ticket) -> list[Node]:
        """Return calls of other lanes that ended while this one was out, and are not made yet."""
        node = ticket.node
        low = bisect_right(self._ends, ticket.start_seq)
        high = bisect_left(self._ends, ticket.end_seq)
        return [each for each in self._nodes[low:high] if self._is_expected(each, node)]

    def _is_expected(self, each: Node, node: Node) -> bool:
        if each.is_used or each.lane == node.lane or id(each) in self._given_up:
            return False
        assert each.span is not None
        if each.span.outcome is Outcome.UNFINISHED:
            return False
        parent = each.parent
        while parent is not None:
            if parent.is_boundary and not parent.is_opened:
                return False
            parent = parent.parent
        return True
