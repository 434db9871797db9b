"""A server whose behaviour is a script, in a process of its own: `python -m faults.sink FOLDER`.

It takes records at `POST /api/ingest` as the real server does, and writes every line that it
accepts to `stored.ndjson`, synced, before it answers. On standard output it says a JSON object a
line: first `{"port": …}`, then one for each request. On standard input it takes orders, each an
`Order` as JSON, and answers `{"order": …}` when it is in force.
"""

from __future__ import annotations

import gzip
import json
import os
import socket
import struct
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

STORED: Final = "stored.ndjson"
_NO_LINGER: Final = struct.pack("ii", 1, 0)
_HUGE_BYTES: Final = 1 << 30
_PIECE: Final = b"x" * 65536
_POISON: Final = b'"name":"poison'
_LOGIN_PAGE: Final = b"<!doctype html><html><title>Log in</title><form></form></html>"


class Order(NamedTuple):
    """How to behave from now on, for `times` requests (-1: until the next order).

    `mode` is one of
      store          write the lines, then answer
      ack_first      answer and write nothing: what no server may do
      refuse         do not listen
      black_hole     take the request and never answer
      slow           store, and answer after `seconds`
      drip           store, and answer one byte every `seconds`
      reset_before   cut the connection before the request is read
      reset_after    cut it when the request was read, and store nothing
      reset_within   store, and cut it within the answer
      ack_lost       store, and cut it before the answer
      status         store nothing, answer `status` with `retry_after` and `body`
      poison         answer 400 to every request with a span whose name begins so; else store
      too_large      answer 413 to more than `limit` lines; else store
      html           200 with a page of some other program
      redirect       307 to `location`
      huge           200 with an answer of 1 GiB
    """

    mode: str = "store"
    times: int = -1
    seconds: float = 30.0
    status: int = 503
    retry_after: str = ""
    body: str = ""
    limit: int = 0
    location: str = ""


class Request(NamedTuple):
    """A request that was read whole."""

    path: str
    headers: dict[str, str]
    lines: list[bytes]


class Sink:
    """Listens on a port of 127.0.0.1 and does as it was last told."""

    def __init__(self, folder: Path, port: int) -> None:
        self._order = Order()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._port = port
        self._listener: socket.socket | None = None
        self._connections: set[socket.socket] = set()
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self._stored = os.open(folder / STORED, flags, 0o600)
        self.listen()

    def listen(self) -> int:
        """Listen, on the same port as ever; return it."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self._port))
        listener.listen(128)
        self._port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return self._port

    def obey(self, order: Order) -> None:
        """Behave like this from now on."""
        with self._lock:
            self._order = order
            self._over.set()  # who waits within an answer waits no longer
            self._over = threading.Event()
        if order.mode == "refuse" and self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            self._listener.close()
            self._listener = None
            for connection in list(self._connections):
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        elif order.mode != "refuse" and self._listener is None:
            self.listen()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _take_order(self) -> tuple[Order, threading.Event]:
        with self._lock:
            order = self._order
            if order.times > 0:
                self._order = order._replace(times=order.times - 1)
            if self._order.times == 0:
                self._order = Order()
            return order, self._over

    def _serve(self, connection: socket.socket) -> None:
        self._connections.add(connection)
        with suppress(OSError), connection:
            while (request := self._read(connection)) is not None:
                order, over = self._take_order()
                stored = self._answer(connection, request, order, over)
                report = {"mode": order.mode, "lines": len(request.lines), "stored": stored}
                say({**report, "authorization": request.headers.get("authorization")})
        self._connections.discard(connection)

    def _read(self, connection: socket.socket) -> Request | None:
        if self._order.mode == "reset_before":
            self._take_order()
            say({"mode": "reset_before", "lines": 0, "stored": 0})
            _reset(connection)
            return None
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                return None
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        first, *rest = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)
        }
        while len(body) < int(headers.get("content-length", "0")):
            piece = connection.recv(65536)
            if not piece:
                return None
            body += piece
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        return Request(first.split(" ")[1], headers, body.splitlines())

    def _answer(
        self, connection: socket.socket, request: Request, order: Order, over: threading.Event
    ) -> int:
        """Do what the order says; return how many lines were stored."""
        mode = order.mode
        if mode == "poison" and any(_POISON in line for line in request.lines):
            connection.sendall(write_answer(400, b'{"error":{"code":"bad","message":"no"}}'))
            return 0
        if mode == "too_large" and len(request.lines) > order.limit:
            connection.sendall(write_answer(413, b'{"error":{"code":"too_large"}}'))
            return 0
        if mode in _REFUSALS:
            self._refuse(connection, order, over)
            return 0
        report = {"accepted": len(request.lines), "rejected": 0, "errors": []}
        answer = write_answer(200, json.dumps(report).encode())
        if mode == "ack_first":
            connection.sendall(answer)
            return 0
        self._store(request.lines)
        if mode in {"ack_lost", "reset_within"}:
            connection.sendall(answer[: len(answer) // 2 if mode == "reset_within" else 0])
            _reset(connection)
        elif mode == "drip":
            for place in range(len(answer)):
                connection.sendall(answer[place : place + 1])
                if over.wait(order.seconds):
                    break
        else:
            if mode == "slow":
                over.wait(order.seconds)
            connection.sendall(answer)
        return len(request.lines)

    def _refuse(self, connection: socket.socket, order: Order, over: threading.Event) -> None:
        if order.mode == "black_hole":
            over.wait()
            _reset(connection)
        elif order.mode == "reset_after":
            _reset(connection)
        elif order.mode == "html":
            connection.sendall(write_answer(200, _LOGIN_PAGE, "content-type: text/html"))
        elif order.mode == "redirect":
            connection.sendall(write_answer(307, b"", f"location: {order.location}"))
        elif order.mode == "huge":
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % _HUGE_BYTES)
            for _ in range(_HUGE_BYTES // len(_PIECE)):
                connection.sendall(_PIECE)
        else:
            pause = f"retry-after: {order.retry_after}" if order.retry_after else ""
            connection.sendall(write_answer(order.status, order.body.encode(), pause))

    def _store(self, lines: list[bytes]) -> None:
        data = b"".join(line + b"\n" for line in lines)
        with self._lock:
            view = memoryview(data)
            while view:
                view = view[os.write(self._stored, view) :]
            os.fsync(self._stored)


_REFUSALS: Final = frozenset({"black_hole", "reset_after", "status", "html", "redirect", "huge"})


def write_answer(status: int, body: bytes, *headers: str) -> bytes:
    """Return an HTTP answer with this body."""
    lines = [f"HTTP/1.1 {status} Scripted", f"content-length: {len(body)}", *filter(None, headers)]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _reset(connection: socket.socket) -> None:
    """Close the connection so that the other side is told of an error, not of an end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    connection.close()


def say(what: dict[str, object]) -> None:
    """Write one line to the harness."""
    os.write(1, json.dumps(what).encode() + b"\n")


def main() -> None:
    """Serve until standard input ends."""
    folder, port = sys.argv[1:]
    sink = Sink(Path(folder), int(port))
    say({"port": sink._port})
    for line in sys.stdin:
        order = Order(**json.loads(line))
        sink.obey(order)
        say({"order": order.mode})


if __name__ == "__main__":
    main()
