"""A line on standard error that says how far a command is, where somebody may look at it."""

from __future__ import annotations

import sys
from time import monotonic
from typing import TYPE_CHECKING, Final

from agenttrace.trace.visible import show_text

if TYPE_CHECKING:
    from collections.abc import Callable

_EVERY_S: Final = 0.1
_FIRST_AFTER_S: Final = 0.5
"""What is done sooner needs no line."""


class Progress:
    """Shows a text ten times a second in a terminal, and nothing in a pipe."""

    def __init__(self) -> None:
        self._is_shown = sys.stderr.isatty()
        self._next_s = monotonic() + _FIRST_AFTER_S
        self._is_dirty = False

    def show(self, describe: Callable[[], str]) -> None:
        """Show what `describe` returns, if it is time."""
        if not self._is_shown or monotonic() < self._next_s:
            return
        self._next_s = monotonic() + _EVERY_S
        sys.stderr.write(f"\r\x1b[K{show_text(describe(), max_chars=78)}")
        sys.stderr.flush()
        self._is_dirty = True

    def clear(self) -> None:
        """Take the line away."""
        if self._is_dirty:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._is_dirty = False
