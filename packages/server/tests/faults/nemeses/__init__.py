"""All faults by name: what happens to the server, and how often on one store."""

from __future__ import annotations

import tempfile
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

from packages.sdk.tests.faults.harness import Hang

from ..harness import Stage
from . import kills

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from packages.sdk.tests.faults.judge import Verdict

    Play = Callable[[Stage, Random, int], Verdict]


class Nemesis(NamedTuple):
    """`play(stage, choose, faults)`; `batch` is how many faults one store sees in large runs.

    `timeout_s` is how long its clients wait for an answer; `databases` are those it is made for.
    """

    play: Play
    batch: int = 1
    timeout_s: float = 10.0
    databases: tuple[str, ...] = ("sqlite", "postgresql")


NEMESES: Final[Mapping[str, Nemesis]] = {
    "kill9": Nemesis(kills.kill9, batch=10),
    "sigterm": Nemesis(kills.sigterm, batch=5),
    "sigstop": Nemesis(kills.sigstop, batch=3, timeout_s=1.0),
}


class Result(NamedTuple):
    """The verdict, and what the clients' requests came to."""

    verdict: Verdict
    outcomes: Mapping[str, int]


def run_nemesis(
    name: str, *, seed: int, faults: int, database_url: str = "", off: Sequence[str] = ()
) -> Result:
    """Play a nemesis in a folder of its own; the same seed makes the same choices.

    A process that hangs is a complaint of the verdict.
    """
    nemesis = NEMESES[name]
    with (
        tempfile.TemporaryDirectory(prefix="ledger-") as home,
        Stage(
            Path(home),
            database_url=database_url,
            seed=seed,
            off=off,
            timeout_s=nemesis.timeout_s,
        ) as stage,
    ):
        try:
            verdict = nemesis.play(stage, Random(seed), faults)
        except Hang as hang:
            verdict = stage.give_up(hang)
        return Result(verdict, dict(stage.load.outcomes))
