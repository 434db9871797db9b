"""Answers that are read while they are sent, and may end before they are whole.

One that is not whole, because the run is deleted or the store fails meanwhile, never looks like
one that is: it is cut before its last chunk, or before its length, which every client takes for a
broken transfer.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from starlette.responses import StreamingResponse

from agenttrace_server.errors import ServerError

if TYPE_CHECKING:
    from starlette.types import Send

_log = logging.getLogger(__name__)


class CutResponse(StreamingResponse):
    """An answer that may end early."""

    what = "an answer"
    """What it is, for the log."""

    async def stream_response(self, send: Send) -> None:
        """Send it; without its end when it is not all there."""
        try:
            await super().stream_response(send)
        except ServerError as error:
            # Whoever sent a part and returns has the server close the connection.
            _log.warning("%s was cut: %s", self.what, error)
