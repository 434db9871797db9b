"""The end of the server: soon, whatever its clients do."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from agenttrace_server.errors import StartError
from agenttrace_server.frames import FrameSocket
from agenttrace_server.serving import (
    GOODBYE_TIMEOUT_S,
    STOP_TIMEOUT_S,
    has_loopback_6,
    listen,
)

from .support.client import TIMEOUT_S, Client
from .support.dialects import ON_SQLITE
from .support.lines import make_run, make_run_id, make_span
from .support.process import ServerProcess
from .support.thread import ServerThread

SLACK_S = 5
LOCAL = "127.0.0.1"
ON_IPV6 = pytest.mark.skipif(not has_loopback_6(), reason="this machine has no ::1")
FOLLOW = (
    "subscription($id: ID!) { runEvents(runId: $id) "
    "{ events { ... on SpanStarted { span { attributes } } } } }"
)
HANDSHAKE = b"""GET /graphql HTTP/1.1\r
Host: localhost\r
Upgrade: websocket\r
Connection: Upgrade\r
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
Sec-WebSocket-Version: 13\r
Sec-WebSocket-Protocol: graphql-transport-ws\r
\r
"""


def _make_frame(message: object) -> bytes:
    """Return a masked text frame; the mask is zero, so the text is as it is."""
    text = json.dumps(message).encode()
    return b"\x81\xfe" + len(text).to_bytes(2, "big") + bytes(4) + text


@contextmanager
def _connect(server: ServerProcess | ServerThread) -> Iterator[socket.socket]:
    address = urlsplit(server.url)
    with socket.socket() as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.settimeout(20)
        plain.connect((address.hostname, address.port))
        yield plain


def _follow_without_reading(plain: socket.socket) -> None:
    """Subscribe as often as one may, and read nothing more than the beginning."""
    plain.sendall(HANDSHAKE)
    assert plain.recv(4096).startswith(b"HTTP/1.1 101")
    plain.sendall(_make_frame({"type": "connection_init", "payload": {"x": "x" * 126}}))
    assert b"connection_ack" in plain.recv(200)
    for number in range(20):
        payload = {"query": FOLLOW, "variables": {"id": make_run_id(0)}}
        plain.sendall(_make_frame({"id": str(number), "type": "subscribe", "payload": payload}))


@pytest.fixture
def stuck(server: ServerThread, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set once a WebSocket of `server` has to wait for its reader, who must come for it to go on.

    What the kernel takes for a connection is so little that one batch is more than fits.
    """
    server.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    waits, pause = threading.Event(), FrameSocket.pause_writing

    def pause_and_tell(connection: FrameSocket) -> None:
        pause(connection)
        waits.set()

    monkeypatch.setattr(FrameSocket, "pause_writing", pause_and_tell)
    return waits


