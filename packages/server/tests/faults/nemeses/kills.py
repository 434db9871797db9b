"""What ends a server: kill -9, SIGTERM; and what stops it for a while: SIGSTOP."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from random import Random

    from packages.sdk.tests.faults.judge import Verdict

    from ..harness import Stage

MAX_RECORDS: Final = 1_500
"""How many records more are acknowledged before the fault, at most: it comes at any moment."""
MAX_DELAY_S: Final = 0.05


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


def wait_a_moment(stage: Stage, choose: Random) -> None:
    """Wait for some records more to be acknowledged, and a moment beside that."""
    stage.load.wait_for(choose.randint(1, MAX_RECORDS))
    threading.Event().wait(choose.random() * MAX_DELAY_S)
