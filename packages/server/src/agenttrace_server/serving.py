"""Running the application: uvicorn, with an end that its users can rely on."""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
import socket
import threading
import warnings
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

import uvicorn
from uvicorn.server import HANDLED_SIGNALS

from agenttrace_server.connections import BoundedConnection
from agenttrace_server.errors import StartError
from agenttrace_server.frames import FrameSocket
from agenttrace_server.logs import is_news

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from agenttrace_server.app import Application

STOP_TIMEOUT_S: Final = 10
"""After this, nobody is waited for any longer."""
GOODBYE_TIMEOUT_S: Final = 2
"""Of the stop, the time in which a WebSocket must have read what it was sent, and the 1001."""
_POLL_S: Final = 0.05
_LEAVE_TIMEOUT_S: Final = 1.0
"""At a second signal, for what was cut to be left: what computes meanwhile is cancelled."""
_CUT_AFTER_S: Final = STOP_TIMEOUT_S - GOODBYE_TIMEOUT_S - 0.5
"""Before uvicorn cancels what is under way."""
PING_S: Final = 20.0
KEEP_ALIVE_S: Final = 75
"""A client gives an idle connection up after some seconds (httpx: 5). The server must do so later,
or a request goes into a connection that was just closed."""
MAX_MESSAGE_BYTES: Final = 64 * 1024
_BACKLOG: Final = 2048
_LOOPBACK: Final = "127.0.0.1"
_LOOPBACK_6: Final = "::1"
_PORT_TRIES: Final = 10
ENDED_AT_ONCE: Final = (
    "ended at once, at the second signal: what was acknowledged is stored, and what was under way "
    "is not answered"
)

_log = logging.getLogger(__name__)


class GracefulServer(uvicorn.Server):
    """Ends with 0 on SIGTERM and SIGINT: answers what it has taken, says 1001 to WebSockets.

    It takes 10 seconds at most, whatever the clients do. A second signal ends it at once, unless
    it `is_patient`; what was acknowledged is on disk either way.
    """

    def __init__(
        self,
        application: Application,
        *,
        on_start: Callable[[], None],
        is_patient: bool = False,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                application.asgi,
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,  # uvicorn would believe whoever connects from this machine
                http=BoundedConnection,
                ws=FrameSocket,
                ws_max_size=MAX_MESSAGE_BYTES,
                ws_ping_interval=PING_S,
                ws_ping_timeout=PING_S,
                ws_per_message_deflate=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=STOP_TIMEOUT_S - GOODBYE_TIMEOUT_S,
            )
        )
        # It is given each error again that was answered and logged with an id; below that it logs
        # the whole address of each WebSocket, where some put a token.
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        logging.getLogger("uvicorn.error").addFilter(is_news)
        self._application = application
        self._on_start = on_start
        self._is_patient = is_patient

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, then say so."""
        await super().startup(sockets)
        if self.started:
            self._on_start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop to listen, end WebSockets, answer what is under way."""
        for server in self.servers:
            server.close()
        # An operation that is cut between two of its fields leaves the coroutines of the others.
        warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
        dropping = asyncio.create_task(self._drop_laggards())
        try:
            if not self.force_exit:
                await self._application.graphql.close_sockets()
            await super().shutdown(sockets)
        finally:
            dropping.cancel()
        if self.force_exit:
            self._abort(asyncio.Protocol)
            if self.server_state.tasks:
                await asyncio.wait(set(self.server_state.tasks), timeout=_LEAVE_TIMEOUT_S)
            if not self._is_patient:
                _log.warning(ENDED_AT_ONCE)

    async def _drop_laggards(self) -> None:
        """Cut WebSockets that do not read, then who waits: with 503; at a second signal, all.

        Whoever waits for a connection goes on when it is cut: this bounds the goodbyes, and nobody
        who waits for the rest of a body is there when uvicorn cancels what is left, as a defect.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not self.force_exit and loop.time() < began + _CUT_AFTER_S:
            if loop.time() > began + GOODBYE_TIMEOUT_S:
                self._abort(FrameSocket)
            await asyncio.sleep(_POLL_S)
        if not self.force_exit:
            for connection in list(self.server_state.connections):
                if isinstance(connection, BoundedConnection):
                    connection.cut()
        self._abort(FrameSocket if not self.force_exit else asyncio.Protocol)

    def _abort(self, kind: type[asyncio.Protocol]) -> None:
        for connection in list(self.server_state.connections):
            if isinstance(connection, BoundedConnection) and isinstance(connection, kind):
                connection.abort()
            elif isinstance(connection, kind):
                connection.transport.abort()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals as a wish to end, which is not an error."""
        if threading.current_thread() is not threading.main_thread():
            yield  # signals belong to the main thread; whoever runs this one sets `should_exit`
            return
        before = {number: signal.signal(number, self.handle_exit) for number in HANDLED_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 -- the signal module's
        """End; at the second signal without waiting for anyone."""
        if self.should_exit and not self._is_patient:
            self.force_exit = True
        self.should_exit = True


@contextmanager
def listen(host: str, port: int) -> Iterator[list[socket.socket]]:
    """Have the sockets that a server listens on; with port 0 all of them on one that is free.

    For `localhost` and 127.0.0.1 they are two, where this machine has IPv6: programs that are told
    `localhost` try ::1 first, where another user's program could listen and take what is ours.

    Raises:
        StartError: an address is taken, forbidden, or none of this machine.

    """
    with ExitStack() as stack:
        bound = [stack.enter_context(each) for each in _bind_all(host, port)]
        yield bound


def _bind_all(host: str, port: int) -> list[socket.socket]:
    if host.lower() not in ("localhost", _LOOPBACK):
        return [bind_socket(host, port)]
    for tries_left in reversed(range(_PORT_TRIES)):
        first = bind_socket(_LOOPBACK, port)
        if not has_loopback_6():
            return [first]
        try:
            return [first, bind_socket(_LOOPBACK_6, int(first.getsockname()[1]))]
        except StartError:
            first.close()
            if port or not tries_left:  # a free port may be taken there
                raise
    raise AssertionError("the last try returns or raises")


def has_loopback_6() -> bool:
    """Tell whether this machine has ::1."""
    try:
        with socket.socket(socket.AF_INET6) as tried:
            tried.bind((_LOOPBACK_6, 0))
    except OSError:
        return False
    return True


def bind_socket(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to the address.

    Raises:
        StartError: the address is taken, forbidden, or none of this machine.

    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise StartError(
            f"SERVER_HOST is {host!r}, which is no address of this machine ({error.strerror}); "
            "127.0.0.1 always is"
        ) from error
    bound = socket.socket(family, kind, protocol)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(address)
        bound.listen(_BACKLOG)  # also where a second listener on the port is found out
    except OSError as error:
        bound.close()
        raise StartError(_describe(error, host, port)) from error
    return bound


def _describe(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"SERVER_PORT: port {port} of {host} is taken; stop the program that has it "
            "or choose another with --port or SERVER_PORT"
        )
    if error.errno == errno.EACCES:
        return f"SERVER_PORT: port {port} needs more rights; choose one above 1023 with --port"
    return f"SERVER_HOST: cannot listen on {host}: {error.strerror}; 127.0.0.1 always works"
