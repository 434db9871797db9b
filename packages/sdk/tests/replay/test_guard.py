"""R9: what reaches the world beside the recording is stopped before it does, and named."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import shlex
import socket
import subprocess
import sys
import urllib.request
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from agenttrace.exporters import APIExporter
from agenttrace.replay import DivergenceKind
from agenttrace.wrappers import trace_agent, trace_tool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .conftest import Stage


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Give a socket that listens, and that nobody may reach."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        found.listen()
        found.setblocking(False)
        yield found


def _connect(port: int) -> None:
    with socket.socket() as client:
        client.connect(("127.0.0.1", port))


def _fetch(port: int) -> None:
    with suppress(OSError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=0.2)


def _start_process(port: int) -> None:
    program = f"import socket; socket.create_connection(('127.0.0.1', {port}))"
    subprocess.run([sys.executable, "-c", program], check=True)


def _connect_async(port: int) -> None:
    async def connect() -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        await writer.wait_closed()

    asyncio.run(connect())


def _start_process_async(port: int) -> None:
    async def start() -> None:
        program = f"import socket; socket.create_connection(('127.0.0.1', {port}))"
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
        await process.wait()

    asyncio.run(start())


def _send(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"x", ("127.0.0.1", port))


def _send_message(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendmsg([b"x"], [], 0, ("127.0.0.1", port))


def _write_program(port: int) -> list[str]:
    return [
        sys.executable,
        "-c",
        f"import socket; socket.create_connection(('127.0.0.1', {port}))",
    ]


def _run_in_shell(port: int) -> None:
    os.system(shlex.join(_write_program(port)))


def _spawn_by_posix(port: int) -> None:
    child = os.posix_spawn(sys.executable, _write_program(port), os.environ)
    os.waitpid(child, 0)


def _spawn_by_os(port: int) -> None:
    os.spawnv(os.P_WAIT, sys.executable, _write_program(port))


def _spawn_by_multiprocessing(port: int) -> None:
    process = multiprocessing.get_context("spawn").Process(
        target=socket.create_connection, args=(("127.0.0.1", port),)
    )
    process.start()
    process.join()


def _serve_forks(port: int) -> None:
    process = multiprocessing.get_context("forkserver").Process(
        target=socket.create_connection, args=(("127.0.0.1", port),)
    )
    process.start()
    process.join()


REACHES: list[Callable[[int], None]] = [
    _connect,
    _fetch,
    _start_process,
    _connect_async,
    _start_process_async,
    _send,
]
if sys.platform != "win32":
    REACHES += [
        _send_message,
        _run_in_shell,
        _spawn_by_posix,
        _spawn_by_os,
        _spawn_by_multiprocessing,
        _serve_forks,
    ]


def make_program(stage: Stage, reach: Callable[[], None]) -> Callable[[], None]:
    @trace_agent(stage.tracer)
    def agent() -> None:
        reach()

    def main() -> None:
        with stage.tracer.run("agent"):
            agent()

    return main


@pytest.mark.parametrize("reach", REACHES)
def test_a_leak_is_stopped_before_it_reaches_anyone(
    stage: Stage, listener: socket.socket, reach: Callable[[int], None]
) -> None:
    port = listener.getsockname()[1]
    recorded = stage.record(make_program(stage, lambda: None))
    session, raised = stage.diverge(recorded, make_program(stage, lambda: reach(port)))
    assert raised.divergence.kind is DivergenceKind.UNRECORDED_IO
    assert raised.exit_code == session.report.exit_code == 11
    assert f"{__file__}:" in str(raised)
    assert raised.divergence.path == "agent/agent"
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_a_leak_that_is_swallowed_stops_the_replay(stage: Stage, listener: socket.socket) -> None:
    port = listener.getsockname()[1]

    def reach() -> None:
        with suppress(BaseException):
            _connect(port)
        with suppress(BaseException):
            _connect(port)

    recorded = stage.record(make_program(stage, lambda: None))
    stage.diverge(recorded, make_program(stage, reach))
    with pytest.raises(BlockingIOError):
        listener.accept()


@pytest.mark.parametrize(
    "allow", ["127.0.0.1", "127.0.0.1:{port}", "localhost", "localhost:{port}", None]
)
def test_what_is_allowed_is_reached(
    stage: Stage, listener: socket.socket, allow: str | None
) -> None:
    port = listener.getsockname()[1]
    guard_io: Any = False if allow is None else {"allow": [allow.format(port=port)]}
    program = make_program(stage, lambda: _connect(port))
    recorded = stage.record(program)
    listener.accept()[0].close()
    session, _ = stage.replay(recorded, program, guard_io=guard_io)
    listener.accept()[0].close()
    assert session.report.identical


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_server_of_an_exporter_may_be_asked_by_the_program(
    stage: Stage, listener: socket.socket, host: str
) -> None:
    """As a program does that looks whether its AgentTrace server is there; and no other one."""
    port = listener.getsockname()[1]
    program = make_program(stage, lambda: _connect(port))
    recorded = stage.record(program)
    listener.accept()[0].close()
    APIExporter(f"http://{host}:{port}/api", spool=False)
    session, _ = stage.replay(recorded, program)
    listener.accept()[0].close()
    assert session.report.identical
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        elsewhere = make_program(stage, lambda: _connect(other.getsockname()[1]))
        _, raised = stage.diverge(recorded, elsewhere)
    assert raised.divergence.kind is DivergenceKind.UNRECORDED_IO


def test_after_the_replay_nothing_is_guarded(stage: Stage, listener: socket.socket) -> None:
    program = make_program(stage, lambda: None)
    stage.replay(stage.record(program), program)
    _connect(listener.getsockname()[1])
    listener.accept()[0].close()


def test_a_call_that_may_run_live_reaches_the_world(stage: Stage, listener: socket.socket) -> None:
    port = listener.getsockname()[1]

    @trace_tool(stage.tracer, effect="read")
    def fetch() -> str:
        _connect_async(port)
        return "page"

    program = make_program(stage, lambda: stage.ran.append(fetch()))
    recorded = stage.record(program)
    listener.accept()[0].close()
    session, _ = stage.replay(recorded, program, live=["tool:fetch"])
    listener.accept()[0].close()
    assert session.report.live_calls == 1
