"""H34: what is wrong below HTTP, over raw sockets to a server as users start it.

Nothing of it is stored but what was whole, and none of it makes the server hold more than it may.
"""

from __future__ import annotations

import logging
import re
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from agenttrace_server import connections
from agenttrace_server.graphql import view
from agenttrace_server.http import bodies
from agenttrace_server.http.policy import SECURITY_HEADERS
from agenttrace_server.logs import ACCESS, REQUEST_ID

from ..support.client import Client
from ..support.dialects import ON_SQLITE
from ..support.lines import dump_lines, make_run, make_run_id
from ..support.process import ServerProcess
from ..support.thread import ServerThread

DEADLINE_S = 20
LINE = dump_lines([make_run()])
TARGET = b"POST /api/ingest HTTP/1.1\r\nHost: localhost\r\n"
HEAD = TARGET + b"Content-Type: application/x-ndjson\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(LINE)
PIECE_BYTES = 64 * 1024
MOST_BYTES = 200_000_000
"""A client that is not cut stops here, and the test fails."""
GROWTH_KIB = 80 * 1024


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for all of these, which must be none the worse at the end."""
    with ServerProcess(tmp_path_factory.mktemp("started")) as server:
        before_kib = _read_rss_kib(server)
        yield server
        assert httpx.get(f"{server.url}/healthz").status_code == 200
        assert _read_rss_kib(server) - before_kib < GROWTH_KIB
        code, errors = server.stop()
        assert code == 0
        assert {line.split(maxsplit=2)[2] for line in errors.splitlines()} <= {
            "WARNING Invalid HTTP request received."
        }


def _read_rss_kib(server: ServerProcess) -> int:
    """Return the most memory that the server ever held."""
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


def _talk(url: str, *pieces: bytes, endless: bytes = b"") -> tuple[bytes, bool]:
    """Send pieces, then one of them for ever; return what comes back, and if the server cut it."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname or "", address.port or 0)) as plain:
        plain.settimeout(DEADLINE_S)
        sent_bytes = 0
        try:
            for piece in pieces:
                plain.sendall(piece)
            while endless and sent_bytes < MOST_BYTES:
                plain.sendall(endless)
                sent_bytes += len(endless)
        except ConnectionError:
            pass  # it was cut, as it should be: what was said before can be read
        return _read_all(plain), sent_bytes < MOST_BYTES


def _read_all(plain: socket.socket) -> bytes:
    found = b""
    try:
        while part := plain.recv(PIECE_BYTES):
            found += part
    except ConnectionError:
        pass
    return found


MALFORMED = {
    "a length that is too short": HEAD + b"Content-Length: 10\r\n\r\n" + LINE,
    "no length": HEAD + b"\r\n" + LINE,
    "a length below zero": HEAD + b"Content-Length: -1\r\n\r\n" + LINE,
    "a length in words": HEAD + b"Content-Length: many\r\n\r\n" + LINE,
    "a length with a sign": HEAD + b"Content-Length: +%d\r\n\r\n" % len(LINE) + LINE,
    "a length beyond 64 bits": HEAD + b"Content-Length: 99999999999999999999\r\n\r\n" + LINE,
    "two lengths": HEAD + LENGTH + b"Content-Length: 5\r\n\r\n" + LINE,
    "the same length twice": HEAD + LENGTH + LENGTH + b"\r\n" + LINE,
    "a space before the colon": HEAD + LENGTH.replace(b":", b" :") + b"\r\n" + LINE,
    "a folded header": HEAD + LENGTH + b"X: a\r\n b\r\n\r\n" + LINE,
    "TE and CL": CHUNKED + LENGTH + b"\r\n%x\r\n" % len(LINE) + LINE + b"\r\n0\r\n\r\n",
    "CL and TE, with a request within": HEAD
    + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"0\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n",
    "another transfer encoding": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n" + LINE,
    "chunked, and something after it": CHUNKED + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "a chunk whose length is no number": CHUNKED + b"\r\nzz\r\n" + LINE,
    "a chunk beyond 64 bits": CHUNKED + b"\r\nffffffffffffffffff\r\n" + LINE,
    "lines that end with LF": (HEAD + LENGTH + b"\r\n").replace(b"\r\n", b"\n") + LINE,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500,
}


