"""A connection of HTTP/1.1 that holds no more than it may, however its client writes.

uvicorn bounds neither the head of a request nor what comes between the bytes of its body (the
extensions of chunks, trailers): an endless header filled the memory. And a body that was refused
was read on for as long as it came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from agenttrace_server.http.access import (
    REQUEST_ID_HEADER,
    STATE_KEY,
    UNREAD_NOTES,
    make_request_id,
)
from agenttrace_server.http.errors import CUT, make_error
from agenttrace_server.http.peers import PEER, Peer
from agenttrace_server.http.policy import set_security_headers

if TYPE_CHECKING:
    import asyncio

    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from agenttrace_server.http.access import UnreadNotes

MAX_HEAD_BYTES: Final = 64 * 1024
"""Of a request's first line and headers; and of what comes between two bytes of its body."""
MAX_HEADERS: Final = 256
HEAD_TIMEOUT_S: Final = 10.0
MAX_REFUSED_BYTES: Final = 64 * 1024 * 1024
REFUSED_TIMEOUT_S: Final = 10.0
"""A client that was answered before it had sent its body may send so much of it for so long, and
is then cut: most read the answer only when they are done."""
RETRY_AFTER_S: Final = 1
"""To whom a stop cuts off: another server, or this one anew, is soon there."""
_STOPPING: Final = 503
_CODES: Final = {408: "too_slow", 431: "headers_too_large", _STOPPING: "stopping"}


class _TooLargeError(Exception):
    """The head of a request is over a limit."""


class BoundedConnection(HttpToolsProtocol):
    """uvicorn's connection, within limits."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._answering: RequestResponseCycle | None = None  # what is being read
        self._in_head = False
        self._began_s = 0.0  # when the head that is being read, or was last, began
        self._head_bytes = 0
        self._framing_bytes = 0  # since the last byte of a body, or the end of a head
        self._refused_bytes = -1  # of a body that nobody wants; -1: there is none
        self._timer: asyncio.TimerHandle | None = None
        self._refusal = (400, "the request is no HTTP/1.1")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._began_s = self.loop.time()
        # A WebSocket that this connection becomes has it, too.
        self.app_state = {**self.app_state, PEER: Peer(self.client, self.server)}
        self._start_timer(HEAD_TIMEOUT_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take the next bytes of the client, unless they are too many of their kind."""
        self._framing_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._framing_bytes > MAX_HEAD_BYTES:
            self._refuse(431, f"what is no body is over {MAX_HEAD_BYTES} bytes")
        elif self._in_head and self._timer is None:
            self._start_timer(HEAD_TIMEOUT_S)
        elif self._refused_bytes >= 0:
            self._refused_bytes += len(data)
            if self._refused_bytes > MAX_REFUSED_BYTES:
                self.transport.abort()

    def on_message_begin(self) -> None:
        """Begin to read a head."""
        super().on_message_begin()
        self._answering = None
        self._in_head = True
        self._began_s = self.loop.time()
        self._head_bytes = self._framing_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Take a piece of the first line."""
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a trailer: those are kept, too."""
        self._count_head(len(name) + len(value))
        if len(self.headers) >= MAX_HEADERS:
            self._refusal = (431, f"the request has over {MAX_HEADERS} headers")
            raise _TooLargeError
        super().on_header(name, value)

    def _count_head(self, count_bytes: int) -> None:
        self._head_bytes += count_bytes
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refusal = (431, f"the head of the request is over {MAX_HEAD_BYTES} bytes")
            raise _TooLargeError

    def on_headers_complete(self) -> None:
        """Begin to answer."""
        self._in_head = False
        self._framing_bytes = 0
        self._stop_timer()
        super().on_headers_complete()
        self._answering = self.cycle

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._framing_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request; the next one may follow."""
        self._framing_bytes = 0
        if self._refused_bytes >= 0:
            self._refused_bytes = -1
            self._stop_timer()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request, once the body of this one is there."""
        super().on_response_complete()
        is_refused = self.cycle.response_complete and self.cycle.more_body
        if is_refused and not self.transport.is_closing():
            self._refused_bytes = 0
            self._start_timer(REFUSED_TIMEOUT_S)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 -- uvicorn's signature
        """Refuse a request that cannot be read, and every one after it."""
        self._refuse(*self._refusal)

    def abort(self) -> None:
        """End the connection without a word. A request that was under way is noted as cut."""
        if self._answering is not None:
            self._answering.scope["state"][CUT] = _STOPPING
        self.transport.abort()

    def cut(self) -> None:
        """End what is under way: a stop waits no longer. Who has no answer yet is told to retry."""
        is_waiting = self._answering is not None and not self._answering.response_complete
        if is_waiting and not self.transport.is_closing():
            self._refuse(_STOPPING, "the server stops; send the request again")
        else:
            self.transport.abort()

    def _refuse(self, status: int, message: str) -> None:
        if self._answering is not None and self._answering.response_started:
            self.transport.abort()  # it has its answer: a second one would be that to the next
            return
        code = _CODES.get(status, "bad_request")
        answer = make_error(status, code, message, headers={"Connection": "close"})
        if status == _STOPPING:
            answer.headers["Retry-After"] = str(RETRY_AFTER_S)
        answer.headers[REQUEST_ID_HEADER] = self._note(status)
        set_security_headers(answer.headers, scheme="http")
        head = b"".join(b"%s: %s\r\n" % header for header in answer.raw_headers)
        self.transport.write(STATUS_LINE[status] + head + b"\r\n" + bytes(answer.body))
        self.transport.close()

    def _note(self, status: int) -> str:
        """Have the answer noted, unless the application does; return the id of its request."""
        if self._answering is not None:
            state = self._answering.scope["state"]
            state[CUT] = status
            return str(state.setdefault(STATE_KEY, make_request_id()))
        notes: UnreadNotes = self.app_state[UNREAD_NOTES]
        client = self.client[0] if self.client else None
        return notes.note(status, client, self.loop.time() - self._began_s)

    def _start_timer(self, timeout_s: float) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(timeout_s, self._give_up)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        if self._in_head:
            self._refuse(408, f"the head did not arrive within {HEAD_TIMEOUT_S:.0f} seconds")
        else:  # a body that nobody wants, or a connection that was never used
            self.transport.abort()
