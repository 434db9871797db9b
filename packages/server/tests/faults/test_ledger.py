"""The ledger in short: faults with a fixed seed. The five counts are 0.

`packages/server/benchmarks/ledger.py` plays them all at length, with any seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest
from packages.sdk.tests.faults.scenarios.disks import NotPermittedError

from ..support.postgres import PostgresServer
from .nemeses import DURABLE, run_nemesis

SEED: Final = 20261125
SQLITE: Final = {
    "kill9": 5,
    "sigterm": 1,
    "sigstop": 1,
    "locked": 1,
    "disk-full": 1,
    "ack-lost": 1,
    "ack-synced": 1,
    "fsync-eio": 1,
    "write-enospc": 1,
    "slow-disk": 1,
    "memory": 1,
    "few-files": 1,
}
POSTGRESQL: Final = {
    "kill9": 5,
    "sigterm": 1,
    "sigstop": 1,
    "database-kill": 2,
    "slow-disk": 1,
    "memory": 1,
    "few-files": 1,
}
"""Each with how often it happens."""


@pytest.fixture(scope="module")
def durable_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL that syncs, and that these tests may kill."""
    server = PostgresServer(**DURABLE)
    yield server
    server.remove()


@pytest.mark.parametrize("name", SQLITE)
def test_what_is_acknowledged_is_in_the_file(name: str) -> None:
    """Nothing lost, phantom, duplicate, changed or silent; sums and exit codes are right."""
    try:
        verdict = run_nemesis(name, seed=SEED, faults=SQLITE[name]).verdict
    except NotPermittedError as error:
        pytest.skip(str(error))
    assert verdict.is_clean, verdict
    assert verdict.settled == verdict.attempted > 0


@pytest.mark.parametrize("name", POSTGRESQL)
def test_what_is_acknowledged_is_in_postgresql(name: str, durable_postgres: PostgresServer) -> None:
    """The same, where another process has the store."""
    faults = POSTGRESQL[name]
    verdict = run_nemesis(name, seed=SEED, faults=faults, postgres=durable_postgres).verdict
    assert verdict.is_clean, verdict
    assert verdict.settled == verdict.attempted > 0
