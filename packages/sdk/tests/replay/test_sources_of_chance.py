"""Time, chance and ids that a program draws from the tracer are served in a replay."""

from __future__ import annotations

import asyncio
import os
import random
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC, datetime
from random import choice, gauss
from typing import TYPE_CHECKING

import numpy as np
import pytest

from agenttrace import ConfigurationError, Tracer
from agenttrace.replay import NotReplayableError
from agenttrace.wrappers import trace_llm

if TYPE_CHECKING:
    from .conftest import Stage


def test_what_the_tracer_gives_is_given_again(stage: Stage) -> None:
    tracer = stage.tracer

    @trace_llm(tracer, model="m")
    def ask(prompt: str) -> str:
        stage.ran.append("ask")
        return f"answer to {prompt}"

    def main() -> list[object]:
        with tracer.run("agent"):
            drawn: list[object] = [tracer.now(), tracer.random(), tracer.uuid4(), tracer.uuid4()]
            return [*drawn, ask(f"it is {drawn}")]

    answers: list[list[object]] = []
    recorded = stage.record(lambda: answers.append(main()))
    session, again = stage.replay(recorded, main)
    assert [again] == answers
    assert stage.ran == []
    assert session.report.identical
    assert answers[0][2] != answers[0][3]


def test_outside_of_a_run_they_are_what_they_are() -> None:
    tracer = Tracer()
    assert tracer.now().tzinfo is UTC
    assert 0 <= tracer.random() < 1
    assert tracer.uuid4() != tracer.uuid4()


def test_what_python_gives_is_given_again_when_it_was_frozen(stage: Stage) -> None:
    drawn: list[str] = []

    @trace_llm(stage.tracer, model="m")
    def ask(prompt: str) -> str:
        stage.ran.append("ask")
        time.sleep(0.002)
        return f"answer {len(stage.ran)}"

    def main() -> str:
        with stage.tracer.freeze("time", "random", "uuid"), stage.tracer.run("dated"):
            answers = []
            for _ in range(3):
                text = f"{datetime.now(UTC)} {time.time_ns()} {random.random()} {uuid.uuid4()}"
                drawn.append(text)
                answers.append(ask(text))
            return " ".join(answers)

    before = random.getstate()
    recorded = stage.record(main)
    assert len(set(drawn)) == 3
    assert random.getstate() == before
    for _ in range(2):
        session, _ = stage.replay(recorded, main)
        assert session.report.identical
    assert stage.ran == []
    assert drawn[:3] == drawn[3:6] == drawn[6:]
    assert abs(time.time() - datetime.now(UTC).timestamp()) < 1
    assert uuid.uuid4() != uuid.uuid4()
    session, raised = stage.diverge(recorded, main, freeze=())
    assert raised.divergence.hint is not None
    assert "volatile: " in raised.divergence.hint


def test_what_was_not_frozen_cannot_be(stage: Stage) -> None:
    def main() -> None:
        with stage.tracer.run("plain"):
            pass

    recorded = stage.record(main)
    with pytest.raises(NotReplayableError, match="random"):
        stage.tracer.replay(recorded, freeze=["random"])
    with pytest.raises(ConfigurationError, match="weather"):
        stage.tracer.replay(recorded, freeze=["weather"])


def test_the_clock_of_a_replay_can_be_that_of_any_recording(stage: Stage) -> None:
    @trace_llm(stage.tracer, model="m")
    def ask(prompt: str) -> str:
        stage.ran.append("ask")
        return prompt

    shown: list[datetime] = []

    def main() -> None:
        with stage.tracer.run("agent"):
            ask("a")
            shown.append(datetime.now(UTC))

    recorded = stage.record(main)
    stage.replay(recorded, main, freeze=["time"])
    ((end_ns),) = [span.end_ns for span in recorded.spans]
    assert end_ns is not None
    assert shown[1] == datetime.fromtimestamp(end_ns // 1_000_000_000, UTC).replace(
        microsecond=end_ns // 1_000 % 1_000_000
    )


