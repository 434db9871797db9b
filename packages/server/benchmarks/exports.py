"""How long a large run takes to leave a server, over HTTP.

    python packages/server/benchmarks/exports.py
    python packages/server/benchmarks/exports.py --spans 50000 --postgresql

Stores one run of `--spans` calls of models, starts a server over it, and reads
`GET /api/export/runs/<id>` `--rounds` times, unpacked and packed. The lines are counted: when one
is missing the exit code is 1.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx
from reads import fill_tree
from servers import run_server

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from packages.server.tests.support.postgres import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT_S: Final = 300


def measure_export(client: httpx.Client, run_id: str, encoding: str) -> tuple[float, int, int]:
    """Return the seconds of an export, its bytes on the wire, and the spans in it."""
    begin = time.perf_counter()
    headers = {"accept-encoding": encoding}
    answer = client.get(f"/api/export/runs/{run_id}", headers=headers).raise_for_status()
    took_s = time.perf_counter() - begin
    return took_s, answer.num_bytes_downloaded, answer.content.count(b'"type":"span"')


@contextmanager
def _make_url(folder: Path, *, on_postgresql: bool) -> Iterator[str]:
    if not on_postgresql:
        yield f"sqlite:///{folder / 'exports.db'}"
        return
    postgres = PostgresServer()
    try:
        yield postgres.make_database()
    finally:
        postgres.remove()


def _measure(url: str, spans: int, rounds: int) -> bool:
    whole = True
    with run_server(url) as server, httpx.Client(base_url=server.url, timeout=TIMEOUT_S) as client:
        run_id = fill_tree(client, 0, spans)
        for encoding in ("identity", "zstd"):
            found = [measure_export(client, run_id, encoding) for _ in range(rounds)]
            took_s = statistics.median(seconds for seconds, _, _ in found)
            mib = found[0][1] / 2**20
            print(f"{spans:>9,} spans  {encoding:<9} {took_s:7.2f} s  {mib:8.1f} MiB on the wire")
            whole = whole and all(count == spans for _, _, count in found)
    return whole


def main() -> None:
    """Measure, and print a line for each encoding."""
    parser = argparse.ArgumentParser(description="How long a large run takes to leave a server")
    parser.add_argument("--spans", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--postgresql", action="store_true", help="on one of its own")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        _make_url(Path(folder), on_postgresql=options.postgresql) as url,
    ):
        whole = _measure(url, options.spans, options.rounds)
    sys.exit(0 if whole else 1)


if __name__ == "__main__":
    main()
