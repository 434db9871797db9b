"""L: a server without accounts is for the user who started it, and for no other on the machine."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from agenttrace_server.http import peers
from agenttrace_server.http.peers import Guard, Peer, choose_guard
from agenttrace_server.http.sockets import Address, Owner, can_find_owners, find_owner
from agenttrace_server.serving import has_loopback_6
from agenttrace_server.settings import read_settings

from ..support.addresses import find_own_addresses
from ..support.client import PROTOCOL, TIMEOUT_S, Client
from ..support.lines import dump_lines, make_run, make_run_id
from ..support.process import ServerProcess
from ..support.thread import SECRET, ServerThread

NOBODY = 65534
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux names owners")
BODY = dump_lines([make_run()])
INGEST = (
    b"POST /api/ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
)
HANDSHAKE = (
    b"GET /graphql HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
)
PAGE = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
TALK = """
import os, socket, sys
os.setgroups([]), os.setgid(65534), os.setuid(65534)
port, reads, request = int(sys.argv[1]), sys.argv[2] == "1", bytes.fromhex(sys.argv[3])
with socket.socket() as made:
    made.settimeout(20)
    made.connect(("127.0.0.1", port))
    made.sendall(request)
    text, part = b"", b"x"
    while reads and part and b"}}" not in text:
        part = made.recv(65536)
        text += part
    print(text.decode())
"""

pytestmark = ON_LINUX


def _talk_as_nobody(server: ServerThread, request: bytes, *, reads: bool = True) -> str:
    """Send a request as another user of this machine, and return what comes back."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", TALK, str(server.port), "1" if reads else "0", request.hex()],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S * 2,
        check=True,
    )
    return done.stdout


@AS_ROOT
@pytest.mark.parametrize("request_", [PAGE, INGEST, HANDSHAKE], ids=["page", "ingest", "websocket"])
def test_l_another_user_is_refused(server: ServerThread, request_: bytes) -> None:
    """With 401 and the reason, over HTTP and for a WebSocket alike; nothing is stored."""
    answer = _talk_as_nobody(server, request_)
    assert answer.startswith("HTTP/1.1 401 ")
    assert '"code":"other_user"' in answer
    with Client(server.url) as client:
        assert client.ask("{ runs { totalCount } }") == {"runs": {"totalCount": 0}}


@AS_ROOT
def test_l_who_leaves_at_once_is_not_taken_for_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel says user 0 of a socket that nobody has any more: its request is refused."""
    judged: list[bool] = []
    ask = Peer._ask

    def note(peer: Peer) -> bool:
        judged.append(ask(peer))
        return judged[-1]

    monkeypatch.setattr(Peer, "_ask", note)
    with ServerThread(f"sqlite:///{tmp_path / 'agenttrace.db'}") as server:
        for _ in range(5):
            _talk_as_nobody(server, INGEST, reads=False)
        deadline = time.monotonic() + TIMEOUT_S
        while len(judged) < 5 and time.monotonic() < deadline:
            Event().wait(0.01)
        assert judged == [False] * 5
        with Client(server.url) as client:
            found = client.ask("query($id: ID!) { run(id: $id) { id } }", id=make_run_id(0))
            assert found == {"run": None}


def _make_pair(kind: str) -> Iterator[tuple[socket.socket, socket.socket]]:
    family = socket.AF_INET if kind == "IPv4" else socket.AF_INET6
    host = {"IPv4": "127.0.0.1", "IPv6": "::1", "both": "::"}[kind]
    both = kind == "both"
    with (
        socket.create_server((host, 0), family=family, dualstack_ipv6=both) as listener,
        socket.create_connection(
            ("127.0.0.1" if both else host, listener.getsockname()[1]), TIMEOUT_S
        ) as made,
    ):
        taken, _ = listener.accept()
        with taken:
            yield made, taken


@pytest.mark.parametrize("kind", ["IPv4", "IPv6", "both"])
def test_the_owner_of_a_connection_is_known(kind: str) -> None:
    """Of either family, and of IPv4 at a socket for both; of one that was closed, nobody."""
    for made, taken in _make_pair(kind):
        ends = taken.getpeername()[:2], taken.getsockname()[:2]
        assert find_owner(*ends) == Owner(os.geteuid())
        made.shutdown(socket.SHUT_WR)
        assert taken.recv(1) == b""
        assert find_owner(*ends) == Owner(os.geteuid())
        made.close()
        assert find_owner(*ends) is None
        assert find_owner((ends[0][0], 1), ends[1]) is None


@AS_ROOT
def test_the_owner_may_be_somebody_else() -> None:
    """A socket belongs to who opened it."""
    for made, taken in _make_pair("IPv4"):
        os.fchown(made.fileno(), NOBODY, NOBODY)
        assert find_owner(taken.getpeername(), taken.getsockname()) == Owner(NOBODY)


OTHER = os.geteuid() + 1


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[ServerThread]:
    """A server of its own."""
    with ServerThread(f"sqlite:///{tmp_path / 'agenttrace.db'}") as running:
        yield running


@pytest.mark.parametrize(
    ("owner", "status"),
    [(Owner(OTHER), 401), (None, 401), (Owner(os.geteuid()), 200), (Owner(0), 200)],
    ids=["another", "nobody", "the same", "root"],
)
def test_l_only_the_same_user_and_root_are_let_in(
    guarded: ServerThread, monkeypatch: pytest.MonkeyPatch, owner: Owner | None, status: int
) -> None:
    """Whatever the machine's real users are."""
    monkeypatch.setattr(peers, "find_owner", lambda _end, _other: owner)
    assert httpx.get(f"{guarded.url}/healthz").status_code == status
    try:
        with connect(guarded.websocket_url, subprotocols=[PROTOCOL]):
            opened = 200
    except InvalidStatus as error:
        opened = error.response.status_code
    assert opened == status


