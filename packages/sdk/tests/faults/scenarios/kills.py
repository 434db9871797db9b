"""Processes that are killed with SIGKILL, and servers that are."""

from __future__ import annotations

import signal
import stat
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from random import Random

    from ..harness import Child, Stage
    from ..judge import Verdict

MODES: Final = ("store", "refuse", "black_hole", "status")
AT_ONCE: Final = 2
SETTLE_S: Final = 2.0


def kill9(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Kill children, two at a time, at random moments; the server is up or away in some way."""
    sink = stage.start_sink()
    running: list[Child] = []
    for number in range(faults):
        sink.obey(choose.choice(MODES))
        while len(running) < min(AT_ONCE, faults - number):
            running.append(start_worker(stage, choose, sink.endpoint))
        child = running.pop(choose.randrange(len(running)))
        kill_at_random(stage, choose, child)
    find_open_files(stage)
    sink.obey("store")
    return stage.drain(sink.endpoint)


def kill9_down(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Kill children whose server was away from the beginning: nothing but the disk has it."""
    sink = stage.start_sink()
    sink.obey("refuse")
    for _ in range(faults):
        kill_at_random(stage, choose, start_worker(stage, choose, sink.endpoint))
    sink.obey("store")
    return stage.drain(sink.endpoint)


def kill9_sync(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Kill children whose records are on the disk before the program goes on: no window at all."""
    stage.settings["AGENTTRACE_DURABILITY"] = "sync"
    stage.window_ns = 0
    return kill9(stage, choose, faults)


def kill9_settled(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Kill children that wait, and by the recorder's own word have all in safety: no server."""
    sink = stage.start_sink()
    sink.obey("refuse")
    for _ in range(faults):
        child = stage.start_child(
            sink.endpoint, runs=choose.randint(1, 10), settle_s=SETTLE_S, end="wait"
        )
        child.wait_for("done")
        if "settled" not in child.lines:
            stage.complaints.append(f"what it recorded was not in safety after {SETTLE_S:g} s")
        stage.kill(child)
    sink.obey("store")
    return stage.drain(sink.endpoint)


def kill9_open(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Kill children within a run that is open: its start must be there."""
    sink = stage.start_sink()
    for _ in range(faults):
        child = stage.start_child(sink.endpoint, stays_open=True, runs=choose.randint(1, 5))
        child.wait_for("open")
        stage.kill(child)
    return stage.drain(sink.endpoint)


def kill9_server(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Kill or end the real server under a child that records on, and start it again."""
    server, endpoint = stage.start_server()
    child = stage.start_child(endpoint, runs=0, pause_s=0.002)
    port = int(endpoint.rpartition(":")[2].partition("/")[0])
    runs = 0
    for _ in range(faults):
        runs += choose.randint(5, 40)
        child.wait_for("run", count=runs)
        server.send(choose.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM)))
        server.wait()
        runs += choose.randint(1, 10)
        child.wait_for("run", count=runs)
        server, _ = stage.start_server(port=port)
    stage.kill(child)
    return stage.drain(endpoint)


def kill9_both(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Kill children that send to the real server."""
    _, endpoint = stage.start_server()
    for _ in range(faults):
        kill_at_random(stage, choose, start_worker(stage, choose, endpoint))
    return stage.drain(endpoint)


def start_worker(stage: Stage, choose: Random, endpoint: str) -> Child:
    """Start a child that records without end, in a way of its own."""
    return stage.start_child(
        endpoint,
        ready=False,
        runs=0,
        spans=choose.randint(1, 20),
        text_chars=choose.choice((40, 400, 4_000)),
        threads=choose.randint(1, 3),
        pause_s=choose.choice((0.0, 0.001, 0.005)),
        settle_every=choose.randint(1, 4),
    )


def kill_at_random(stage: Stage, choose: Random, child: Child) -> None:
    """Kill a child after some runs, at any moment of the next."""
    child.wait_for("run", count=choose.randint(1, 40))
    threading.Event().wait(choose.random() * 0.02)
    stage.kill(child)


def find_open_files(stage: Stage) -> None:
    """Complain of what other users could read."""
    for path in stage.state.rglob("*"):
        mode = path.lstat().st_mode
        if stat.S_IMODE(mode) & 0o077:
            stage.complaints.append(f"{path} has mode {stat.filemode(mode)}")