@pytest.mark.parametrize("name", MALFORMED)
def test_h34_a_request_that_can_be_read_in_two_ways_is_read_in_none(
    started: ServerProcess, name: str
) -> None:
    """One answer, 400, and the end of the connection: nobody else's request is in what follows."""
    answer, _ = _talk(started.url, MALFORMED[name])
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n"), answer
    assert answer.count(b"HTTP/1.1 ") == 1


TOO_LARGE = {
    "10,000 headers": (b"".join(b"X-%d: a\r\n" % n for n in range(10_000)) + b"\r\n", b""),
    "257 headers": (b"X: a\r\n" * 255 + b"\r\n", b""),
    "a header of 1 MB": (b"X: " + b"a" * 1_000_000 + b"\r\n\r\n", b""),
    "a header without an end": (b"X: ", b"a" * PIECE_BYTES),
    "headers without an end": (b"", b"X: a\r\n" * 10_000),
    "a chunk's extension without an end": (
        b"Transfer-Encoding: chunked\r\n\r\n5;",
        b"a" * PIECE_BYTES,
    ),
    "a trailer without an end": (
        b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: ",
        b"a" * PIECE_BYTES,
    ),
    "trailers without an end": (
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n",
        b"X: a\r\n" * 10_000,
    ),
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_h34_what_is_no_body_is_bounded(started: ServerProcess, name: str) -> None:
    """431 beyond 64 KiB or 256 headers, while it comes."""
    rest, endless = TOO_LARGE[name]
    answer, was_cut = _talk(started.url, HEAD, rest, endless=endless)
    assert was_cut
    assert answer.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n"), answer
    assert b'"code":"headers_too_large"' in answer


UNREAD = {
    "no HTTP": (b"broken\r\n\r\n", 400),
    "too many headers": (HEAD + b"X: a\r\n" * 300, 431),
    "half a head": (HEAD, 408),
    "a bad chunk": (CHUNKED + b"\r\nzz\r\n", 400),
}


@ON_SQLITE
@pytest.mark.parametrize("name", UNREAD)
def test_c23_what_cannot_be_read_is_answered_and_noted_like_all_else(
    server: ServerThread,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The same headers, an id that the log has too, and a count for those who watch."""
    monkeypatch.setattr(connections, "HEAD_TIMEOUT_S", 0.05)
    sent, status = UNREAD[name]
    noted = threading.Event()

    def note(record: logging.LogRecord) -> bool:
        if f" {status} " in record.getMessage():
            ids.append(REQUEST_ID.get())
            noted.set()
        return True

    ids: list[str] = []
    monkeypatch.setattr(ACCESS, "filters", [note])
    caplog.set_level(logging.INFO, logger=ACCESS.name)
    answer, _ = _talk(server.url, sent)
    assert noted.wait(DEADLINE_S)  # the application does so after the answer
    first, *lines = answer.partition(b"\r\n\r\n")[0].decode().lower().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    usual = httpx.get(f"{server.url}/healthz").headers
    assert first.startswith(f"http/1.1 {status} ")
    assert headers["connection"] == "close"
    for header in [*SECURITY_HEADERS, "Cache-Control"]:
        assert headers[header.lower()] == usual[header].lower()
    assert ids == [headers["x-request-id"]]
    assert re.fullmatch("[0-9a-f]{16}", ids[0])
    figures = httpx.get(f"{server.url}/metrics").text
    door = "/api/ingest" if name == "a bad chunk" else "unread"
    method = "POST" if name == "a bad chunk" else "other"
    labels = f'{{door="{door}",method="{method}",status="{status}"}}'
    assert f"agenttrace_http_requests_total{labels} 1.0" in figures


def test_h34_an_address_of_a_megabyte_is_refused(started: ServerProcess) -> None:
    """It is part of the head."""
    address = b"/" + b"a" * 1_000_000
    answer, _ = _talk(started.url, b"GET " + address + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("path", [b"/api/ingest", b"/graphql"])
def test_h13_a_body_without_an_end_is_refused_and_cut(started: ServerProcess, path: bytes) -> None:
    """413 once it is over the limit; who goes on sending is cut, long before a gigabyte."""
    kind = b"application/json" if path == b"/graphql" else b"application/x-ndjson"
    head = TARGET.replace(b"/api/ingest", path) + b"Content-Type: " + kind
    chunk = b"%x\r\n" % PIECE_BYTES + b" " * PIECE_BYTES + b"\r\n"
    answer, was_cut = _talk(
        started.url, head + b"\r\nTransfer-Encoding: chunked\r\n\r\n", endless=chunk
    )
    assert was_cut
    assert answer.startswith(b"HTTP/1.1 413 "), answer


@pytest.mark.parametrize("size_bytes", [100_000_000, 1_000_000_000])
def test_h13_a_large_body_is_refused_by_its_length(started: ServerProcess, size_bytes: int) -> None:
    """Before a byte of it comes, and without the 100 that it waits for."""
    address = urlsplit(started.url)
    with socket.create_connection((address.hostname or "", address.port or 0)) as plain:
        plain.settimeout(DEADLINE_S)
        plain.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % size_bytes)
        answer = plain.recv(PIECE_BYTES)
        assert answer.startswith(b"HTTP/1.1 413 "), answer


def test_h34_who_waits_for_100_is_told_to_go_on(started: ServerProcess) -> None:
    """Only where the body is read; of another kind it is refused unread."""
    address = urlsplit(started.url)
    with socket.create_connection((address.hostname or "", address.port or 0)) as plain:
        plain.settimeout(DEADLINE_S)
        plain.sendall(HEAD + LENGTH + b"Expect: 100-continue\r\n\r\n")
        assert plain.recv(PIECE_BYTES) == b"HTTP/1.1 100 Continue\r\n\r\n"
        plain.sendall(LINE)
        answer = b""
        while not answer.endswith(b"}"):  # its head and its body may come apart
            part = plain.recv(PIECE_BYTES)
            assert part
            answer += part
        assert answer.startswith(b"HTTP/1.1 200 ")
        plain.sendall(TARGET + LENGTH + b"Content-Type: a/b\r\nExpect: 100-continue\r\n\r\n")
        assert plain.recv(PIECE_BYTES).startswith(b"HTTP/1.1 415 ")


@pytest.mark.parametrize("path", [b"/api/ingest", b"/graphql"])
def test_h34_a_body_that_breaks_off_is_nobodys_error(started: ServerProcess, path: bytes) -> None:
    """Half of what was announced, then the end: no answer, nothing stored, nothing logged."""
    kind = b"application/json" if path == b"/graphql" else b"application/x-ndjson"
    line = dump_lines([make_run(7)])  # whole, and not followed by what was announced
    head = TARGET.replace(b"/api/ingest", path) + b"Content-Type: " + kind
    address = urlsplit(started.url)
    with socket.create_connection((address.hostname or "", address.port or 0)) as plain:
        plain.settimeout(DEADLINE_S)
        plain.sendall(head + b"\r\nContent-Length: 9999\r\nExpect: 100-continue\r\n\r\n")
        assert plain.recv(PIECE_BYTES).startswith(b"HTTP/1.1 100 ")  # it reads the body now
        plain.sendall(line)
        plain.shutdown(socket.SHUT_WR)
        assert _read_all(plain) == b""
    with Client(started.url) as client:
        run_id = make_run_id(7)
        assert client.ask("query($id: ID!) { run(id: $id) { id } }", id=run_id) == {"run": None}


SLOW = {
    "a head": (HEAD, b"HTTP/1.1 408 "),
    "nothing": (b"", b""),
    "a body": (HEAD + b"Content-Length: 9\r\n\r\n", b"HTTP/1.1 408 "),
    "a question": (
        TARGET.replace(b"/api/ingest", b"/graphql")
        + b"Content-Type: application/json\r\nContent-Length: 9\r\n\r\n",
        b"HTTP/1.1 408 ",
    ),
    "a body that nobody wants": (
        HEAD + b"Content-Length: 1000000000\r\n\r\n",
        b"HTTP/1.1 413 ",
    ),
}


@ON_SQLITE
@pytest.mark.parametrize("name", SLOW)
def test_s6_nobody_is_waited_for_for_ever(
    server: ServerThread, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who sends nothing, half a head or half a body is told so and cut."""
    assert (connections.HEAD_TIMEOUT_S, bodies.BODY_TIMEOUT_S, view.BODY_TIMEOUT_S) == (10, 60, 60)
    monkeypatch.setattr(connections, "HEAD_TIMEOUT_S", 0.05)
    monkeypatch.setattr(connections, "REFUSED_TIMEOUT_S", 0.05)
    monkeypatch.setattr(bodies, "BODY_TIMEOUT_S", 0.05)
    monkeypatch.setattr(view, "BODY_TIMEOUT_S", 0.05)
    sent, start = SLOW[name]
    answer, _ = _talk(server.url, sent)  # which ends when the connection does
    assert answer.startswith(start)
    assert answer.count(b"HTTP/1.1 ") == bool(start)


DRIBBLED = {
    "a head": (HEAD + b"X: ", b"x"),
    "a body": (HEAD + b"Content-Length: 100000\r\n\r\n", b" "),
    "a question": (
        TARGET.replace(b"/api/ingest", b"/graphql")
        + b"Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n",
        b" ",
    ),
}


@ON_SQLITE
@pytest.mark.parametrize("name", DRIBBLED)
def test_s6_a_byte_now_and_then_wins_no_time(
    server: ServerThread, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit is on the whole of it, not on each byte; others are answered meanwhile."""
    monkeypatch.setattr(connections, "HEAD_TIMEOUT_S", 1.0)
    monkeypatch.setattr(bodies, "BODY_TIMEOUT_S", 1.0)
    monkeypatch.setattr(view, "BODY_TIMEOUT_S", 1.0)
    begun, byte = DRIBBLED[name]
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname or "", address.port or 0)) as slow:
        slow.sendall(begun)
        deadline_s = time.monotonic() + DEADLINE_S
        sent = 0
        while not select.select([slow], [], [], 0.02)[0]:  # until it says something
            assert time.monotonic() < deadline_s
            slow.sendall(byte)
            sent += 1
            with Client(server.url) as client:
                assert client.http.get("/healthz").status_code == 200
        slow.settimeout(DEADLINE_S)
        assert slow.recv(PIECE_BYTES).startswith(b"HTTP/1.1 408 ")
    assert sent >= 2


@ON_SQLITE
def test_s6_many_slow_clients_hold_up_nobody(server: ServerThread) -> None:
    """Two hundred that never end their heads or bodies: the next one is served."""
    address = urlsplit(server.url)
    with ExitStack() as stack:
        for number in range(200):
            slow = socket.create_connection((address.hostname or "", address.port or 0))
            stack.enter_context(closing(slow))
            slow.sendall(HEAD if number % 2 else HEAD + b"Content-Length: 1000\r\n\r\n{")
        with Client(server.url) as client:
            assert client.send([make_run()])["accepted"] == 1
            assert client.ask("{ runs { totalCount } }") == {"runs": {"totalCount": 1}}
