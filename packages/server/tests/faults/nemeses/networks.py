"""Connections that break: in the request, after the commit, in the answer; and those that stall."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from packages.sdk.tests.faults.harness import wait_until

from ..proxy import Cut, Direction, Proxy
from .kills import wait_a_moment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from packages.sdk.tests.faults.judge import Verdict

    from ..harness import Stage

CUTS: Final = 20
"""How many connections are cut each time."""
STALLERS: Final = 30
_QUERY: Final = "{ runs(first: 100) { edges { node { name input { json } output { json } } } } }"

_HEAD: Final = (
    b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
)


def reset(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Connections are reset anywhere in the request, or anywhere in the answer."""
    return _cut(stage, choose, faults, ("request", "answer"))


def ack_lost(stage: Stage, choose: Random, faults: int) -> Verdict:
    """The server has committed, and its answer never arrives: what is sent again is there once."""
    return _cut(stage, choose, faults, ("answer",), share=0.0)


def _cut(
    stage: Stage,
    choose: Random,
    faults: int,
    directions: tuple[Direction, ...],
    share: float | None = None,
) -> Verdict:
    stage.start()
    with Proxy(stage.port) as proxy:
        stage.load.lead_through(proxy.port)
        stage.load.start()
        for _ in range(faults):
            wait_a_moment(stage, choose)
            before = stage.load.outcomes["cut"]
            for _ in range(CUTS):
                where = choose.choice(directions)
                proxy.cut(Cut(where, choose.random() if share is None else share))
            wait_until(lambda: proxy.is_idle, what="all connections are cut")
            stage.load.wait_for(1)
            stage.counts["cut"] += stage.load.outcomes["cut"] - before
        verdict = stage.finish()
    if not stage.counts["cut"]:
        return verdict._replace(complaints=(*verdict.complaints, "no client noticed"))
    return verdict


def slow_read(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Answers reach the clients a few bytes at a time; others stall and never read on."""
    stage.start()
    with Proxy(stage.port) as proxy:
        stage.load.lead_through(proxy.port)
        stage.load.start()
        for _ in range(faults):
            wait_a_moment(stage, choose)
            proxy.is_trickling = True
            stage.load.wait_for_outcomes(4, "200")
            proxy.is_trickling = False
        return stage.finish()


def half_open(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Others begin requests and never end them, or ask much and never read: nobody waits for it."""
    stage.start()
    stage.load.start()
    for _ in range(faults):
        wait_a_moment(stage, choose)
        with stall(stage.port, count=STALLERS):
            stage.load.wait_for_outcomes(20, "200")
            stage.read_some()
    return stage.finish()


@contextmanager
def stall(port: int, *, count: int, asks: bool = True) -> Iterator[None]:
    """Keep so many connections that began something and wait within the block.

    With `asks` every fourth has asked a question, whose answer it does not read.
    """
    query = json.dumps({"query": _QUERY}).encode()
    pieces: tuple[bytes, ...] = (
        b"",
        b"POST /api/inge",
        _HEAD % (b"/api/ingest", b"application/x-ndjson", 1_000) + b'{"v":1',
        _HEAD % (b"/graphql", b"application/json", len(query)) + query,
    )
    if not asks:
        pieces = pieces[:-1]
    with ExitStack() as ends:
        for number in range(count):
            end = ends.enter_context(socket.create_connection(("127.0.0.1", port)))
            end.sendall(pieces[number % len(pieces)])
        yield
