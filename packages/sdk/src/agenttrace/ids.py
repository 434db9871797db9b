"""Ids as W3C Trace Context has them: a run's 128 bits in UUIDv7 layout, a span's 64 bits."""

from __future__ import annotations

import os
import time
from random import Random
from typing import Final, Protocol

_NS_PER_MS: Final = 1_000_000
_VERSION_7: Final = 0x7 << 76
_VARIANT_RFC: Final = 0b10 << 62


class IdGenerator(Protocol):
    """Where ids come from. Called on the caller's path: it must not block."""

    def new_run_id(self) -> str:
        """Return 32 lower-case hexadecimal digits, not all zero, never twice the same."""

    def new_span_id(self) -> int:
        """Return an integer from 1 to 2**64 - 1, never twice the same within a run."""


class RandomIds:
    """Random ids from a generator of its own, so that a user's `random.seed()` repeats none."""

    __slots__ = ("_random",)

    def __init__(self) -> None:
        self._random = Random(os.urandom(32))  # noqa: S311 -- ids, not secrets

    def new_run_id(self) -> str:
        """Return a UUIDv7 as 32 hexadecimal digits: 48 bits of milliseconds, 74 of chance."""
        millis = time.time_ns() // _NS_PER_MS & (1 << 48) - 1
        high = self._random.getrandbits(12) << 64
        low = self._random.getrandbits(62)
        return f"{millis << 80 | _VERSION_7 | high | _VARIANT_RFC | low:032x}"

    def new_span_id(self) -> int:
        """Return 64 random bits, never 0."""
        return self._random.getrandbits(64) or 1

    def reseed(self) -> None:
        """Start anew from the operating system's chance, as the child of a fork has to."""
        self._random.seed(os.urandom(32))
