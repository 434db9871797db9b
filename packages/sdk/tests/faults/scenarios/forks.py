"""Processes that come of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

    from ..harness import Stage
    from ..judge import Verdict


def fork(stage: Stage, choose: Random, faults: int, *, flush_s: float) -> Verdict:
    """Fork while other threads record and hold what locks they hold; children end by `os._exit`.

    Without a flush what a child recorded in its last moments may be missing.
    """
    sink = stage.start_sink()
    child = stage.start_child(
        sink.endpoint,
        start_method="os.fork",
        processes=faults,
        threads=3,
        runs=choose.randint(20, 40),
        flush_s=flush_s,
    )
    stage.end(child)
    expect_word(stage, child.lines, "forked 0")
    return stage.drain(sink.endpoint)


def fork_sync(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Fork with records on the disk before the program goes on: raw `os._exit` loses none."""
    stage.settings["AGENTTRACE_DURABILITY"] = "sync"
    stage.window_ns = 0
    return fork(stage, choose, faults, flush_s=0.0)


def multiply(stage: Stage, choose: Random, faults: int, *, method: str) -> Verdict:
    """Record in processes of multiprocessing, which end without atexit."""
    sink = stage.start_sink()
    child = stage.start_child(
        sink.endpoint,
        start_method=method,
        processes=faults,
        runs=choose.randint(1, 5),
        settle_every=0,
    )
    stage.end(child)
    if method != "pool":
        expect_word(stage, child.lines, "joined 0")
    return stage.drain(sink.endpoint)


def expect_word(stage: Stage, lines: list[str], word: str) -> None:
    """Complain when the child did not say this."""
    if word not in lines:
        stage.complaints.append(f"the child did not say {word!r} but {lines[-3:]}")
