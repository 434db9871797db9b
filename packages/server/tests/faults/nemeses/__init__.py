"""All faults by name: what happens to the server, and how often on one store."""

from __future__ import annotations

import tempfile
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

from packages.sdk.tests.faults.harness import Hang

from ..harness import Stage
from ..load import CLIENTS
from . import databases, disks, kills, networks, shortages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from packages.sdk.tests.faults.judge import Verdict

    from ...support.postgres import PostgresServer

    Play = Callable[[Stage, Random, int], Verdict]


SQLITE: Final = ("sqlite",)
POSTGRESQL: Final = ("postgresql",)
BOTH: Final = (*SQLITE, *POSTGRESQL)
DURABLE: Final = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
"""What a PostgreSQL of the ledger must have on."""


class Nemesis(NamedTuple):
    """`play(stage, choose, faults)`; `batch` is how many faults one store sees in large runs.

    `timeout_s` is how long its clients wait for an answer; `databases` are those it is made for.
    """

    play: Play
    batch: int = 1
    timeout_s: float = 10.0
    clients: int = CLIENTS
    is_bulk: bool = False
    databases: tuple[str, ...] = BOTH


NEMESES: Final[Mapping[str, Nemesis]] = {
    "kill9": Nemesis(kills.kill9, batch=10),
    "sigterm": Nemesis(kills.sigterm, batch=5),
    "sigstop": Nemesis(kills.sigstop, batch=3, timeout_s=1.0),
    "start-kill": Nemesis(kills.start_kill, batch=5, databases=SQLITE),
    "parent-kill": Nemesis(kills.parent_kill, batch=3, databases=POSTGRESQL),
    "rolling": Nemesis(kills.rolling, batch=4, databases=POSTGRESQL),
    "database-kill": Nemesis(databases.database_kill, batch=5, databases=POSTGRESQL),
    "reset": Nemesis(networks.reset, batch=5),
    "ack-lost": Nemesis(networks.ack_lost, batch=5),
    "slow-read": Nemesis(networks.slow_read, batch=3),
    "half-open": Nemesis(networks.half_open, batch=3),
    "few-files": Nemesis(shortages.few_files, batch=3, timeout_s=2.0),
    "memory": Nemesis(shortages.memory, timeout_s=30.0, clients=50, is_bulk=True),
    "stuck-reader": Nemesis(shortages.stuck_reader, batch=3, clients=8, databases=SQLITE),
    "ack-synced": Nemesis(disks.ack_synced, batch=5, clients=1, databases=SQLITE),
    "fsync-eio": Nemesis(disks.fsync_eio, batch=5, databases=SQLITE),
    "write-enospc": Nemesis(disks.write_enospc, batch=5, databases=SQLITE),
    "slow-disk": Nemesis(disks.slow_disk, batch=3),
    "locked": Nemesis(disks.locked, batch=2, databases=SQLITE),
    "disk-full": Nemesis(disks.disk_full, batch=3, databases=SQLITE),
}


class Result(NamedTuple):
    """The verdict, and what the clients' requests came to."""

    verdict: Verdict
    outcomes: Mapping[str, int]
    counts: Mapping[str, int]
    recovery_s: float


def run_nemesis(
    name: str,
    *,
    seed: int,
    faults: int,
    postgres: PostgresServer | None = None,
    off: Sequence[str] = (),
) -> Result:
    """Play a nemesis in a folder of its own; the same seed makes the same choices.

    A process that hangs is a complaint of the verdict.
    """
    nemesis = NEMESES[name]
    with (
        tempfile.TemporaryDirectory(prefix="ledger-") as home,
        Stage(
            Path(home),
            postgres=postgres,
            seed=seed,
            off=off,
            timeout_s=nemesis.timeout_s,
            clients=nemesis.clients,
            is_bulk=nemesis.is_bulk,
        ) as stage,
    ):
        try:
            verdict = nemesis.play(stage, Random(seed), faults)
        except Hang as hang:
            verdict = stage.give_up(hang)
        return Result(verdict, dict(stage.load.outcomes), dict(stage.counts), stage.recovery_s)
