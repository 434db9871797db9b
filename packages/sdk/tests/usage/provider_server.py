"""A server on 127.0.0.1 that answers as OpenAI, Anthropic and Google do, whole and streamed."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from . import answers

_WHOLE: Final[dict[str, dict[str, Any]]] = {
    "/v1/chat/completions": answers.CHAT,
    "/v1/responses": answers.RESPONSE,
    "/v1/embeddings": answers.EMBEDDING,
    "/v1/messages": answers.MESSAGE,
    "/v1/models/gemini-2.5-flash:generateContent": answers.GENERATED,
}
_STREAMS: Final[dict[str, list[dict[str, Any]]]] = {
    "/v1/chat/completions": answers.CHAT_CHUNKS,
    "/v1/responses": answers.RESPONSE_EVENTS,
    "/v1/messages": answers.MESSAGE_EVENTS,
    "/v1/models/gemini-2.5-flash:streamGenerateContent": answers.GENERATED_CHUNKS,
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        path = self.path.partition("?")[0]
        sent = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if sent.get("stream") or "stream" in path:
            events = [_write_event(event) for event in _STREAMS[path]]
            if path == "/v1/chat/completions":
                events.append(b"data: [DONE]\n\n")
            self._answer(b"".join(events), "text/event-stream")
        else:
            self._answer(json.dumps(_WHOLE[path]).encode(), "application/json")

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base's name
        del format, args


def _write_event(event: dict[str, Any]) -> bytes:
    name = f"event: {event['type']}\n" if "type" in event else ""
    return f"{name}data: {json.dumps(event)}\n\n".encode()


class ProviderServer:
    """Listens on a free port while it is entered. `url` has no slash at its end."""

    def __enter__(self) -> str:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