@ON_SQLITE
def test_a_socket_that_does_not_read_holds_up_no_stop(
    server: ServerThread, stuck: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    """It is cut after the time for goodbyes: the stop waits for nobody, and nothing is logged."""
    spans = [make_span(n, attributes={"text": "y" * 1_000}) for n in range(5_000)]
    with Client(server.url) as client, _connect(server) as plain:
        client.send([make_run(), *spans])
        _follow_without_reading(plain)
        assert stuck.wait(TIMEOUT_S)
        begun = time.monotonic()
        server.stop()  # which fails if it is not over soon
    assert time.monotonic() - begun < GOODBYE_TIMEOUT_S + SLACK_S
    assert caplog.text == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_waits_for_nobody(
    server_process: ServerProcess, number: signal.Signals
) -> None:
    """A request that never comes to its end holds up a stop, but not one that was asked twice.

    That is said in one line.
    """
    with _connect(server_process) as plain:
        plain.sendall(
            b"POST /api/ingest HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"
            b"Content-Type: application/x-ndjson\r\nExpect: 100-continue\r\n\r\n"
        )
        assert plain.recv(200).startswith(b"HTTP/1.1 100")  # it waits for the body now
        server_process.process.send_signal(number)
        with _connect_refused(server_process):
            begun = time.monotonic()
            code, errors = server_process.stop(number)
    assert code == 0
    assert errors.count("\n") == 1
    assert "WARNING ended at once, at the second signal" in errors
    assert time.monotonic() - begun < STOP_TIMEOUT_S / 2


def test_s7_who_sends_half_of_a_body_is_told_to_send_it_again(
    server_process: ServerProcess,
) -> None:
    """Nobody is woken by a slow client: 503 to it, no 500, and nothing in the log."""
    with _connect(server_process) as plain:
        _send_half(plain)
        assert server_process.stop() == (0, "")
        answer = plain.recv(4_000)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nretry-after: 1\r\n" in answer.lower()
    assert b'"code":"stopping"' in answer


@pytest.mark.parametrize("moment", range(6))
def test_s7_a_second_signal_is_one_line_whenever_it_comes(
    server_process: ServerProcess, moment: int
) -> None:
    """Who is cut meanwhile is no defect, at none of the moments of a stop: no traceback."""
    with ExitStack() as stack:
        for _ in range(20):
            _send_half(stack.enter_context(_connect(server_process)))
        server_process.process.send_signal(signal.SIGTERM)
        with _connect_refused(server_process):
            threading.Event().wait(moment * 0.02)  # uvicorn looks each 100 ms, and we each 50
            code, errors = server_process.stop(signal.SIGTERM)
    assert code == 0
    assert errors.count("\n") == 1, errors
    assert "WARNING ended at once, at the second signal" in errors


def test_s7_a_request_that_a_second_signal_cut_is_noted_as_cut(tmp_path: Path) -> None:
    """Not as one that was refused for what it said."""
    with (
        ServerProcess(tmp_path, env={"LOG_LEVEL": "info"}) as server,
        _connect(server) as plain,
    ):
        _send_half(plain)
        server.process.send_signal(signal.SIGTERM)
        with _connect_refused(server):
            code, errors = server.stop(signal.SIGTERM)
        with suppress(ConnectionError):
            assert plain.recv(200) == b""
    assert code == 0
    assert [line.split()[3:6] for line in errors.splitlines() if "/api/ingest" in line] == [
        ["POST", "/api/ingest", "503"]
    ]


def _send_half(plain: socket.socket) -> None:
    """Send a request, and of its body the beginning; return when it is waited for."""
    plain.sendall(
        b"POST /api/ingest HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000\r\n"
        b"Content-Type: application/x-ndjson\r\nExpect: 100-continue\r\n\r\n"
    )
    assert plain.recv(200).startswith(b"HTTP/1.1 100")
    plain.sendall(b'{"v":1')


@contextmanager
def _connect_refused(server: ServerProcess) -> Iterator[None]:
    """Wait until the server has begun to stop: nobody new is let in."""
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            with _connect(server):
                pass
        except OSError:
            yield
            return
    raise AssertionError("the server did not begin to stop")


@ON_IPV6
def test_l_a_laptop_s_server_has_every_name_of_the_machine(server_process: ServerProcess) -> None:
    """Both addresses of `localhost`, so that nobody else can listen on the one that is left."""
    port = urlsplit(server_process.url).port
    for host in ("127.0.0.1", "[::1]", "localhost"):
        assert httpx.get(f"http://{host}:{port}/healthz").status_code == 200
        # As the user that started it: the owner of a connection is known of IPv6, too.
        assert httpx.get(f"http://{host}:{port}/readyz").status_code == 200
    assert server_process.stop() == (0, "")


@ON_IPV6
def test_l_a_port_that_another_has_on_one_of_them_is_taken() -> None:
    """It is said which; of free ones another is looked for."""
    with listen("localhost", 0) as bound:
        ports = {each.getsockname()[1] for each in bound}
        assert len(bound) == 2
        assert len(ports) == 1
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as other:
        port = other.getsockname()[1]
        with pytest.raises(StartError, match=f"port {port} of ::1 is taken"), listen(LOCAL, port):
            pass
        with socket.create_server((LOCAL, port)):  # the first was given back
            pass


def test_l_another_address_is_listened_on_alone() -> None:
    """One that was chosen on purpose is the only one."""
    with listen("127.0.0.2", 0) as bound:
        assert [each.getsockname()[0] for each in bound] == ["127.0.0.2"]


def test_clients_that_vanish_leave_no_trace(server_process: ServerProcess) -> None:
    """Connections that break off, in the middle of anything, are no errors of the server."""
    for number in range(20):
        with _connect(server_process) as plain:
            # The server finds out when it accepts, or when it says what is wrong.
            plain.sendall(HANDSHAKE + _make_frame({"no": "message", "x": "x" * 126}))
            if number % 2:
                plain.recv(1)
            linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)  # a reset, no goodbye
    assert server_process.stop() == (0, "")
