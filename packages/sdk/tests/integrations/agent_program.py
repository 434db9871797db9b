"""A sub-agent behind HTTP, in a process of its own: prints its port, answers until told to end."""

from __future__ import annotations

import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from agenttrace import Tracer
from agenttrace.wrappers import trace_tool

tracer = Tracer(exporter=f"jsonl:{sys.argv[1]}")


@trace_tool(tracer)
def answer(path: str) -> str:
    """Do the sub-agent's work."""
    return path.upper()


class Handler(BaseHTTPRequestHandler):
    """Continues the caller's workflow, and passes its context on as a proxy would."""

    def do_GET(self) -> None:
        """Answer a request, and say with which headers it would ask others."""
        onward: dict[str, str] = {}
        with tracer.run("sub-agent", parent=tracer.extract(self.headers)):  # type: ignore[arg-type]  # a Message has items() too
            text = answer(self.path)
            tracer.inject(onward)
        self.send_response(200)
        for name, value in onward.items():
            self.send_header(f"x-{name}", value)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def main() -> None:
    """Serve."""
    with tracer.run("start", parent=tracer.extract(os.environ)):
        pass
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.shutdown()
    tracer.flush()


if __name__ == "__main__":
    main()
