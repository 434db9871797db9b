"""The server's figures beside their goals and floors, in one run: no verdicts.

    python packages/server/benchmarks/table.py
    python packages/server/benchmarks/table.py --postgresql --spans 100000 --growth 5000000
    python packages/server/benchmarks/table.py --database-url postgresql+asyncpg://…
    python packages/server/benchmarks/table.py --spans 2000 --peers --peer-python …

Starts a server as users do, over a store in a temporary folder, on one of PostgreSQL that is
started for it (`--postgresql`, with `fsync`), or on a database that is given: empty, or with
`--filled` as `seed.py` left it. The store is filled with `--spans` spans of agents first, and put
into the search index; with `--growth` all is measured again over a store of so many, and P15 is the
ratio. Of a store of more than 200,000 spans search is not measured, and nothing is indexed. Clients
run on the same cores. Absolute figures move with the machine and its load; what counts is the
ratio to the floor. With `--peers` the peers are measured next (see `peers.py`), beside ours.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx
from figures import Row
from floors import measure_postgresql, measure_sqlite, measure_tree
from peers import add_options, measure_peers
from reads import LIST, SEARCH, TREE, USAGE, fill_tree, measure_query, wait_for_index
from seed import fill_store, index_store, skip_index
from senders import measure_batches, measure_live, measure_singles
from servers import Server, run_server

from agenttrace_server.storage.engine import open_database

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from packages.server.tests.faults.nemeses import DURABLE
from packages.server.tests.support.postgres import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator

TREES: Final = {1_000: 10, 10_000: 80, 50_000: 450}
MAX_INDEXED: Final = 200_000
_FIRST_RUN: Final = 10_000


def measure_store(
    database_url: str, floors: tuple[float, float], trees: list[int], *, is_indexed: bool
) -> Iterator[Row]:
    """Yield every figure of a server over this store."""
    is_sqlite = database_url.startswith("sqlite")
    with (
        run_server(database_url) as server,
        httpx.Client(base_url=server.url, timeout=120) as client,
    ):
        yield from _measure_idle(server)
        rows, commits = floors
        goal = "40,000" if is_sqlite else "25,000"
        spans = measure_batches(server.url, first_run=_FIRST_RUN)
        yield Row("P5", "spans/s, batches of 1,000, two senders", goal, spans, rows)
        requests = measure_singles(server.url, first_run=_FIRST_RUN + 100)
        yield Row("P6", "requests/s, one span each, eight senders", "3,000", requests, commits)
        p50_ms, p95_ms = measure_live(server.url, run=_FIRST_RUN + 200)
        yield Row("P7", "ms, sent to heard, median", "10", p50_ms)
        yield Row("P7", "ms, sent to heard, 95th percentile", "40", p95_ms)
        for place, size in enumerate(trees):
            run_id = fill_tree(client, _FIRST_RUN + 300 + place, size)
            floor = measure_tree(Path(database_url[10:]), run_id) if is_sqlite else None
            took_ms = measure_query(client, TREE, id=run_id)
            yield Row("P8", f"ms, a tree of {size:,} spans", str(TREES[size]), took_ms, floor)
        wait_for_index(client)  # it would work beside what is measured
        yield Row("P9", "ms, the newest 50 runs", "4", measure_query(client, LIST))
        yield Row("P10", "ms, cost by model over all", "4", measure_query(client, USAGE))
        if is_indexed:
            yield Row("P10", "ms, full-text search, first 50", "5", measure_query(client, SEARCH))


def _measure_idle(server: Server) -> Iterator[Row]:
    yield Row("P13", "s, server start to the first 200", "1.5", server.start_s)
    yield Row("P13", "MiB resident, idle", "130", server.measure_rss_mib())


def measure_filled(options: argparse.Namespace, spans: int) -> list[Row]:
    """Fill an empty store with so many spans and measure a server over it."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = options.database_url or f"sqlite:///{folder / 'bench.db'}"
        if options.postgresql:
            postgres = PostgresServer(**DURABLE)
            stack.callback(postgres.remove)
            url = postgres.make_database()
        is_sqlite = url.startswith("sqlite")
        floors = measure_sqlite(folder) if is_sqlite else measure_postgresql(url)
        _prepare_store(url, spans, is_filled=options.filled)
        rows = []
        for row in measure_store(
            url, floors, options.tree or [1_000, 10_000], is_indexed=spans <= MAX_INDEXED
        ):
            print(row.write(), flush=True)
            rows.append(row)
        return rows


def _prepare_store(url: str, spans: int, *, is_filled: bool) -> None:
    database = open_database(url)
    if not is_filled:
        stored_s = fill_store(database, spans, seed=1)
        print(f"a store of {spans:,} spans, filled at {spans / stored_s:,.0f}/s", flush=True)
    if spans <= MAX_INDEXED:
        print(f"indexed at {spans / index_store(database):,.0f}/s", flush=True)
    else:
        skip_index(database)
    database.close()


def print_growth(small: list[Row], large: list[Row]) -> None:
    """Print how far P5, P8 and P9 move with the store: the goal is 1 ± 0.25."""
    for before, after in zip(small, large, strict=True):
        if before.number in {"P5", "P8", "P9"}:
            ratio = after.figure / before.figure
            print(f"P15  {before.number}: {before.what:<42} {'0.75-1.25':>9} {ratio:>11.2f}")


def main() -> None:
    """Measure what the command line asks for, and print the table."""
    parser = argparse.ArgumentParser(description="The server's figures, goals and floors")
    store = parser.add_mutually_exclusive_group()
    store.add_argument("--database-url", default="", help="a database; an empty one is filled")
    store.add_argument("--postgresql", action="store_true", help="start one for this run")
    parser.add_argument("--filled", action="store_true", help="it has its --spans spans already")
    parser.add_argument("--spans", type=int, default=20_000, help="spans in the store")
    parser.add_argument("--growth", type=int, default=0, help="measure again over so many (P15)")
    parser.add_argument("--tree", type=int, action="append", choices=[*TREES])
    parser.add_argument("--fanout", action="store_true", help="P12 too: 1,000 subscribers")
    parser.add_argument("--peers", action="store_true", help="the peers too, beside ours")
    add_options(parser)
    options = parser.parse_args()
    if options.growth and options.database_url:
        parser.error("--growth needs two stores: leave out --database-url")
    print(f"{'':<4} {'what':<46} {'goal':>9} {'figure':>11} {'floor':>10}  of floor")
    small = measure_filled(options, options.spans)
    if options.peers:
        trees = options.tree or [1_000]
        measure_peers(options.peer_python, small, spans=options.spans, trees=trees)
    if options.growth:
        print_growth(small, measure_filled(options, options.growth))
    if options.fanout:
        program = Path(__file__).with_name("fanout.py")
        subprocess.run([sys.executable, str(program)], check=True)  # noqa: S603 -- our own program


if __name__ == "__main__":
    main()
