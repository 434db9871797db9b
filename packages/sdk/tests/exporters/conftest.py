"""A real HTTP server whose answers are scripted."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, TypeAlias

import pytest

from agenttrace.exporters import APIExporter


class Request(NamedTuple):
    """What the server was sent, decompressed."""

    path: str
    headers: dict[str, str]
    lines: list[bytes]


class Answer(NamedTuple):
    """What the server answers."""

    status: int = 200
    body: bytes = b'{"accepted":1,"rejected":0,"errors":[]}'
    headers: tuple[tuple[str, str], ...] = ()


class Server:
    """Listens on a free port of 127.0.0.1 and answers by `answer`, or by the given script."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answer: Callable[[Request], Answer] = lambda _request: Answer()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.path, headers, body.splitlines())
                outer.requests.append(request)
                answer = outer.answer(request)
                self.send_response(answer.status)
                self.send_header("content-length", str(len(answer.body)))
                for name, value in answer.headers:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base's name
                del format, args

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.port = self._server.server_address[1]
        self.endpoint = f"http://127.0.0.1:{self.port}/api"

    def script(self, *answers: Answer) -> None:
        """Answer these in their order, and 200 afterwards."""
        rest = list(answers)
        self.answer = lambda _request: rest.pop(0) if rest else Answer()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that takes everything unless it is told otherwise."""
    server = Server()
    yield server
    server.close()


Connect: TypeAlias = Callable[..., APIExporter]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Make exporters whose connections are closed at the end."""
    made: list[APIExporter] = []

    def make(endpoint: str, *, api_key: str | None = None) -> APIExporter:
        made.append(APIExporter(endpoint=endpoint, api_key=api_key))
        return made[-1]

    yield make
    for exporter in made:
        exporter.shutdown(timeout_s=1)
