"""One request at a time, and what became of it in one word."""

from __future__ import annotations

import http.client
import json
from typing import Final, NamedTuple
from urllib.parse import urlsplit

_HEADERS: Final = {"Content-Type": "application/x-ndjson"}


class Outcome(NamedTuple):
    """What a request came to.

    `word` is the status, or how it failed: `refused` (nobody listens), `cut` (the connection ended
    before the answer did), `late` (no answer in time).
    """

    word: str
    accepted: int = 0
    retry_after_s: float = 0.0
    text: str = ""


class Courier:
    """A client's connection, kept open from request to request."""

    def __init__(self, url: str, *, timeout_s: float) -> None:
        address = urlsplit(url)
        assert address.hostname is not None
        self._connection = http.client.HTTPConnection(
            address.hostname, address.port, timeout=timeout_s
        )

    def post(self, body: bytes) -> Outcome:
        """Send a batch to `/api/ingest`; never raises for what a network or a server does."""
        try:
            self._connection.request("POST", "/api/ingest", body, _HEADERS)
            answer = self._connection.getresponse()
            text = answer.read()
        except ConnectionRefusedError:
            return self._fail("refused")
        except TimeoutError:
            return self._fail("late")
        except (OSError, http.client.HTTPException):
            return self._fail("cut")
        if "Content-Length" not in answer.headers:
            return self._fail("cut")  # in its head, which `http.client` takes for a whole one
        if answer.status != http.client.OK:
            wait_s = float(answer.headers.get("Retry-After") or 0)
            shown = text.decode(errors="replace")[:300]
            return Outcome(str(answer.status), retry_after_s=wait_s, text=shown)
        result = json.loads(text)
        shown = json.dumps(result["errors"])[:300] if result["rejected"] else ""
        return Outcome("200", accepted=result["accepted"], text=shown)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _fail(self, word: str) -> Outcome:
        self._connection.close()
        return Outcome(word)
