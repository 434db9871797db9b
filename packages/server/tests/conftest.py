"""Fixtures that the server's tests share. Everything is real: files, sockets, processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agenttrace_server.storage.engine import Database, open_database

from .support import postgres as postgres_module
from .support.accounts import AccountsServer, open_accounts
from .support.client import Client
from .support.postgres import PostgresServer
from .support.process import ServerProcess
from .support.thread import ServerThread

# Read when it is imported; in production the server refuses names that it does not know.
_OWN = (postgres_module.TEST_SERVER, postgres_module.TEST_BINARIES)


@pytest.fixture
def anyio_backend() -> str:
    """The loop that the server runs on."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the settings of the machine, and of the folder one stands in, out of the tests."""
    for name in ("DATABASE_URL", "SERVER_HOST", "SERVER_PORT", "ALLOWED_HOSTS", "CORS_ORIGINS"):
        monkeypatch.delenv(name, raising=False)
    for name in ("ENVIRONMENT", "BUFFER_SIZE", "DATABASE_TYPE", "WORKERS", "LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("LOG_FORMAT", "MAX_TRACE_RETENTION_DAYS", "ALLOW_DEBUG", *_OWN):
        monkeypatch.delenv(name, raising=False)
    for name in ("ALLOW_INTROSPECTION", "SECRET_KEY", "REGISTRATION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("LOCAL_TOKEN", "TRUSTED_PROXIES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL for the whole session, started when the first test asks for it."""
    server = PostgresServer()
    yield server
    server.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    """Which database a test runs on: it runs on both, or on what `support.dialects` says."""
    return str(request.param)


@pytest.fixture
def database_url(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an empty store."""
    if dialect == "sqlite":
        yield f"sqlite:///{tmp_path / 'agenttrace.db'}"
        return
    postgres: PostgresServer = request.getfixturevalue("postgres")
    url = postgres.make_copy("store", lambda url: open_database(url).close())
    yield url
    postgres.drop_database(url)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty store."""
    opened = open_database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def server(database_url: str) -> Iterator[ServerThread]:
    """A server over an empty store, on a thread: its parts can be looked at and broken."""
    with ServerThread(database_url) as running:
        yield running


@pytest.fixture
def client(server: ServerThread) -> Iterator[Client]:
    """A client of `server`."""
    with Client(server.url) as made:
        yield made


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerThread]:
    """One server for all tests that store nothing."""
    folder = tmp_path_factory.mktemp("shared")
    with ServerThread(f"sqlite:///{folder / 'agenttrace.db'}") as running:
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


@pytest.fixture
def accounts(database_url: str) -> Iterator[AccountsServer]:
    """A server with accounts over an empty store."""
    with open_accounts(database_url) as running:
        yield running
