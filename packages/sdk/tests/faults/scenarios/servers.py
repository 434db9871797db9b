"""Servers that are away, slow, confused or hostile while a program records and when it ends."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from random import Random

    from ..harness import Stage
    from ..judge import Verdict

RUNS: Final = 20

AWAY: Final[dict[str, dict[str, Any]]] = {
    "refuse": {"mode": "refuse"},
    "black_hole": {"mode": "black_hole"},
    "slow": {"mode": "slow", "seconds": 30.0},
    "drip": {"mode": "drip", "seconds": 1.0},
    "reset_before": {"mode": "reset_before"},
    "reset_after": {"mode": "reset_after"},
    "reset_within": {"mode": "reset_within"},
    "ack_lost": {"mode": "ack_lost"},
    "429_forever": {"mode": "status", "status": 429, "retry_after": "1"},
    "503_forever": {"mode": "status", "status": 503, "retry_after": "3600"},
}
"""What lasts until the program has ended: a later process delivers all of it."""

PASSING: Final[dict[str, dict[str, Any]]] = {
    "reset_once": {"mode": "reset_after", "times": 1},
    "ack_lost_once": {"mode": "ack_lost", "times": 1},
    "503_twice": {"mode": "status", "status": 503, "retry_after": "0", "times": 2},
    "429_date": {
        "mode": "status",
        "status": 429,
        "retry_after": "Fri, 01 Jan 2021 00:00:00 GMT",
        "times": 1,
    },
    "429_garbage": {"mode": "status", "status": 429, "retry_after": "soon", "times": 1},
    "500_twice": {"mode": "status", "status": 500, "times": 2},
}
"""What passes while the program runs: it delivers all of it itself."""

REFUSING: Final[dict[str, dict[str, Any]]] = {
    "401": {"mode": "status", "status": 401},
    "403": {"mode": "status", "status": 403},
    "404": {"mode": "status", "status": 404},
    "415": {"mode": "status", "status": 415},
    "html": {"mode": "html"},
    "huge": {"mode": "huge"},
}
"""What is no server of records: nothing arrives, everything is kept or counted."""


def be_away(
    stage: Stage, choose: Random, faults: int, *, name: str, imports: tuple[str, ...] = ()
) -> Verdict:
    """End the program while the server is away, and measure how long its exit takes."""
    sink = stage.start_sink()
    for _ in range(faults):
        sink.obey(**AWAY[name])
        child = stage.start_child(sink.endpoint, runs=choose.randint(1, RUNS), imports=imports)
        stage.end(child)
    sink.obey("store")
    return stage.drain(sink.endpoint)


def come_back(stage: Stage, choose: Random, faults: int, *, name: str) -> Verdict:
    """Let it pass while the program runs and waits for its flush."""
    sink = stage.start_sink()
    for _ in range(faults):
        sink.obey(**PASSING[name])
        child = stage.start_child(sink.endpoint, runs=choose.randint(1, RUNS), flush_s=30.0)
        stage.end(child)
    return stage.drain(sink.endpoint)


def refuse_all(stage: Stage, choose: Random, faults: int, *, name: str) -> Verdict:
    """Answer as something else does; afterwards the right server is there."""
    sink = stage.start_sink()
    for _ in range(faults):
        sink.obey(**REFUSING[name])
        child = stage.start_child(sink.endpoint, runs=choose.randint(1, RUNS))
        stage.end(child)
    sink.obey("store")
    return stage.drain(sink.endpoint)


def redirect(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Send the client, which has a key, on to another host: it does not go there."""
    stage.settings["AGENTTRACE_API_KEY"] = "a key for one host"
    other, sink = stage.start_sink(), stage.start_sink()
    for _ in range(faults):
        sink.obey("redirect", location=f"{other.endpoint}/ingest")
        stage.end(stage.start_child(sink.endpoint, runs=choose.randint(1, RUNS)))
    if other.requests():
        stage.complaints.append(f"the other host was sent {other.requests()}")
    sink.obey("store")
    return stage.drain(sink.endpoint)


def start_again(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Go away and come back while one program records on."""
    sink = stage.start_sink()
    child = stage.start_child(sink.endpoint, runs=0, pause_s=0.001)
    runs = 0
    for _ in range(faults):
        runs += choose.randint(5, 30)
        child.wait_for("run", count=runs)
        sink.obey("refuse")
        runs += choose.randint(5, 30)
        child.wait_for("run", count=runs)
        sink.obey("store")
    stage.kill(child)
    return stage.drain(sink.endpoint)


def stop_server(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Halt the server (SIGSTOP): its port takes connections, and nobody answers; then go on."""
    sink = stage.start_sink()
    for _ in range(faults):
        child = stage.start_child(sink.endpoint, runs=choose.randint(10, RUNS), pause_s=0.001)
        child.wait_for("run", count=choose.randint(1, 5))
        sink.send(signal.SIGSTOP)
        stage.end(child)
        sink.send(signal.SIGCONT)
    return stage.drain(sink.endpoint)


def poison(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Refuse every request with one certain span in it: all the others are delivered."""
    sink = stage.start_sink()
    sink.obey("poison")
    for _ in range(faults):
        spans = choose.randint(20, 100)
        child = stage.start_child(
            sink.endpoint, runs=1, spans=spans, poison=choose.randint(1, spans), flush_s=30.0
        )
        stage.end(child)
    verdict = stage.drain(sink.endpoint)
    given_up = sum(verdict.dropped.values())
    if given_up > 2 * faults:  # its start and its end
        stage.complaints.append(f"{given_up} records were given up for {faults} poisoned spans")
    return stage.judge()


def too_large(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Take few lines at a time: the batches are split until they fit."""
    sink = stage.start_sink()
    sink.obey("too_large", limit=choose.randint(1, 7))
    for _ in range(faults):
        child = stage.start_child(sink.endpoint, runs=choose.randint(1, 5), flush_s=30.0)
        stage.end(child)
    verdict = stage.drain(sink.endpoint)
    if verdict.dropped:
        stage.complaints.append(f"records were given up: {dict(verdict.dropped)}")
    return stage.judge()
