"""Who waits until one exporter has what it was offered, and when they are answered."""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class FlushRequest:
    """One wait: for everything up to `target`, until `deadline` (monotonic, in seconds)."""

    __slots__ = ("deadline", "done", "is_flushed", "target")

    def __init__(self, target: int, deadline: float) -> None:
        self.target = target
        self.deadline = deadline
        self.done = threading.Event()
        self.is_flushed = False

    def end(self, *, is_flushed: bool) -> None:
        """Answer; the one who waits goes on."""
        self.is_flushed = is_flushed
        self.done.set()


class Flushes:
    """The waits for one exporter. Any thread adds; the exporter's thread alone answers."""

    def __init__(self) -> None:
        self._waiting: list[FlushRequest] = []

    def add(self, request: FlushRequest) -> None:
        """Let a request wait for its answer."""
        self._waiting.append(request)

    def answer(self, settled: int, flush: Callable[[float], bool]) -> None:
        """Answer those whose records are settled, and those whose time is over.

        `flush` makes durable what the exporter has; it is given the seconds that are left.
        """
        for request in list(self._waiting):
            left_s = request.deadline - monotonic()
            is_flushed = False
            if settled >= request.target and left_s > 0:
                is_flushed = flush(left_s)
            elif left_s > 0:
                continue
            self._waiting.remove(request)
            request.end(is_flushed=is_flushed)

    def give_up(self) -> None:
        """Answer all of them: their records will not be settled soon."""
        for request in self._waiting:
            request.done.set()
        self._waiting.clear()
