"""What it takes to refuse a document that is dear to work on: the most of several times.

    PYTHONPATH=packages/server .venv/bin/python packages/server/benchmarks/bombs.py

The goal is 50 ms for each, over HTTP. Nothing is remembered between the rounds. The time of the
processor, in which client and server are together, is the one to look at on a busy machine.
"""

from __future__ import annotations

import gc
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.support.bombs import BOMBS
from tests.support.client import Client
from tests.support.thread import ServerThread

from agenttrace_server.workers import GC_THRESHOLDS

ROUNDS: Final = 10


def main() -> None:
    """Print a line for each bomb."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'agenttrace.db'}"
        with ServerThread(url) as server, Client(server.url) as client:
            client.ask("{ __typename }")
            gc.freeze()  # as the server's command does
            gc.set_threshold(*GC_THRESHOLDS)
            print(f"{'bomb':<24} {'bytes':>6} {'longest ms':>11} {'processor ms':>13}")
            for name, (text, _) in BOMBS.items():
                taken = [_measure(client, text, number) for number in range(ROUNDS)]
                wall_ms, processor_ms = (1_000 * max(times) for times in zip(*taken, strict=True))
                size = len(text.encode())
                print(f"{name:<24} {size:>6} {wall_ms:>11.1f} {processor_ms:>13.1f}")


def _measure(client: Client, text: str, number: int) -> tuple[float, float]:
    begun, begun_work = time.perf_counter(), time.process_time()
    # Another text each time: the caches must not help.
    answer = client.http.post("/graphql", json={"query": f"{text}#{number}"})
    taken = time.perf_counter() - begun, time.process_time() - begun_work
    assert "errors" in answer.json(), answer.text
    return taken


if __name__ == "__main__":
    main()
