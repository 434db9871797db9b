"""Where time comes from: spans are placed by the wall clock and measured by the other one."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Two clocks, both in nanoseconds. Called on the caller's path: it must not block."""

    def time_ns(self) -> int:
        """Return the wall clock, nanoseconds since the Unix epoch."""

    def monotonic_ns(self) -> int:
        """Return a clock that never goes back; only differences have a meaning."""


class SystemClock:
    """The clocks of the operating system."""

    __slots__ = ()

    # The C functions themselves: a Python method around each would double the cost of a call.
    time_ns = staticmethod(time.time_ns)
    monotonic_ns = staticmethod(time.perf_counter_ns)
