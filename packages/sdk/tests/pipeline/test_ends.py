"""The ends of a process that records to a server: in time, and with nothing lost."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PRELUDE = """
import multiprocessing, os, signal, sys, threading, time
from agenttrace import Tracer
from agenttrace.plugins import Exporter, ExportResult, encode_records
from agenttrace.wrappers import trace_tool
class Server(Exporter):
    spool_target = "a server"
    def export(self, records):
        if os.path.exists("away"):
            return ExportResult.RETRY(after_s=0.1)
        with open("taken.jsonl", "ab", buffering=0) as file:
            file.write(b"".join(line + b"\\n" for line in encode_records(records)))
        return ExportResult.DELIVERED
tracer = Tracer(exporter=Server())
@trace_tool(tracer)
def work(number):
    return number
def ready():
    print("ready", flush=True)
    sys.stdin.readline()
"""


class Program:
    """Programs in one folder, with one spool; the server is away while the file `away` is there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **{name: text for name, text in os.environ.items() if "AGENTTRACE" not in name},
            "AGENTTRACE_SPOOL_FOLDER": str(folder / "spool"),
        }
        self.children: list[subprocess.Popen[str]] = []

    def start(self, code: str, *, before: str = "") -> subprocess.Popen[str]:
        """Start a program, without waiting for it; `before` comes before its tracer."""
        path = self.folder / f"program{len(self.children)}.py"
        path.write_text(before + PRELUDE + textwrap.dedent(code))
        child = subprocess.Popen(
            [sys.executable, "-W", "error", path.name],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.children.append(child)
        return child

    def run(self, code: str, *, returncode: int = 0, before: str = "") -> str:
        """Run a program to its end; return what it said."""
        child = self.start(code, before=before)
        out, err = child.communicate(timeout=60)
        assert (child.returncode, err) == (returncode, ""), err
        return out

    def deliver(self) -> list[int]:
        """Let the next process deliver what is left; return the outputs of all ended spans."""
        (self.folder / "away").unlink(missing_ok=True)
        self.run(
            """
            work(-1)
            deadline = time.monotonic() + 20
            while list(__import__("pathlib").Path("spool").rglob("*.spool1")):
                assert time.monotonic() < deadline
                tracer.flush(timeout_s=1)
                time.sleep(0.02)
                tracer.stats().spooled or tracer.shutdown()
            """
        )
        return self.taken()

    def taken(self) -> list[int]:
        """Return the outputs of the ended spans that the server has, in their order."""
        lines = [
            json.loads(line) for line in (self.folder / "taken.jsonl").read_bytes().splitlines()
        ]
        return [
            line["output"]["value"]
            for line in lines
            if line["type"] == "span" and line["status"] == "COMPLETED"
        ]

    def lines(self) -> list[dict[str, Any]]:
        """Return every record that the server has."""
        text = (self.folder / "taken.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """Give a place to run programs in; none outlives the test."""
    found = Program(tmp_path)
    (tmp_path / "away").touch()
    yield found
    for child in found.children:
        if child.poll() is None:
            child.kill()
        child.communicate()


def test_the_next_process_delivers_what_the_end_left(program: Program) -> None:
    """A normal end while the server is away."""
    program.run("for n in range(5): work(n)")
    assert program.deliver()[:5] == [0, 1, 2, 3, 4]


def test_a_killed_process_loses_nothing_that_is_some_milliseconds_old(program: Program) -> None:
    """Also what is still open: it is there as STARTED."""
    child = program.start(
        """
        with tracer.run("agent"), tracer.span("open"):
            for n in range(5): work(n)
            while tracer.stats().queued: time.sleep(0.001)
            ready()
        """
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    child.kill()
    child.wait()
    assert program.deliver()[:5] == [0, 1, 2, 3, 4]
    states = [(line["name"], line["status"]) for line in program.lines() if line["type"] == "span"]
    assert ("open", "STARTED") in states
    assert ("open", "COMPLETED") not in states


def test_a_hard_exit_with_durability_sync_loses_nothing(program: Program) -> None:
    """`os._exit` skips everything; what returned to the program is on disk."""
    program.environment["AGENTTRACE_DURABILITY"] = "sync"
    program.run("for n in range(3): work(n)\nos._exit(3)", returncode=3)
    del program.environment["AGENTTRACE_DURABILITY"]
    assert program.deliver()[:3] == [0, 1, 2]


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@needs_fork
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_lose_nothing(program: Program, method: str) -> None:
    """However they begin, and though they end without Python's own end."""
    (program.folder / "away").unlink()
    program.run(
        f"""
        def child(number):
            for index in range(10):
                work(number * 100 + index)
        if __name__ == "__main__":
            work(-1)
            context = multiprocessing.get_context("{method}")
            children = [context.Process(target=child, args=(n,)) for n in range(2)]
            [each.start() for each in children]
            [each.join() for each in children]
            assert [each.exitcode for each in children] == [0, 0]
        """
    )
    expected = sorted([-1, *(n * 100 + i for n in range(2) for i in range(10))])
    assert sorted(program.taken()) == expected
    assert list(program.folder.rglob("*.spool1")) == []


SIGNALS = [signal.SIGTERM, signal.SIGHUP, signal.SIGINT]


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("kind", ["default", "handler", "ignored"])
def test_a_signal_does_what_it_always_did(
    program: Program, number: signal.Signals, kind: str
) -> None:
    """The exit code is the same, and what was recorded just before is there."""
    dispositions = {
        "handler": f"signal.signal({int(number)}, lambda *_: sys.exit(5))",
        "ignored": f"signal.signal({int(number)}, signal.SIG_IGN)",
    }
    (program.folder / "away").unlink()
    child = program.start(
        f"""
        with tracer.run("agent"):
            for n in range(5): work(n)
            print("ready", flush=True)
            while {kind != "ignored"}: time.sleep(0.05)  # a signal just before a sleep waits for it
            sys.stdin.readline()
        """,
        before=f"import signal, sys\n{dispositions.get(kind, '')}\n",
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    child.send_signal(number)
    _, err = child.communicate("go\n", timeout=30)
    expected = {"handler": 5, "ignored": 0}.get(kind, -number)
    assert child.returncode == expected, err
    assert program.taken()[:5] == [0, 1, 2, 3, 4]
    runs = [line["status"] for line in program.lines() if line["name"] == "agent"]
    ends = {"handler": "ERROR", "ignored": "COMPLETED"}
    assert runs[-1] == ends.get(kind, "INTERRUPTED")


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes cannot be held back")
def test_a_signal_to_a_child_that_has_not_begun_yet_ends_it(program: Program) -> None:
    """As a pool's worker is terminated that nothing was left for: nobody waits for it in vain."""
    out = program.run(
        """
        work(1)
        tracer.flush()
        # On one processor a child begins after its parent has sent the signal.
        os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
        codes = []
        for _ in range(20):
            child = os.fork()
            if child == 0:
                time.sleep(10)
                os._exit(7)
            os.kill(child, signal.SIGTERM)
            codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            if codes[-1] != -signal.SIGTERM:
                break
        print(codes)
        """,
        before="import warnings\nwarnings.simplefilter('ignore', DeprecationWarning)\n",
    )
    assert out == f"{[-15] * 20}\n"


def test_a_chained_handler_comes_after_the_flush(program: Program) -> None:
    """The program's own handler runs once, and goes on recording."""
    program.environment["AGENTTRACE_SIGNALS"] = "chain"
    (program.folder / "away").unlink()
    out = program.run(
        """
        for _ in range(2):
            work(1)
            os.kill(os.getpid(), signal.SIGTERM)
        work(2)
        print(calls)
        """,
        before="""import signal
calls = []
def count(number, frame):
    with open("taken.jsonl") as file:
        calls.append(len(file.readlines()))
signal.signal(signal.SIGTERM, count)
""",
    )
    assert out == "[4, 8]\n"
    assert program.taken() == [1, 1, 2]


@pytest.mark.parametrize("mode", ["auto", "off"])
def test_a_signal_within_the_queue_does_not_hang(program: Program, mode: str) -> None:
    """A storm of records is interrupted wherever it is; the process ends as it always did."""
    program.environment["AGENTTRACE_SIGNALS"] = mode
    child = program.start(
        """
        n = 0
        print("ready", flush=True)
        while True:
            work(n)
            n += 1
        """
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    threading.Event().wait(0.2)
    child.terminate()
    started = monotonic()
    _, err = child.communicate(timeout=30)
    assert monotonic() - started < 10
    assert (child.returncode, err) == (-signal.SIGTERM, "")


class Odd:
    """A server that is odd in one way; listens on a free port of 127.0.0.1."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._stop = threading.Event()
        if kind == "dead":
            self._listener.close()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while self._kind != "dead":
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            try:
                while self._kind == "busy":
                    connection.recv(1_000_000)
                    connection.sendall(b"HTTP/1.1 429 Wait\r\ncontent-length: 0\r\n\r\n")
                if self._kind == "slow":
                    connection.recv(1_000_000)
                    for _ in range(600):
                        connection.sendall(b"H" if _ == 0 else b"x")
                        self._stop.wait(1)
                self._stop.wait(60)
            except OSError:
                return

    def close(self) -> None:
        """Let every connection go."""
        self._stop.set()
        self._listener.close()


@pytest.fixture(params=["dead", "black hole", "slow", "busy"])
def odd(request: pytest.FixtureRequest) -> Iterator[Odd]:
    """Give a server that never takes a record."""
    server = Odd(request.param)
    yield server
    server.close()


def test_a_program_ends_in_time_whatever_its_server_does(program: Program, odd: Odd) -> None:
    """`flush` and `shutdown` keep their deadline, and so does the end; nothing is dropped."""
    out = program.run(
        f"""
        import logging
        logging.disable()
        tracer.set_exporter("http://127.0.0.1:{odd.port}/api")
        work(1)
        started = time.monotonic()
        flushed = tracer.flush(timeout_s=0.3)
        print(time.monotonic() - started, bool(flushed), flushed.spooled, flushed.dropped)
        started = time.monotonic()
        done = tracer.shutdown(timeout_s=0.3)
        print(time.monotonic() - started, bool(done), done.spooled, done.dropped)
        other = Tracer(exporter="http://127.0.0.1:{odd.port}/api")
        trace_tool(other)(lambda: 2)()
        print(time.monotonic(), flush=True)
        """
    )
    ended = monotonic()
    flushed, done, last = (line.split(maxsplit=1) for line in out.splitlines())
    for took, rest in (flushed, done):
        assert float(took) < 2  # 0.6 s when the machine is idle
        assert rest == "False 4 {}"
    assert ended - float(last[0]) < 8  # 5 s for the worst of them


def test_ctrl_c_during_a_flush_ends_the_program_soon(program: Program) -> None:
    """Who presses it does not want to wait for a server; what is on disk is safe there."""
    hole = Odd("black hole")
    child = program.start(
        f"""
        tracer.set_exporter("http://127.0.0.1:{hole.port}/api")
        work(1)
        print("ready", flush=True)
        tracer.flush(timeout_s=50)
        """
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    threading.Event().wait(0.3)
    started = monotonic()
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=30)
    assert monotonic() - started < 4  # 0.3 s when the machine is idle
    assert child.returncode == -signal.SIGINT
    assert err.splitlines()[-1] == "KeyboardInterrupt"
    assert err.count("Traceback") == 1
    hole.close()
