"""The server's ledger: whatever happens to a server, what it has acknowledged is stored.

Clients write the name of every record to a side file before they send it, and again when it was
acknowledged. After the fault the names are compared with what the server shows. The side files and
the judge are those of the recorder's ledger (`packages/sdk/tests/faults`); a record that was
acknowledged is what is called settled there.
"""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from packages.sdk.tests.faults.harness import Program
from packages.sdk.tests.faults.judge import Verdict, judge
from packages.sdk.tests.faults.side_file import read_side_files
from packages.sdk.tests.faults.sightings import Sightings

from .load import CLIENTS, Load
from .nursery import Forked, get_nursery
from .readings import Reader, list_double_rows
from .switches import OFF

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from ..support.postgres import PostgresServer
    from .readings import Reading

ROOT: Final = Path(__file__).resolve().parents[4]
START_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 10.0
"""What the server promises for SIGTERM; S7 of the tests."""


class Stage:
    """One scenario's folder, store, server and clients.

    `prefix` is a command that the server is run by; `off` are the protections that it does without.
    """

    def __init__(
        self,
        folder: Path,
        *,
        postgres: PostgresServer | None = None,
        seed: int = 1,
        off: Sequence[str] = (),
        timeout_s: float = 10.0,
        clients: int = CLIENTS,
        is_bulk: bool = False,
    ) -> None:
        self.folder = folder
        self.database = folder / "data" / "agenttrace.db"
        self.postgres = postgres
        sqlite_url = f"sqlite+aiosqlite:///{self.database}"
        self.database_url = sqlite_url if postgres is None else postgres.make_database()
        self.counts: Counter[str] = Counter()
        """What a nemesis did, for those who want to know."""
        self.recovery_s = 0.0
        self.seed = seed
        self.off = tuple(off)
        self.port = find_free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.complaints: list[str] = []
        self.exit_s = 0.0
        side_files = folder / "side"
        side_files.mkdir(parents=True)
        self.side_files = side_files
        self.load = Load(
            self.url,
            side_files,
            seed=seed,
            timeout_s=timeout_s,
            clients=clients,
            is_bulk=is_bulk,
        )
        self.server: Program | Forked | None = None
        self.errors = folder / "server.err"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.load.abandon()
        if self.server is not None:
            self.server.close()
        if self.postgres is not None:
            self.postgres.drop_database(self.database_url)

    def start(self, *, prefix: Sequence[str] = (), flags: Sequence[str] = ()) -> Program | Forked:
        """Start the server; return once it listens."""
        serve = ["serve", "--port", str(self.port), "--database-url", self.database_url]
        env = {OFF: ",".join(self.off)}
        if prefix or flags:
            command = [*prefix, sys.executable, "-c", _PLAIN, *serve, *flags]
            path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
            env |= {**os.environ, "PYTHONPATH": path}
            self.server = Program(command, env=env, errors=self.errors)
        else:
            self.server = get_nursery().fork(serve, env=env, errors=self.errors)
        self.server.wait_for("  Stop", timeout_s=START_TIMEOUT_S)
        return self.server

    def kill(self) -> None:
        """Kill the server with SIGKILL."""
        server = self.get_server()
        server.send(signal.SIGKILL)
        server.wait()
        server.close()

    def terminate(self) -> float:
        """Ask the server to end; return how long that took, in seconds; complain of a bad end."""
        server = self.get_server()
        begin = time.monotonic()
        server.send(signal.SIGTERM)
        code = server.wait(timeout_s=START_TIMEOUT_S)
        took_s = time.monotonic() - begin
        server.close()
        self.exit_s = max(self.exit_s, took_s)
        if code != 0:
            self.complaints.append(f"exit code {code}: {server.read_errors()}")
        # The clock runs on a busy machine, too: a second beside the ten that are promised.
        if took_s > STOP_TIMEOUT_S + 1:
            self.complaints.append(f"the end took {took_s:.1f} s")
        return took_s

    def read(self) -> Reading:
        """Return what the server shows now."""
        reader = Reader(self.url)
        with closing(reader):
            return reader.read_all()

    def finish(self) -> Verdict:
        """Let the clients bring home what they have, end the server, and judge."""
        self.load.stop()
        reading = self.read()
        self.terminate()
        return self.judge(reading)

    def judge(self, reading: Reading) -> Verdict:
        """Return the verdict on what the server showed; the load must have stopped."""
        verdict = judge(read_side_files(self.side_files), Sightings(reading.sightings))
        complaints = [*self.complaints, *self.load.complaints]
        doubles = list_double_rows(reading.sightings)
        for token, expected in self.load.expected.items():
            kept = reading.sums.get(token)
            if kept is not None and kept != expected:
                complaints.append(f"run {token}: {kept} is kept; its records are {expected}")
        if self.postgres is None:
            complaints += check_integrity(self.database)
        return verdict._replace(
            duplicate=verdict.duplicate + len(doubles),
            complaints=tuple(complaints),
            exit_s=self.exit_s,
        )

    def give_up(self, why: Exception) -> Verdict:
        """Return the verdict on a stage that cannot go on: nothing but a complaint."""
        errors = self.errors.read_text(errors="replace")[-2_000:] if self.errors.exists() else ""
        complaints = (*self.complaints, *self.load.complaints, f"{why}; {errors}")
        return Verdict(complaints=complaints)

    def wait_until_taken(self, *, timeout_s: float = START_TIMEOUT_S) -> float:
        """Wait until a client's request is answered with 200; return how long that took, in s."""
        begin = time.monotonic()
        self.load.wait_for_outcomes(1, "200", timeout_s=timeout_s)
        return time.monotonic() - begin

    def read_some(self) -> None:
        """Read what a dashboard reads first; raises AssertionError where that fails."""
        reader = Reader(self.url)
        with closing(reader):
            reader.read_first()

    def get_server(self) -> Program | Forked:
        """Return the server that was started last."""
        assert self.server is not None, "the server was not started"
        return self.server


_PLAIN: Final = "from packages.server.tests.faults.switches import main; main()"


def find_free_port() -> int:
    """Return a port of 127.0.0.1 that nobody has now."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def check_integrity(path: Path) -> list[str]:
    """Return what SQLite finds wrong with a file; nobody may have it open."""
    with closing(sqlite3.connect(path)) as connection:
        rows = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
        rows += [f"foreign key: {row}" for row in connection.execute("PRAGMA foreign_key_check")]
    return [f"integrity_check: {row}" for row in rows if row != "ok"]
