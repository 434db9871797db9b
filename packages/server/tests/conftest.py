"""Fixtures that the server's tests share. Everything is real: files, sockets, processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agenttrace_server.storage.engine import Database, open_database

from .support.client import Client
from .support.process import ServerProcess
from .support.thread import ServerThread


@pytest.fixture
def anyio_backend() -> str:
    """The loop that the server runs on."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the settings of the machine, and of the folder one stands in, out of the tests."""
    for name in ("DATABASE_URL", "SERVER_HOST", "SERVER_PORT", "ALLOWED_HOSTS", "CORS_ORIGINS"):
        monkeypatch.delenv(name, raising=False)
    for name in ("ENVIRONMENT", "BUFFER_SIZE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty store in a file."""
    opened = open_database(f"sqlite:///{tmp_path / 'agenttrace.db'}")
    yield opened
    opened.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerThread]:
    """A server over an empty store, on a thread: its parts can be looked at and broken."""
    with ServerThread(tmp_path) as running:
        yield running


@pytest.fixture
def client(server: ServerThread) -> Iterator[Client]:
    """A client of `server`."""
    with Client(server.url) as made:
        yield made


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerThread]:
    """One server for all tests that store nothing."""
    with ServerThread(tmp_path_factory.mktemp("shared")) as running:
        yield running


@pytest.fixture
def shared_client(shared_server: ServerThread) -> Iterator[Client]:
    """A client of `shared_server`."""
    with Client(shared_server.url) as made:
        yield made


@pytest.fixture
def server_process(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server as users start it: a process of its own."""
    with ServerProcess(tmp_path) as running:
        yield running