def test_l_a_system_that_does_not_answer_lets_nobody_in(
    guarded: ServerThread, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error is no owner; the log says why."""

    def fail(_end: Address, _other: Address) -> None:
        raise OSError(errno.EPERM, "not permitted")

    monkeypatch.setattr(peers, "find_owner", fail)
    assert httpx.get(f"{guarded.url}/healthz").status_code == 401
    assert "a connection is refused, as its owner is not known: " in caplog.text


def test_l_a_connection_is_asked_about_once(
    guarded: ServerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many requests it carries; a next one is asked about anew."""
    asked: list[Address] = []

    def note(end: Address, other: Address) -> Owner | None:
        asked.append(end)
        return find_owner(end, other)

    monkeypatch.setattr(peers, "find_owner", note)
    for count in (1, 2):
        with httpx.Client(base_url=guarded.url) as client:
            for _ in range(20):
                assert client.get("/healthz").status_code == 200
        assert len(asked) == count


def test_l_a_connection_that_nobody_here_has_is_refused() -> None:
    """From this machine it is closed already; from another it has no way to a server like this."""
    for client, server in (
        ("198.51.100.1", "198.51.100.2"),
        ("2001:db8::1", "2001:db8::2"),
        ("198.51.100.1", "127.0.0.1"),
        ("2001:db8::1", "::1"),
        ("127.0.0.1", "198.51.100.2"),
    ):
        assert not Peer((client, 1), (server, 2)).is_trusted()
    assert not Peer(None, ("127.0.0.1", 2)).is_trusted()


def _ask_as(user_id: int, come_from: str, go_to: str, port: int) -> bytes:
    """Return the beginning of what another user's process is answered."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(user_id)
            os.setuid(user_id)
            with socket.create_connection((go_to, port), 10, (come_from, 0)) as client:
                client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                os.write(writing, client.recv(12))
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as answer:
        return answer.read()


@AS_ROOT
@ON_LINUX
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of forking where threads are
def test_l_another_user_is_out_whatever_address_they_come_from(tmp_path: Path) -> None:
    """A program may bind any of the machine's addresses, and reach a loopback one from it."""
    with ServerProcess(tmp_path) as server:
        port = int(server.url.rpartition(":")[2])
        ways = [("127.0.0.1", "127.0.0.1"), ("127.0.0.2", "127.0.0.1"), ("::1", "::1")]
        ways += find_own_addresses()
        for come_from, go_to in ways:
            assert _ask_as(NOBODY, come_from, go_to, port) == b"HTTP/1.1 401", (come_from, go_to)
            assert _ask_as(0, come_from, go_to, port) == b"HTTP/1.1 200", (come_from, go_to)


def test_the_guard_follows_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner where the system names it, the token where one asks for it; production neither."""
    assert can_find_owners()
    assert choose_guard(read_settings()) is Guard.OWNER
    assert choose_guard(read_settings(local_token=True)) is Guard.TOKEN
    assert choose_guard(read_settings(secret_key=SECRET)) is Guard.NOTHING
    monkeypatch.setattr(peers, "can_find_owners", lambda: False)
    assert choose_guard(read_settings()) is Guard.NOTHING


@pytest.mark.parametrize("host", ["::1", "127.0.0.1"])
def test_l_the_same_user_comes_in_over_both_families(tmp_path: Path, host: str) -> None:
    """With no setting and no token, wherever the server listens."""
    with ServerProcess(tmp_path, "--host", host) as server, Client(server.url) as client:
        client.send([make_run()])
        if host == "127.0.0.1" and has_loopback_6():
            port = server.url.rpartition(":")[2]
            assert httpx.get(f"http://[::1]:{port}/healthz").status_code == 200
