"""Fill a store: up to five million spans of agents, straight through the store's own append.

    python packages/server/benchmarks/seed.py --spans 1000000
    python packages/server/benchmarks/seed.py --database-url postgresql+asyncpg://… --seed 7

The same seed makes the same records; another adds others. Progress is on standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from typing import TYPE_CHECKING, Final

from sqlalchemy import update
from workload import dump_lines, make_runs

from agenttrace_server.identity import DEFAULT_PROJECT
from agenttrace_server.services.ingest import parse_body
from agenttrace_server.settings import read_settings
from agenttrace_server.storage.append import append_records
from agenttrace_server.storage.documents import PROGRESS
from agenttrace_server.storage.engine import Database, open_database
from agenttrace_server.storage.positions import read_end
from agenttrace_server.storage.search import apply_work, read_work

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from agenttrace.wire.models import ValidRecord

MAX_SPANS: Final = 5_000_000
MAX_SEED: Final = 4_095
BATCH: Final = 5_000


def fill_store(database: Database, spans: int, *, seed: int) -> float:
    """Store so many spans, in commits of about 5,000; return the seconds that took."""
    begin = time.perf_counter()
    stored = 0
    batch: list[ValidRecord] = []
    for run in make_runs(spans, seed=seed):
        records, errors = parse_body(dump_lines(run))
        assert not errors, errors
        batch += records
        stored += len(run) - 1
        if len(batch) >= BATCH or stored == spans:
            asyncio.run(database.write(append_records, batch, project_id=DEFAULT_PROJECT))
            batch = []
            rate = stored / (time.perf_counter() - begin)
            if sys.stderr.isatty() or stored == spans:
                print(f"\r{stored:>9,} of {spans:,} spans, {rate:,.0f}/s", end="", file=sys.stderr)
    print(file=sys.stderr)
    return time.perf_counter() - begin


def index_store(database: Database) -> float:
    """Put all that is stored into the search index; return the seconds that took."""
    begin = time.perf_counter()

    async def index() -> None:
        while (work := await database.read(read_work)).end > work.start:
            await database.write(apply_work, work)

    asyncio.run(index())
    return time.perf_counter() - begin


def skip_index(database: Database) -> None:
    """Leave all that is stored out of the search index, so that nobody indexes it meanwhile."""

    def skip(connection: Connection) -> None:
        connection.execute(update(PROGRESS).values(position=read_end(connection)))

    asyncio.run(database.write(skip))


def main() -> None:
    """Fill the store that the command line names."""
    parser = argparse.ArgumentParser(description="Fill a store with spans of agents")
    parser.add_argument("--database-url", default=read_settings().database_url)
    parser.add_argument("--spans", type=int, default=100_000, help=f"at most {MAX_SPANS:,}")
    parser.add_argument("--seed", type=int, default=1, help="0 to 4095; another adds other runs")
    options = parser.parse_args()
    if not 0 < options.spans <= MAX_SPANS or not 0 <= options.seed <= MAX_SEED:
        parser.error(f"--spans is 1 to {MAX_SPANS}, --seed 0 to 4095")
    database = open_database(options.database_url)
    try:
        seconds = fill_store(database, options.spans, seed=options.seed)
    finally:
        database.close()
    print(f"{options.spans:,} spans in {seconds:.0f} s, {options.spans / seconds:,.0f}/s")


if __name__ == "__main__":
    main()
