"""What wakes a thread: rung from anywhere, even from a finalizer or a signal's handler."""

from __future__ import annotations

from queue import Empty, SimpleQueue


class Bell:
    """A thread waits for it; any other rings it. Ringing takes no lock that anyone may hold."""

    __slots__ = ("_rings",)

    def __init__(self) -> None:
        # The one way to wake a thread that Python calls safe within a destructor.
        self._rings: SimpleQueue[None] = SimpleQueue()

    def ring(self) -> None:
        """Wake who waits, or let the next wait end at once."""
        if self._rings.empty():
            self._rings.put(None)

    def wait(self, timeout_s: float | None) -> bool:
        """Wait until it rings, at most `timeout_s`; True when it rang. Used up by that."""
        try:
            self._rings.get(timeout=timeout_s)
        except Empty:
            return False
        return True

    def silence(self) -> None:
        """Forget that it rang."""
        while self.wait(0):
            pass