class Workers:
    """Two workers that take turns, each drawing from all there is before it asks a model."""

    def __init__(self, stage: Stage) -> None:
        self.turns = "aabb"
        self.asked: dict[str, list[str]] = {}

        @trace_llm(stage.tracer, model="m")
        def ask(prompt: str) -> str:
            stage.ran.append(prompt)
            return prompt.upper()

        self._ask = ask

    def draw(self) -> str:
        """Return a text of drawn numbers."""
        drawn = (random.random(), random.randint(1, 99), gauss(0, 1), random.getrandbits(9))
        return f"{drawn} {choice('xyz')} {np.random.rand()} {uuid.uuid4()}"  # noqa: NPY002 -- what programs use

    def step(self, name: str) -> None:
        """Let a worker draw and ask."""
        self.asked[name].append(self._ask(f"{name} {self.draw()}"))

    def play_threads(self) -> None:
        """Let them be threads."""
        self.asked = {"a": [], "b": []}
        pools = {name: ThreadPoolExecutor(1) for name in "ab"}
        contexts = {name: copy_context() for name in "ab"}
        for name in "ab":
            pools[name].submit(contexts[name].run, self.draw).result()
        for name in self.turns:
            pools[name].submit(contexts[name].run, self.step, name).result()
        for pool in pools.values():
            pool.shutdown()

    async def play_tasks(self) -> None:
        """Let them be tasks."""
        self.asked = {"a": [], "b": []}
        events = [asyncio.Event() for _ in range(len(self.turns) + 1)]

        async def work(name: str) -> None:
            self.draw()  # both come to their lanes in the order in which they are made
            for place in [at for at, turn in enumerate(self.turns) if turn == name]:
                await events[place].wait()
                self.step(name)
                events[place + 1].set()

        tasks = [asyncio.create_task(work(name)) for name in "ab"]
        events[0].set()
        await asyncio.gather(*tasks)


@pytest.mark.parametrize("is_threaded", [False, True])
def test_each_lane_draws_from_a_source_of_its_own(stage: Stage, *, is_threaded: bool) -> None:
    """Two workers take turns otherwise in each replay: neither is given what the other drew."""
    workers = Workers(stage)

    def main() -> None:
        with stage.tracer.freeze("random", "uuid"), stage.tracer.run("workers"):
            if is_threaded:
                workers.play_threads()
            else:
                asyncio.run(workers.play_tasks())

    recorded = stage.record(main)
    asked = workers.asked
    assert len({answer.partition(" ")[2] for each in asked.values() for answer in each}) == 4
    for order in ("aabb", "abab", "bbaa", "baba"):
        workers.turns = order
        session, _ = stage.replay(recorded, main, order="immediate")
        assert session.report.identical, order
        assert workers.asked == asked
    assert stage.ran == []


def read_arrays() -> list[int]:
    """Return the state of what numpy's functions draw from."""
    state = np.random.get_state(legacy=False)  # noqa: NPY002 -- as above
    return list(state["state"]["key"])


def test_chance_is_what_it_was_after_it_was_held_still(stage: Stage) -> None:
    """Functions, their states and numpy's are put back, also those that were taken out before."""
    before, arrays = random.getstate(), read_arrays()
    known = {name: getattr(random, name) for name in ("random", "seed", "choice", "getstate")}
    with stage.tracer.freeze("random", "uuid"), stage.tracer.run("plain"):
        held = [random.random(), choice("xyz"), random.gauss(0, 1), float(np.random.rand())]  # noqa: NPY002 -- as above
        random.seed(7)
        assert random.random() == random.Random(7).random()
    assert held
    assert {name: getattr(random, name) for name in known} == known
    assert (random.getstate(), read_arrays()) == (before, arrays)
    assert type(known["choice"].__self__) is random.Random
    assert uuid.os is os  # type: ignore[attr-defined]  # its module's own name
