"""What a replay shares with processes that the program forks: they go by one recording together.

A call that a child was served is used up for its parent too, and a divergence that stops one stops
all. Each process keeps its own account.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self
from weakref import WeakMethod, finalize

if sys.platform != "win32":  # where nothing forks
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import MethodType

_LENGTH: Final = struct.Struct("=I")
_BOARD_BYTES: Final = 64 * 1024


class Marks:
    """A small number for each of so many things, 0 at first, the same in all processes."""

    def __init__(self, count: int) -> None:
        self._bytes = mmap.mmap(-1, max(1, count))

    def __getitem__(self, place: int) -> int:
        return self._bytes[place]

    def __setitem__(self, place: int, value: int) -> None:
        self._bytes[place] = value


class Board:
    """A message that one process leaves for all."""

    def __init__(self) -> None:
        self._bytes = mmap.mmap(-1, _BOARD_BYTES)

    def write(self, said: dict[str, Any]) -> None:
        """Leave a message, the first only; without its `recorded` and `live` if it is too long."""
        if self.is_written():
            return
        text = json.dumps(said).encode()
        if len(text) > _BOARD_BYTES - _LENGTH.size:
            text = json.dumps({**said, "recorded": "…", "live": "…"}).encode()
        self._bytes[_LENGTH.size : _LENGTH.size + len(text)] = text
        self._bytes[: _LENGTH.size] = _LENGTH.pack(len(text))  # last: it is there whole, or not

    def is_written(self) -> bool:
        """Tell whether there is a message."""
        return self._bytes[: _LENGTH.size] != b"\0" * _LENGTH.size

    def read(self) -> dict[str, Any]:
        """Return the message."""
        (size,) = _LENGTH.unpack(self._bytes[: _LENGTH.size])
        said: dict[str, Any] = json.loads(self._bytes[_LENGTH.size : _LENGTH.size + size])
        return said


class SharedLock:
    """A lock among the threads of this process and, once it has forked, among its kin.

    It may be taken again by who has it. A fork waits for it, so that no child begins with what a
    thread has half done.
    """

    def __init__(self) -> None:
        self._own = threading.RLock()
        self._depth = 0
        self._file: int | None = None  # from the first fork on, by which it is handed down
        follow_forks(self._before, self._after_in_parent, self._after_in_child)

    def __enter__(self) -> Self:
        self._own.acquire()
        self._depth += 1
        if self._depth == 1 and self._file is not None:
            fcntl.lockf(self._file, fcntl.LOCK_EX)
        return self

    def __exit__(self, *error: object) -> None:
        if self._depth == 1 and self._file is not None:
            fcntl.lockf(self._file, fcntl.LOCK_UN)
        self._depth -= 1
        self._own.release()

    def _before(self) -> None:
        self._own.acquire()
        if self._file is None:
            self._file, path = tempfile.mkstemp(prefix="agenttrace-replay-")
            Path(path).unlink()
            finalize(self, os.close, self._file)

    def _after_in_parent(self) -> None:
        self._own.release()

    def _after_in_child(self) -> None:
        self._own = threading.RLock()  # the thread that had it is another one here
        self._depth = 0


# There is no way to take back what is registered: the methods of what is gone are passed over.
_followers: Final[list[tuple[WeakMethod[Any], ...]]] = []


def follow_forks(
    before: Callable[[], None], in_parent: Callable[[], None], in_child: Callable[[], None]
) -> None:
    """Call these methods of one object at each fork, as long as there is that object."""
    if not _followers and hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=lambda: _call(0),
            after_in_parent=lambda: _call(1),
            after_in_child=lambda: _call(2),
        )
    _followers[:] = [each for each in _followers if each[0]() is not None]
    _followers.append(tuple(map(WeakMethod, (before, in_parent, in_child))))


def _call(which: int) -> None:
    for follower in _followers:
        method: MethodType | None = follower[which]()
        if method is not None:
            method()
