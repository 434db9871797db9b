"""What ends a server: kill -9, SIGTERM; and what stops it for a while: SIGSTOP."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from packages.sdk.tests.faults.harness import Hang, wait_until

from ..tracing import require_strace

if TYPE_CHECKING:
    from random import Random

    from packages.sdk.tests.faults.judge import Verdict

    from ..harness import Stage

MAX_RECORDS: Final = 500
"""How many records more are acknowledged before the fault, at most: it comes at any moment."""
MAX_DELAY_S: Final = 0.05
MAX_WRITES: Final = 60
"""Fewer than the writes that make an empty store."""


def kill9(stage: Stage, choose: Random, faults: int) -> Verdict:
    """The server is killed under load, at a random moment, and started again."""
    stage.start()
    stage.load.start()
    for _ in range(faults):
        wait_a_moment(stage, choose)
        stage.kill()
        stage.start()
    return stage.finish()


def sigterm(stage: Stage, choose: Random, faults: int) -> Verdict:
    """The server is asked to end under load: it answers what it has begun, and ends with 0."""
    stage.start()
    stage.load.start()
    for _ in range(faults):
        wait_a_moment(stage, choose)
        stage.load.hold()  # each client ends its request, and sends none again
        stage.terminate()
        stage.load.wait_for_hold()
        stage.start()
        complain_of_cut_requests(stage)
        stage.load.resume()
    return stage.finish()


def complain_of_cut_requests(stage: Stage) -> None:
    """Complain of requests that were carried out and never answered; the clients hold."""
    waiting = {
        (entry.token, phase)
        for batch in stage.load.waiting.values()
        for entry in batch.entries
        for phase in entry.phases
    }
    stored = {(each.token, each.phase) for each in stage.read().sightings}
    for token, phase in sorted(waiting & stored)[:5]:
        stage.complaints.append(f"{token}/{phase} was stored; its request was cut off")


def sigstop(stage: Stage, choose: Random, faults: int) -> Verdict:
    """The server stands still for longer than its clients wait, and goes on."""
    stage.start()
    stage.load.start()
    for _ in range(faults):
        wait_a_moment(stage, choose)
        server = stage.get_server()
        server.send(signal.SIGSTOP)
        stage.load.wait_for_outcomes(1, "late")
        server.send(signal.SIGCONT)
        stage.load.wait_for(1)
    return stage.finish()


def rolling(stage: Stage, choose: Random, faults: int) -> Verdict:
    """One of two workers ends, now as it is asked to, now killed, and another one comes."""
    server = stage.start(flags=("--workers", "2"))
    stage.load.start()
    for number in range(faults):
        wait_a_moment(stage, choose)
        before = list_workers(server.pid)
        os.kill(choose.choice(before), signal.SIGKILL if number % 2 else signal.SIGTERM)
        wait_until(
            lambda old=before: len({*list_workers(server.pid)} - {*old}) == 1,  # type: ignore[misc]
            what="another worker has come",
        )
    return stage.finish()


def parent_kill(stage: Stage, choose: Random, faults: int) -> Verdict:
    """The process that minds the workers is killed: they end with it, and the next can start."""
    flags = ("--workers", "2")
    stage.start(flags=flags)
    stage.load.start()
    for _ in range(faults):
        wait_a_moment(stage, choose)
        stage.kill()
        stage.start(flags=flags)
    return stage.finish()


def list_workers(pid: int) -> list[int]:
    """Return the ids of a server's worker processes."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(each) for each in text.split() if b"spawn_main" in _read_command(int(each))]


def _read_command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has ended since
        return b""


def start_kill(stage: Stage, choose: Random, faults: int) -> Verdict:
    """The server is killed while it makes its store, at some write; the next one has it whole."""
    require_strace()
    for _ in range(faults):
        for path in stage.database.parent.glob("*"):
            path.unlink()
        with suppress(Hang):  # it is to be killed before it listens
            inject = f"inject=pwrite64:signal=SIGKILL:when={choose.randint(1, MAX_WRITES)}"
            stage.start(prefix=("strace", "-f", "-qq", "-o", "/dev/null", "-e", inject))
            stage.complaints.append("the server was not killed")
        stage.start()
        stage.read_some()
        stage.kill()
    stage.start()
    stage.load.start()
    wait_a_moment(stage, choose)
    return stage.finish()


def wait_a_moment(stage: Stage, choose: Random) -> None:
    """Wait for some records more to be acknowledged, and a moment beside that."""
    stage.load.wait_for(choose.randint(1, MAX_RECORDS))
    threading.Event().wait(choose.random() * MAX_DELAY_S)
