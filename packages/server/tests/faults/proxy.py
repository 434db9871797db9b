"""A proxy between the clients and the server that cuts connections where it is told to."""

from __future__ import annotations

import socket
import struct
import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Self

if TYPE_CHECKING:
    from types import TracebackType

Direction = Literal["request", "answer"]
_CHUNK_BYTES: Final = 65_536
_RESET: Final = struct.pack("ii", 1, 0)
"""Linger for no time at all: a close sends RST instead of FIN."""


class Cut(NamedTuple):
    """Pass on so much of the next piece that goes this way, then reset the connection."""

    direction: Direction
    share: float


class Proxy:
    """Listens on a port of its own; two threads a connection pass on what comes.

    While `is_trickling`, answers go a few bytes at a time.
    """

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        """Of the connections that come from now on."""
        self._cuts: deque[Cut] = deque()
        self.is_trickling = False
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.is_trickling = False
        self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        for end in self._ends:
            _shut(end)
        for thread in self._threads:
            thread.join()
        for end in (self._socket, *self._ends):
            end.close()

    @property
    def is_idle(self) -> bool:
        """Whether every cut that was ordered was made."""
        return not self._cuts

    def cut(self, cut: Cut) -> None:
        """Do so once, to whoever comes next."""
        self._cuts.append(cut)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._socket.accept()
            except OSError:
                return  # closed
            try:
                far = socket.create_connection(("127.0.0.1", self.target_port))
            except OSError:
                _reset(near)
                continue
            self._ends += [near, far]
            for source, target, direction in ((near, far, "request"), (far, near, "answer")):
                thread = threading.Thread(target=self._pass_on, args=(source, target, direction))
                self._threads.append(thread)
                thread.start()

    def _pass_on(self, source: socket.socket, target: socket.socket, direction: Direction) -> None:
        with suppress(OSError):  # either side may go at any moment: then the other does
            while data := source.recv(_CHUNK_BYTES):
                cut = self._take_cut(direction)
                if cut is not None:
                    target.sendall(data[: int(len(data) * cut.share)])
                    _reset(source)
                    _reset(target)
                    return
                self._send(target, data, direction)
        _shut(source)
        _shut(target)

    def _take_cut(self, direction: Direction) -> Cut | None:
        if self._cuts and self._cuts[0].direction == direction:
            with suppress(IndexError):  # another connection was faster
                return self._cuts.popleft()
        return None

    def _send(self, target: socket.socket, data: bytes, direction: Direction) -> None:
        if direction == "request" or not self.is_trickling:
            target.sendall(data)
            return
        pause = threading.Event()
        for start in range(0, len(data), 16):
            target.sendall(data[start : start + 16])
            if self.is_trickling:
                pause.wait(0.01)


def _shut(end: socket.socket) -> None:
    with suppress(OSError):  # it is no longer connected
        end.shutdown(socket.SHUT_RDWR)


def _reset(end: socket.socket) -> None:
    """Let the other side see a reset; the other thread's `recv` ends as well."""
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    _shut_reading(end)
    end.close()


def _shut_reading(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RD)
