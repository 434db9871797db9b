"""Peers' servers under the workload of `table.py`: Arize Phoenix and MLflow, where installed.

    python packages/server/benchmarks/peers.py --peer-python /tmp/peers/bin/python
    python packages/server/benchmarks/table.py --spans 2000 --peers --peer-python …

Peers pin old dependencies, so they live in an environment of their own, with opentelemetry-proto:
`--peer-python` is its interpreter, and what it cannot import is left out. Each peer starts as
users start it, telemetry off, over SQLite in a temporary folder; takes the records that ours takes,
as OTLP over HTTP (see `otlp.py`), on the same machine; and is asked over its own API. A span counts
when that API counts it, which is asked for every 200 ms (P5, P6), or shows its trace, asked for
without a pause (P7). Everything ends after a minute: what is there by then is the figure, and
what is missing is said on standard error.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson
from figures import Row
from peer_servers import PEERS, Peer, run_peer
from senders import BATCH, SENDERS
from workload import make_call, make_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from workload import Record

BATCHES: Final = 2
SINGLES: Final = 20
MESSAGES: Final = 20
ROUNDS: Final = 5
BUDGET_S: Final = 60.0
POLL_S: Final = 0.2
_FIRST_RUN: Final = 10_000
_WORDS: Final = "warehouse"


class Figure(NamedTuple):
    """One figure of a peer; number and text are those of the row of ours beside it."""

    number: str
    what: str
    figure: float


def measure_peers(python: str, ours: list[Row], *, spans: int, trees: list[int]) -> None:
    """Measure every peer that this interpreter has, and print its rows beside ours."""
    figures = {(row.number, row.what): row.figure for row in ours}
    for kind in PEERS:
        version = find_version(kind, python)
        if version is None:
            print(f"{kind.name} is not installed in {python}", flush=True)
            continue
        print(f"{kind.name} {version}: {'figure / ours':>71}", flush=True)
        with run_peer(kind, python) as peer:
            for number, what, figure in measure_peer(peer, python, spans=spans, trees=trees):
                row = Row(number, what, "", figure, figures.get((number, what)))
                print(row.write(), flush=True)


def find_version(kind: type[Peer], python: str) -> str | None:
    """Return a peer's version in this interpreter, or None if it is not installed there.

    Raises:
        RuntimeError: the interpreter does not run.

    """
    program = f"from importlib.metadata import version; print(version({kind.distribution!r}))"
    done = subprocess.run(  # noqa: S603 -- the interpreter that the user named
        [python, "-c", program], capture_output=True, text=True, check=False
    )
    if done.returncode and "PackageNotFoundError" not in done.stderr:
        message = f"{python} cannot be asked for {kind.distribution}: {done.stderr}"
        raise RuntimeError(message)
    return done.stdout.strip() or None


def encode_bodies(python: str, batches: Iterable[list[Record]]) -> list[bytes]:
    """Return a body of OTLP for each batch; the peers' interpreter makes them."""
    lines = b"".join(orjson.dumps(batch) + b"\n" for batch in batches)
    program = str(Path(__file__).with_name("otlp.py"))
    done = subprocess.run(  # noqa: S603 -- the interpreter that the user named
        [python, program], input=lines, stdout=subprocess.PIPE, check=True
    )
    bodies, place = [], 0
    while place < len(done.stdout):
        end = place + 10 + int(done.stdout[place : place + 10])
        bodies.append(done.stdout[place + 10 : end])
        place = end
    return bodies


def measure_peer(peer: Peer, python: str, *, spans: int, trees: list[int]) -> Iterator[Figure]:
    """Yield a peer's figures; its store is filled with so many spans of agents first."""
    yield Figure("P13", "s, server start to the first 200", peer.start_s)
    yield Figure("P13", "MiB resident, idle", peer.measure_rss_mib())
    fill_peer(peer, python, spans)
    bodies = encode_bodies(
        python,
        ([make_call(_FIRST_RUN + run, n) for n in range(BATCH)] for run in range(BATCHES)),
    )
    rate = measure_delivery(peer, [bodies[0::2], bodies[1::2]], BATCH)
    yield Figure("P5", "spans/s, batches of 1,000, two senders", rate)
    bodies = encode_bodies(
        python,
        ([make_call(_FIRST_RUN + 100 + n % SENDERS, n)] for n in range(SENDERS * SINGLES)),
    )
    rate = measure_delivery(peer, [bodies[n::SENDERS] for n in range(SENDERS)], 1)
    yield Figure("P6", "requests/s, one span each, eight senders", rate)
    delays_ms = measure_visible(peer, python)
    yield Figure("P7", "ms, sent to heard, median", statistics.median(delays_ms))
    yield Figure(
        "P7", "ms, sent to heard, 95th percentile", statistics.quantiles(delays_ms, n=20)[-1]
    )
    for place, size in enumerate(trees):
        yield from measure_tree(peer, python, _FIRST_RUN + 1_000 + place, size)
    yield Figure("P9", "ms, the newest 50 runs", measure_answer(peer.list_traces))
    yield Figure("P10", "ms, cost by model over all", measure_answer(peer.read_usage))
    yield Figure(
        "P10", "ms, full-text search, first 50", measure_answer(lambda: peer.search(_WORDS))
    )


