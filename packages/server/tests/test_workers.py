"""Several workers over one PostgreSQL, as users start them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import popen_spawn_posix
from pathlib import Path

import httpx
import pytest

from agenttrace_server.serving import listen
from agenttrace_server.settings import read_settings
from agenttrace_server.workers import Workers

from .support.client import NDJSON, Client
from .support.dialects import ON_POSTGRESQL
from .support.lines import dump_lines, make_run, make_run_id, make_span
from .support.postgres import PostgresServer
from .support.process import ServerProcess

WORKERS = 3
DEADLINE_S = 60
FOLLOW = """
subscription($id: ID!) { runEvents(runId: $id) { events {
  ... on SpanStarted { span { seq } }
} } }
"""


@pytest.fixture
def workers(database_url: str, tmp_path: Path) -> Iterator[ServerProcess]:
    """Three workers behind one address."""
    flags = ("--workers", str(WORKERS))
    with ServerProcess(tmp_path, *flags, database_url=database_url) as running:
        yield running


def _list_workers(server: ServerProcess) -> list[int]:
    """Return the process ids of the workers: children that have its socket."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    pids = [int(pid) for pid in children.split()]
    names = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids}
    return [pid for pid, name in names.items() if b"spawn_main" in name]


def _wait_until(holds: Callable[[], bool]) -> None:
    """Ask again and again, each time with a process of its own in between."""
    for _ in range(DEADLINE_S * 20):
        if holds():
            return
        subprocess.run(["sleep", "0.05"])
    raise AssertionError("it did not come to hold in time")


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


@ON_POSTGRESQL
def test_workers_share_one_address(workers: ServerProcess) -> None:
    """The start is told once, all serve, and one signal ends them all with 0."""
    with Client(workers.url) as client:
        for number in range(20):
            with Client(workers.url) as other, other.follow(FOLLOW, id=make_run_id(0)) as follower:
                client.send([make_run(), make_span(number)])
                seen: list[int] = []
                while number not in seen:  # whichever worker it is at
                    batch = follower.next()
                    assert batch is not None
                    seen += [event["span"]["seq"] for event in batch["events"] if event]
                assert seen == list(range(number + 1))
    pids = _list_workers(workers)
    assert len(pids) == WORKERS
    assert workers.stop() == (0, "")
    assert workers.text.count("Dashboard") == 1
    assert f"Workers    {WORKERS}" in workers.text
    assert all(_is_gone(pid) for pid in pids)


@ON_POSTGRESQL
def test_a_worker_that_dies_is_replaced(workers: ServerProcess) -> None:
    """Killed one by one; the address answers all the while, and what was stored is there."""
    with Client(workers.url) as client:
        client.send([make_run()])
    for victim in _list_workers(workers):
        before = set(_list_workers(workers))
        os.kill(victim, signal.SIGKILL)
        _wait_until(lambda: len(set(_list_workers(workers)) - before) == 1)  # noqa: B023 -- called at once
        with Client(workers.url) as client:
            assert client.ask("{ runs { totalCount } }") == {"runs": {"totalCount": 1}}
    code, errors = workers.stop()
    assert code == 0
    assert errors.count("ended (code -9); another one starts") == WORKERS


@ON_POSTGRESQL
def test_workers_end_with_their_parent(workers: ServerProcess) -> None:
    """However it ends: nobody is left who holds the address."""
    pids = _list_workers(workers)
    workers.kill()
    _wait_until(lambda: all(_is_gone(pid) for pid in pids))


@ON_POSTGRESQL
def test_a_stop_answers_what_was_taken(workers: ServerProcess) -> None:
    """A signal in the middle of requests: each is answered, and what was answered is stored."""
    with Client(workers.url) as client:
        requests = [
            client.http.build_request(
                "POST",
                "/api/ingest",
                content=dump_lines([make_run(n), *(make_span(s, run=n) for s in range(500))]),
                headers=NDJSON,
            )
            for n in range(4)
        ]
        answers = [client.http.send(request) for request in requests]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert workers.stop()[0] == 0


HALF = (
    b"POST /api/ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
    b"Connection: close\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
)


