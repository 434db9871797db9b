"""A WebSocket that takes messages which are frames already.

A message to a thousand subscribers is framed once. Passing it through every layer of ASGI for each
of them costs twice what writing it to the socket does, so it may be handed over directly.
"""

from __future__ import annotations

from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

WRITE_FRAME: Final = "agenttrace.write_frame"
"""The extension of a WebSocket's scope. Its `write` takes a frame, or says that it cannot."""

_TEXT: Final = 0x81
_SHORT: Final = 126
_MEDIUM: Final = 1 << 16


class FrameSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket; its scope has `WRITE_FRAME`."""

    async def run_asgi(self) -> None:
        """Run the application."""
        self.scope["extensions"] = {
            **self.scope["extensions"],
            WRITE_FRAME: {"write": self.write_frame},
        }
        await super().run_asgi()

    async def send(self, message: Any) -> None:
        """Send what the application says."""
        await super().send(message)
        is_refusal = message["type"] == "websocket.http.response.body"
        if is_refusal and not message.get("more_body", False):
            self.handshake_complete = True  # else uvicorn logs each refusal as an error

    def keepalive_timeout(self) -> None:
        """Cut a connection whose client does not answer, whatever it has not read."""
        super().keepalive_timeout()
        if self.transport.get_write_buffer_size():
            self.transport.abort()  # closing would wait until it has read all that

    def write_frame(self, frame: bytes) -> bool:
        """Write a frame if it can be written at once: the client is there, and reads."""
        if not self.writable.is_set() or self.close_sent or self.transport.is_closing():
            return False
        self.transport.write(frame)
        return True


def make_text_frame(text: bytes) -> bytes:
    """Return a text message as a server sends it: in one frame, without a mask."""
    size = len(text)
    if size < _SHORT:
        return bytes((_TEXT, size)) + text
    if size < _MEDIUM:
        return bytes((_TEXT, _SHORT)) + size.to_bytes(2, "big") + text
    return bytes((_TEXT, _SHORT + 1)) + size.to_bytes(8, "big") + text