def fill_peer(peer: Peer, python: str, spans: int) -> None:
    """Store the runs that ours was filled with, as far as a minute goes."""
    runs = (run[:-1] for run in make_runs(spans, seed=1))  # the last record is the run's own
    finished = [[span for span in run if span.get("end_ns")] for run in runs]
    batches: list[list[Record]] = [[]]
    for run in finished:
        if len(batches[-1]) >= BATCH:
            batches.append([])
        batches[-1] += run
    for body, batch in zip(encode_bodies(python, batches), batches, strict=True):
        measure_delivery(peer, [[body]], len(batch))


def measure_delivery(peer: Peer, shares: list[list[bytes]], size: int) -> float:
    """Return bodies' spans a second, from the first byte sent until all can be read.

    Each share goes over a connection of its own. What cannot be read after a minute is said and
    not counted.
    """
    before = _settle(peer)
    begin = time.perf_counter()
    deadline_s = begin + BUDGET_S
    with ThreadPoolExecutor(len(shares)) as pool:
        works = [pool.submit(_deliver, peer, share, deadline_s) for share in shares]
        sent = size * sum(work.result() for work in works)
    while (visible := peer.count_spans() - before) < sent and time.perf_counter() < deadline_s:
        time.sleep(POLL_S)
    took_s = time.perf_counter() - begin
    if visible < size * sum(map(len, shares)):
        message = f"{peer.name}: {sent:,} spans taken, {visible:,} readable after {took_s:.0f} s"
        print(message, file=sys.stderr)
    return visible / took_s


def _settle(peer: Peer) -> int:
    """Return how many spans can be read once none comes any more from what was sent before."""
    deadline_s = time.perf_counter() + BUDGET_S
    spans = peer.count_spans()
    while time.perf_counter() < deadline_s:
        time.sleep(1)
        before, spans = spans, peer.count_spans()
        if spans == before:
            break
    return spans


def _deliver(peer: Peer, share: list[bytes], deadline_s: float) -> int:
    """Send bodies until the deadline, again what was put off; return how many were taken."""
    client = peer.connect()
    taken = 0
    for body in share:
        while time.perf_counter() < deadline_s:
            if peer.post_spans(client, body):
                taken += 1
                break
            time.sleep(POLL_S)
    client.close()
    return taken


def measure_visible(peer: Peer, python: str) -> list[float]:
    """Return the milliseconds of each span from sending it until its trace can be read."""
    records = [make_call(_FIRST_RUN + 200 + n, n) for n in range(MESSAGES)]
    client = peer.connect()
    delays_ms = []
    for record, body in zip(records, encode_bodies(python, ([r] for r in records)), strict=True):
        begin = time.perf_counter()
        while not peer.post_spans(client, body):
            _check(peer, begin, "took no span")
        while not peer.has_trace(record["run_id"]):
            _check(peer, begin, "shows no trace")
        delays_ms.append((time.perf_counter() - begin) * 1e3)
    client.close()
    return delays_ms


def _check(peer: Peer, begin: float, what: str) -> None:
    if time.perf_counter() - begin > BUDGET_S:
        message = f"{peer.name} {what} in {BUDGET_S:.0f} s"
        raise RuntimeError(message)


def measure_tree(peer: Peer, python: str, run: int, spans: int) -> Iterator[Figure]:
    """Yield what reading a trace of so many spans takes, each ten below one, if it gets stored."""
    calls = [
        make_call(run, n, parent_span_id=f"{(n - 1) // 10 + 1:016x}" if n else None)
        for n in range(spans)
    ]
    batches = (calls[first : first + BATCH] for first in range(0, spans, BATCH))
    measure_delivery(peer, [encode_bodies(python, batches)], BATCH)
    run_id = calls[0]["run_id"]
    if (there := peer.read_tree(run_id)) == spans:
        what = f"ms, a tree of {spans:,} spans"
        yield Figure("P8", what, measure_answer(lambda: peer.read_tree(run_id)))
    else:
        print(f"{peer.name}: no tree, {there:,} of {spans:,} spans are there", file=sys.stderr)


def measure_answer(ask: Callable[[], int]) -> float:
    """Return the median milliseconds of five answers, fewer if they take a minute.

    Raises:
        RuntimeError: an answer was empty: that would not be what ours answers.

    """
    took_ms: list[float] = []
    while len(took_ms) < ROUNDS and sum(took_ms) < BUDGET_S * 1e3:
        begin = time.perf_counter()
        if not ask():
            message = "a peer's answer is empty: is its API another one?"
            raise RuntimeError(message)
        took_ms.append((time.perf_counter() - begin) * 1e3)
    return statistics.median(took_ms)


def main() -> None:
    """Measure the peers alone."""
    parser = argparse.ArgumentParser(description="The peers' figures under our workload")
    add_options(parser)
    parser.add_argument("--spans", type=int, default=2_000, help="spans in the store")
    parser.add_argument("--tree", type=int, action="append", help="spans of a tree; 1,000")
    options = parser.parse_args()
    measure_peers(options.peer_python, [], spans=options.spans, trees=options.tree or [1_000])


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the option that says where the peers are."""
    parser.add_argument("--peer-python", default=sys.executable, help="the peers' interpreter")


if __name__ == "__main__":
    main()
