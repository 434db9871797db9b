"""A server that takes everything and keeps nothing, in a process of its own.

It answers as AgentTrace's API does; exporters of OTLP take any answer of status 200.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from subprocess import PIPE, Popen
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_ANSWER: Final = b'{"accepted":0,"rejected":0,"errors":[]}'
_PIECE: Final = 1 << 20


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections stay open, as with a real server
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        left = int(self.headers.get("content-length", 0))
        while left > 0:
            left -= len(self.rfile.read(min(left, _PIECE))) or left
        head = (
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
            f"content-length: {len(_ANSWER)}\r\n\r\n"
        )
        self.wfile.write(head.encode() + _ANSWER)

    do_GET = do_POST  # noqa: N815 -- http.server's name

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- http.server's name
        """Say nothing."""


@contextmanager
def receive() -> Iterator[str]:
    """Start the server; yield its URL; stop it."""
    with Popen([sys.executable, __file__], stdout=PIPE, text=True) as process:  # noqa: S603 -- this interpreter, this file
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def main() -> None:
    """Serve until the process is ended."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
