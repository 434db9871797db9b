"""Keys of a terminal, one at a time, by name."""

from __future__ import annotations

import os
import select
import signal
import termios
import tty
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RESIZED: Final = "resized"
CLOSED: Final = "closed"
"""What comes instead of a key when the terminal has another size, or is gone."""

_ESCAPE_S: Final = 0.05
"""How long the rest of a key's sequence may take; a lone Escape is told by the silence after it."""

_SEQUENCES: Final = {
    "[A": "up",
    "[B": "down",
    "[C": "right",
    "[D": "left",
    "OA": "up",
    "OB": "down",
    "OC": "right",
    "OD": "left",
    "[1;2A": "shift-up",
    "[1;2B": "shift-down",
    "[1;2C": "shift-right",
    "[1;2D": "shift-left",
    "[H": "home",
    "[F": "end",
    "OH": "home",
    "OF": "end",
    "[1~": "home",
    "[4~": "end",
    "[5~": "page-up",
    "[6~": "page-down",
    "": "escape",
}
_NAMES: Final = {
    "\r": "enter",
    "\n": "enter",
    "\x7f": "backspace",
    "\x08": "backspace",
    "\x03": "interrupt",
    "\x04": CLOSED,
    "\t": "tab",
}


class Keyboard:
    """Reads keys from a terminal. A key that has no name here is the character that it types."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._waiting = ""
        self._bell: int | None = None

    @contextmanager
    def listen(self) -> Iterator[Callable[[], str]]:
        """Take the terminal's keys as they are pressed; give a function that waits for one."""
        before: list[Any] = termios.tcgetattr(self._descriptor)
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        old_bell = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        # A handler that does nothing: what wakes the select is the byte in the pipe.
        old_handler = signal.signal(signal.SIGWINCH, lambda *_: None)
        self._bell = reader
        try:
            tty.setraw(self._descriptor, termios.TCSADRAIN)
            _keep_line_ends(self._descriptor)
            yield self._wait
        finally:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, before)
            signal.signal(signal.SIGWINCH, old_handler)
            signal.set_wakeup_fd(old_bell)
            os.close(reader)
            os.close(writer)

    def _wait(self) -> str:
        if not self._waiting:
            assert self._bell is not None
            ready, _, _ = select.select([self._descriptor, self._bell], [], [])
            if self._bell in ready:
                os.read(self._bell, 1_024)
                return RESIZED
            self._waiting = self._read()
            if not self._waiting:
                return CLOSED
        char, self._waiting = self._waiting[0], self._waiting[1:]
        return self._read_sequence() if char == "\x1b" else _NAMES.get(char, char)

    def _read_sequence(self) -> str:
        if not self._waiting and select.select([self._descriptor], [], [], _ESCAPE_S)[0]:
            self._waiting = self._read()
        for length in range(min(len(self._waiting), 6), 0, -1):
            name = _SEQUENCES.get(self._waiting[:length])
            if name is not None:
                self._waiting = self._waiting[length:]
                return name
        if self._waiting[:1] in {"[", "O"}:  # a key that means nothing here
            self._waiting = ""
            return "unknown"
        return "escape"

    def _read(self) -> str:
        try:
            return os.read(self._descriptor, 1_024).decode("utf-8", "ignore")
        except OSError:  # the terminal is gone
            return ""


def _keep_line_ends(descriptor: int) -> None:
    """Let what is printed begin each line at its left edge, which raw mode turns off."""
    attributes: list[Any] = termios.tcgetattr(descriptor)
    attributes[1] |= termios.OPOST
    termios.tcsetattr(descriptor, termios.TCSADRAIN, attributes)
