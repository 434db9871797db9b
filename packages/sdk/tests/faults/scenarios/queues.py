"""More records than can be taken: what is dropped is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

    from ..harness import Stage
    from ..judge import Verdict


def overflow(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Record as fast as possible in front of a slow server, with room for few records."""
    stage.settings |= {
        "AGENTTRACE_QUEUE_MAX_RECORDS": str(choose.randint(20, 200)),
        "AGENTTRACE_SHUTDOWN_TIMEOUT_S": "0.5",
    }
    sink = stage.start_sink()
    for _ in range(faults):
        sink.obey("slow", seconds=0.2)
        child = stage.start_child(sink.endpoint, runs=8, spans=100, settle_every=0)
        stage.end(child)
    sink.obey("store")
    return stage.drain(sink.endpoint)


def burst_100k(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Record 100,000 spans in one run without a pause; the server is there."""
    del choose
    sink = stage.start_sink()
    for _ in range(faults):
        child = stage.start_child(
            sink.endpoint, runs=1, spans=100_000, flush_s=60.0, measures_memory=True
        )
        stage.end(child)
    return stage.drain(sink.endpoint)


def large(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Record 300 MB in spans of 200 kB without a pause, with no server."""
    del choose
    sink = stage.start_sink()
    sink.obey("refuse")
    for _ in range(faults):
        child = stage.start_child(
            sink.endpoint, runs=150, spans=10, text_chars=100_000, measures_memory=True
        )
        stage.end(child)
    sink.obey("store")
    return stage.drain(sink.endpoint)


def burst(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Record without pause, with the limits as they are and the server away."""
    sink = stage.start_sink()
    for _ in range(faults):
        sink.obey("refuse")
        child = stage.start_child(
            sink.endpoint, runs=10, spans=choose.randint(500, 1_000), settle_every=0
        )
        stage.end(child)
    sink.obey("store")
    return stage.drain(sink.endpoint)
