"""A provider's server for the streams of the OpenAI and Anthropic SDKs, on a free port here."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

WORDS = ("Hel", "lo ", "you")


class FakeProvider:
    """Streams `WORDS` as either provider would; of the model `broken` it ends in an error."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        make = write_anthropic if self.path.endswith("/messages") else write_openai
        for name, data in make(body["model"]):
            text = data if isinstance(data, str) else json.dumps(data)
            head = f"event: {name}\n" if name else ""
            self.wfile.write(f"{head}data: {text}\n\n".encode())

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def write_openai(model: str) -> list[tuple[str, Any]]:
    """Return the events of a streamed chat completion."""
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": model}
    chunks: list[tuple[str, Any]] = [
        ("", {**head, "choices": [{"index": 0, "delta": {"content": word}}]}) for word in WORDS
    ]
    if model == "broken":
        return [*chunks[:2], ("", {"error": {"message": "overloaded", "type": "server_error"}})]
    usage = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
    return [*chunks, ("", {**head, "choices": [], "usage": usage}), ("", "[DONE]")]


def write_anthropic(model: str) -> list[tuple[str, Any]]:
    """Return the events of a streamed message."""
    message: dict[str, Any] = {
        "id": "m1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 5, "output_tokens": 1},
    }
    deltas: list[Any] = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}
        for word in WORDS
    ]
    events: list[Any] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *deltas,
    ]
    if model == "broken":
        error = {"type": "error", "error": {"type": "overloaded_error", "message": "overloaded"}}
        return [(event["type"], event) for event in [*events[:4], error]]
    events += [
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 3},
        },
        {"type": "message_stop"},
    ]
    return [(event["type"], event) for event in events]
