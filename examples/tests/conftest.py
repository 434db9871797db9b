"""Fixtures of the examples' tests: a port where nobody listens, an endpoint, one finished run."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from research_runs import FILE, ChatServer, Trace, start_program

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def closed_endpoint() -> Iterator[str]:
    """Yield the address of a server that is down: the port is taken, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/api"


@pytest.fixture(scope="session")
def default_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which the default run was started."""
    return tmp_path_factory.mktemp("default")


@pytest.fixture(scope="session")
def default_run(default_folder: Path, closed_endpoint: str) -> subprocess.CompletedProcess[str]:
    """Return the finished program of a run without arguments, offline."""
    return start_program("research_agent.py", "--endpoint", closed_endpoint, folder=default_folder)


@pytest.fixture(scope="session")
def default_trace(default_folder: Path, default_run: subprocess.CompletedProcess[str]) -> Trace:
    """Return what the default run recorded."""
    assert default_run.returncode == 0, default_run.stderr
    return Trace(default_folder / FILE)


@pytest.fixture
def chat_server() -> Iterator[ChatServer]:
    """Yield an endpoint that refuses the first request with 429 and then answers."""
    server = ChatServer()
    yield server
    server.close()
