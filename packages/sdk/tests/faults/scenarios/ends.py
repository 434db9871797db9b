"""How a program may end: by itself, or by a signal that it can take."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Final

from ..child import SYS_EXIT

if TYPE_CHECKING:
    from random import Random

    from ..harness import Stage
    from ..judge import Verdict

CODES: Final = {"return": 0, "sys_exit": SYS_EXIT, "raise": 1, "os_exit": 0}


def end_normally(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Return from the program, exit, or raise out of it, with the server up or away."""
    sink = stage.start_sink()
    for _ in range(faults):
        sink.obey(choose.choice(("store", "store", "refuse")))
        end = choose.choice(("return", "sys_exit", "raise"))
        runs = choose.randint(1, 30)
        child = stage.start_child(sink.endpoint, runs=runs, end=end, settle_every=0)
        stage.end(child, code=CODES[end])
    sink.obey("store")
    return stage.drain(sink.endpoint)


def end_by_os_exit(stage: Stage, choose: Random, faults: int) -> Verdict:
    """End by `os._exit`, which runs no hook of anyone's."""
    sink = stage.start_sink()
    for _ in range(faults):
        sink.obey(choose.choice(("store", "refuse")))
        runs = choose.randint(1, 30)
        child = stage.start_child(sink.endpoint, runs=runs, end="os_exit", settle_every=0)
        stage.end(child)
    sink.obey("store")
    return stage.drain(sink.endpoint)


def end_by_os_exit_sync(stage: Stage, choose: Random, faults: int) -> Verdict:
    """End by `os._exit` with records on the disk before the program goes on: all are there."""
    stage.settings["AGENTTRACE_DURABILITY"] = "sync"
    stage.window_ns = 0
    return end_by_os_exit(stage, choose, faults)


def end_by_signal(
    stage: Stage, choose: Random, faults: int, *, number: signal.Signals, handling: str
) -> Verdict:
    """Send a signal in the middle of recording: the exit code is what it is without a recorder."""
    sink = stage.start_sink()
    code = find_bare_code(stage, number, handling)
    for _ in range(faults):
        child = stage.start_child(sink.endpoint, runs=0, signals=handling, settle_every=0)
        child.wait_for("run", count=choose.randint(1, 40))
        # Python forgets that it was interrupted when a module with dataclasses is imported after
        # it, by any thread, and the HTTP client's first request imports some.
        sink.wait_for_requests(1)
        child.send(number)
        if handling == "ignored":
            child.wait_for_more("run", 10)
            stage.kill(child)
        else:
            stage.end(child, code=code)
    return stage.drain(sink.endpoint)


def find_bare_code(stage: Stage, number: signal.Signals, handling: str) -> int:
    """Return the exit code of the same program when it is not recorded."""
    if handling == "ignored":
        return 0
    elsewhere = stage.folder / "bare"
    elsewhere.mkdir()
    child = stage.start_child("", folder=str(elsewhere), runs=0, signals=handling)
    child.wait_for("run", count=3)
    child.send(number)
    return child.wait()


def end_without_threads(stage: Stage, choose: Random, faults: int) -> Verdict:
    """No thread can be started any more when the program ends, as from Python 3.12 on."""
    stage.off = (*stage.off, "threads")
    sink = stage.start_sink()
    for _ in range(faults):
        child = stage.start_child(sink.endpoint, runs=choose.randint(1, 10), settle_every=0)
        stage.end(child)
        if "Traceback" in child.read_errors():
            stage.complaints.append(f"a traceback at the end: {child.read_errors()}")
    verdict = stage.drain(sink.endpoint)
    if verdict.dropped:
        stage.complaints.append(f"what could be sent without a thread was not: {verdict.dropped}")
    return stage.judge()
