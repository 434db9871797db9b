"""The server on a thread of the test's process: the same uvicorn and sockets, within reach."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType
from typing import Any, Self

from agenttrace_server.app import Application, create_app
from agenttrace_server.local_token import LocalToken
from agenttrace_server.serving import GracefulServer, bind_socket
from agenttrace_server.settings import read_settings

TIMEOUT_S = 30
SECRET = "f3b1c0de" * 8


class ServerThread:
    """A running application; `app` is what it is made of."""

    def __init__(self, database_url: str, **settings: Any) -> None:
        if settings.get("environment") == "production":
            settings.setdefault("allowed_hosts", "traces.example.org")
            settings.setdefault("secret_key", SECRET)
        chosen = read_settings(database_url=database_url, **settings)
        self.listener = bind_socket("127.0.0.1", 0)
        self.port = int(self.listener.getsockname()[1])
        token, self.code = LocalToken.create(self.port) if chosen.local_token else (None, "")
        self.app: Application = create_app(chosen, local_token=token)
        self._started = threading.Event()
        self._server = GracefulServer(self.app, on_start=self._start)
        self._thread = threading.Thread(target=self._server.run, args=([self.listener],))
        self.url = f"http://127.0.0.1:{self.port}"
        self.websocket_url = f"ws://127.0.0.1:{self.port}/graphql"

    def _start(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._started.set()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(TIMEOUT_S), "the server did not start"
        return self

    def stop(self) -> None:
        """End it as a signal would."""
        self._server.should_exit = True
        self._thread.join(TIMEOUT_S)
        assert not self._thread.is_alive(), "the server did not stop"
        self.listener.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
