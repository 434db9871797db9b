"""What a recorder and a dashboard do: send records, ask, and follow."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, cast

import httpx
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from .lines import Record, dump_lines

NDJSON = {"content-type": "application/x-ndjson"}
PROTOCOL = Subprotocol("graphql-transport-ws")
TIMEOUT_S = 20


class Client:
    """Talks to a server."""

    def __init__(self, url: str, credential: str | None = None) -> None:
        self.url = url
        headers = {} if credential is None else {"authorization": f"Bearer {credential}"}
        self.http = httpx.Client(base_url=url, timeout=TIMEOUT_S, headers=headers)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.http.close()

    def send(self, records: Iterable[Record]) -> dict[str, Any]:
        """Send records; return what became of them."""
        answer = self.http.post("/api/ingest", content=dump_lines(records), headers=NDJSON)
        assert answer.status_code == 200, answer.text
        return cast("dict[str, Any]", answer.json())

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Return the data of a query that has no errors."""
        body = self.ask_raw(query, **variables)
        assert "errors" not in body, body["errors"]
        return cast("dict[str, Any]", body["data"])

    def ask_raw(self, query: str, **variables: Any) -> dict[str, Any]:
        """Return the whole answer to a query."""
        answer = self.http.post("/graphql", json={"query": query, "variables": variables})
        return cast("dict[str, Any]", answer.json())

    @contextmanager
    def follow(self, query: str, **variables: Any) -> Iterator[Follower]:
        """Open a WebSocket and subscribe."""
        address = self.url.replace("http://", "ws://") + "/graphql"
        # It reads when it is told to, and so it may hear the answer to a ping of its own late.
        limits: dict[str, Any] = {"max_size": None, "max_queue": 1, "ping_interval": None}
        with connect(address, subprotocols=[PROTOCOL], **limits) as socket:
            socket.send(json.dumps({"type": "connection_init"}))
            assert json.loads(socket.recv(TIMEOUT_S)) == {"type": "connection_ack"}
            payload = {"query": query, "variables": variables}
            socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
            yield Follower(socket)


class Follower:
    """The client's end of a subscription."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def next(self) -> dict[str, Any] | None:
        """Return the next answer's only field; None when the stream has ended."""
        message = json.loads(self.socket.recv(TIMEOUT_S))
        if message["type"] == "complete":
            return None
        assert message["type"] == "next", message
        assert "errors" not in message["payload"], message
        (value,) = message["payload"]["data"].values()
        return cast("dict[str, Any]", value)