def _get_address(server: ServerProcess) -> tuple[str, int]:
    return "127.0.0.1", int(server.url.rpartition(":")[2])


@contextmanager
def _begin_request(server: ServerProcess, line: bytes) -> Iterator[socket.socket]:
    """A request whose body a worker waits for."""
    with socket.create_connection(_get_address(server), timeout=DEADLINE_S) as half:
        half.sendall(HALF % len(line))
        assert half.recv(100).startswith(b"HTTP/1.1 100")
        yield half


def _is_refused(server: ServerProcess) -> bool:
    try:
        socket.create_connection(_get_address(server), timeout=DEADLINE_S).close()
    except ConnectionRefusedError:
        return True
    return False


@ON_POSTGRESQL
def test_who_comes_after_a_stop_is_refused_at_once(workers: ServerProcess) -> None:
    """Also while the workers wait for a request that is not whole: nobody waits in vain."""
    with _begin_request(workers, b"123456789"):
        workers.process.send_signal(signal.SIGTERM)
        _wait_until(lambda: _is_refused(workers))
        assert workers.process.poll() is None
    assert workers.stop()[0] == 0


@ON_POSTGRESQL
def test_s7_a_signal_to_all_processes_is_one_signal(workers: ServerProcess) -> None:
    """As systemd ends a service: parent and workers get it, and what was begun is answered."""
    line = dump_lines([make_run()])
    with _begin_request(workers, line) as half:
        for pid in (*_list_workers(workers), workers.process.pid):
            os.kill(pid, signal.SIGTERM)
        _wait_until(lambda: _is_refused(workers))
        half.sendall(line)
        answer = b"".join(iter(lambda: half.recv(10_000), b""))
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    assert workers.stop()[0] == 0


@ON_POSTGRESQL
def test_s7_a_second_signal_ends_the_workers_at_once(workers: ServerProcess) -> None:
    """The request that holds up the stop is given up, and nobody has to be killed."""
    with _begin_request(workers, b"123456789") as half:
        workers.process.send_signal(signal.SIGTERM)
        _wait_until(lambda: _is_refused(workers))
        assert workers.process.poll() is None
        code, errors = workers.stop()
        with suppress(ConnectionResetError):
            assert not half.recv(100).startswith(b"HTTP/1.1 2")
    assert (code, errors.count("\n"), "ended at once" in errors) == (0, 1, True)


@ON_POSTGRESQL
@pytest.mark.parametrize("nth", [1, 2, 3], ids=["the first", "the last", "a replacement"])
def test_a_signal_while_a_worker_starts_ends_it_too(
    database_url: str, nth: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It comes at the worst moment: the process is there, and nobody has heard of it yet."""
    launch, pids = popen_spawn_posix.Popen._launch, []  # type: ignore[attr-defined]

    def launch_and_signal(made: popen_spawn_posix.Popen, started: object) -> None:
        launch(made, started)
        pids.append(made.pid)
        if len(pids) == nth:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(popen_spawn_posix.Popen, "_launch", launch_and_signal)
    settings = read_settings(database_url=database_url, workers=2)
    with listen("127.0.0.1", 0) as bound:
        Workers(settings, bound, on_start=lambda: os.kill(pids[0], signal.SIGKILL)).run()
    assert len(pids) == nth
    assert all(_is_gone(pid) for pid in pids)
    assert "it is killed" not in caplog.text


def test_a_start_that_fails_is_one_line(postgres: PostgresServer, tmp_path: Path) -> None:
    """Whatever the number of workers: the cause is said once."""
    url = str(postgres.url.set(database="nowhere"))
    with pytest.raises(AssertionError) as caught:
        ServerProcess(tmp_path, "--workers", "2", database_url=url)
    text = str(caught.value).removeprefix("the server did not start: ")
    assert text.startswith("agenttrace serve: --database-url: cannot use")
    assert text.count("\n") == 1


def test_one_worker_serves_sqlite(tmp_path: Path) -> None:
    """The default, said aloud."""
    with ServerProcess(tmp_path, "--workers", "1") as server:
        assert httpx.get(f"{server.url}/readyz").status_code == 200
        assert _list_workers(server) == []
