"""How many ingest requests a key or account may send: one that runs wild leaves room for others."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from agenttrace_server.errors import CrowdedError
from agenttrace_server.identity import ActorKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace_server.identity import Principal

REQUESTS_PER_S: Final = 200
"""Of one sender to one process, in the long run; a recorder sends a few, of many records each."""
BURST: Final = 2_000
"""Requests that may come at once, after a rest."""
_MAX_SENDERS: Final = 10_000


class SenderRates:
    """Counts the requests of each sender. A server without accounts has one, who is not counted.

    What a sender may send grows with time, up to a burst (a token bucket).
    """

    def __init__(
        self,
        *,
        per_s: float = REQUESTS_PER_S,
        burst: int = BURST,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_s = per_s
        self._burst = burst
        self._clock_s = clock_s
        self._left: dict[tuple[ActorKind, str], tuple[float, float]] = {}
        """How many requests each had left, and when that was."""

    def take(self, sender: Principal) -> None:
        """Count a request.

        Raises:
            CrowdedError: there were too many; its text says so.

        """
        if sender.kind is ActorKind.LOCAL:
            return
        whose, now_s = (sender.kind, sender.actor_id), self._clock_s()
        left, then_s = self._left.get(whose, (float(self._burst), now_s))
        left = min(self._burst, left + (now_s - then_s) * self._per_s)
        if left < 1:
            raise CrowdedError(
                f"{sender.name!r} sends more than {self._per_s:g} requests a second, and "
                f"{self._burst} at once; send more records in each"
            )
        if len(self._left) >= _MAX_SENDERS and whose not in self._left:
            self._forget_rested(now_s)
        self._left[whose] = (left - 1, now_s)

    def _forget_rested(self, now_s: float) -> None:
        """Forget those who may send a burst again: of them nothing is to be known."""
        for whose, (left, then_s) in list(self._left.items()):
            if left + (now_s - then_s) * self._per_s >= self._burst:
                del self._left[whose]
