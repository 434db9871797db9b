"""Whose answer a call gets where calls are alike: its own, by all that tells them apart."""

from __future__ import annotations

import asyncio
import os
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agenttrace.replay import DivergenceKind, ReplayDivergence
from agenttrace.wrappers import trace_agent, trace_tool

from .conftest import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

REPLAYS = 20
IMPATIENT: dict[str, Any] = {"order_timeout_s": 0}


def jitter_s() -> float:
    return os.urandom(1)[0] / 128_000  # up to 2 ms


def _make_workers(stage: Stage, *, has_span: bool) -> Callable[[list[int]], dict[int, list[str]]]:
    """Return what runs tasks in this order: each begins with a call that all make alike."""

    @trace_tool(stage.tracer)
    async def begin() -> str:
        stage.ran.append("begin")
        await asyncio.sleep(jitter_s())
        return "ready"

    @trace_tool(stage.tracer)
    async def work(n: int, step: int) -> str:
        stage.ran.append("work")
        await asyncio.sleep(jitter_s())
        return f"answer {n} {step} {os.urandom(4).hex()}"

    async def serve(n: int) -> list[str]:
        await asyncio.sleep(jitter_s())
        with stage.tracer.span("worker") if has_span else nullcontext():
            return [await begin(), *[await work(n, step) for step in range(3)]]

    async def play(order: list[int]) -> dict[int, list[str]]:
        async with stage.tracer.run("agent"):
            found = await asyncio.gather(*[serve(n) for n in order])
        return dict(zip(order, found, strict=True))

    return lambda order: asyncio.run(play(order))


@pytest.mark.parametrize("has_span", [False, True], ids=["tasks", "tasks with a span"])
def test_tasks_that_begin_alike_are_told_apart_by_what_they_do_next(
    stage: Stage, *, has_span: bool
) -> None:
    play = _make_workers(stage, has_span=has_span)
    answers: list[Any] = []
    recorded = stage.record(lambda: answers.append(play([0, 1, 2, 3])))
    for replay in range(REPLAYS):
        order = [0, 1, 2, 3]
        random.Random(replay).shuffle(order)
        session, again = stage.replay(recorded, partial(play, order), **IMPATIENT)
        assert session.report.divergences == []
        assert again == answers[0]
        assert session.report.identical
    assert stage.ran == []


@pytest.mark.parametrize("has_span", [False, True], ids=["jobs", "jobs with a span"])
def test_jobs_of_a_pool_get_their_own_answers_in_any_order(stage: Stage, *, has_span: bool) -> None:
    @trace_tool(stage.tracer)
    def work(n: int, step: int) -> str:
        stage.ran.append("work")
        return f"answer {n} {step} {os.urandom(4).hex()}"

    def serve(n: int) -> list[str]:
        with stage.tracer.span("worker") if has_span else nullcontext():
            return [work(0, 0), *[work(n, step) for step in range(1, 3)]]

    def play(order: list[int]) -> dict[int, list[str]]:
        with stage.tracer.run("agent"), ThreadPoolExecutor(3) as pool:
            jobs = [pool.submit(stage.tracer.propagate(serve), n) for n in order]
            found = [job.result()[1:] for job in jobs]
        return dict(zip(order, found, strict=True))

    answers: list[Any] = []
    recorded = stage.record(lambda: answers.append(play([1, 2, 3, 4])))
    for replay in range(REPLAYS):
        order = [1, 2, 3, 4]
        random.Random(replay).shuffle(order)
        session, again = stage.replay(recorded, partial(play, order), **IMPATIENT)
        kinds = {each.kind for each in session.report.divergences}
        assert kinds <= {DivergenceKind.AMBIGUOUS}  # work(0, 0) answers each otherwise
        assert again == answers[0]
    assert stage.ran == []


def _make_clients(stage: Stage, names: list[str]) -> Callable[[list[str]], Any]:
    class Client:
        def __init__(self, name: str) -> None:
            self.name = name

        @trace_tool(stage.tracer)
        async def fetch(self, query: str) -> str:
            stage.ran.append("fetch")
            await asyncio.sleep(jitter_s())
            return f"{self.name} {query} {os.urandom(4).hex()}"

    clients = {name: Client(name) for name in names}

    async def play(order: list[str]) -> dict[str, str]:
        async def ask(name: str) -> str:
            await asyncio.sleep(jitter_s())
            return await clients[name].fetch("x")

        async with stage.tracer.run("agent"):
            found = await asyncio.gather(*[ask(name) for name in order])
        return dict(zip(order, found, strict=True))

    return lambda order: asyncio.run(play(order))


def test_methods_of_several_objects_get_their_own_answers(stage: Stage) -> None:
    play = _make_clients(stage, ["a", "b", "c"])
    answers: list[Any] = []
    recorded = stage.record(lambda: answers.append(play(["a", "b", "c"])))
    for replay in range(REPLAYS):
        order = ["a", "b", "c"]
        random.Random(replay).shuffle(order)
        session, again = stage.replay(recorded, partial(play, order), **IMPATIENT)
        assert again == answers[0]
        assert session.report.divergences == []
        assert session.report.identical
    assert stage.ran == []


def test_what_nothing_tells_apart_is_said_to_be_ambiguous(stage: Stage) -> None:
    """Equal calls under way together, other answers: no replay knows whose is whose."""

    class Bare:
        @trace_tool(stage.tracer)
        async def fetch(self, query: str) -> str:
            stage.ran.append("fetch")
            await asyncio.sleep(0.005)
            return os.urandom(4).hex()

    one, other = Bare(), Bare()

    async def play(*order: Bare) -> None:
        async with stage.tracer.run("agent"):
            await asyncio.gather(*[each.fetch("x") for each in order])

    recorded = stage.record(lambda: asyncio.run(play(one, other)))
    session, _ = stage.replay(recorded, lambda: asyncio.run(play(other, one)))
    (told,) = session.report.divergences
    assert told.kind is DivergenceKind.AMBIGUOUS
    assert told.hint is not None
    assert "replay_key" in told.hint
    assert not session.report.identical
    assert session.report.exit_code == 0
    stage.diverge(recorded, lambda: asyncio.run(play(other, one)), on={"ambiguous": "raise"})


def test_a_replay_key_tells_apart_what_nothing_else_does(stage: Stage) -> None:
    class Keyed:
        def __init__(self, key: bytes) -> None:
            self.key = key

        @trace_tool(stage.tracer, replay_key=lambda self, _query: self.key.hex())
        async def fetch(self, query: str) -> str:
            await asyncio.sleep(jitter_s())
            return self.key.hex()

    async def play(order: list[bytes]) -> None:
        async with stage.tracer.run("agent"):
            found = await asyncio.gather(*[Keyed(key).fetch("x") for key in order])
        assert found == [key.hex() for key in order]

    recorded = stage.record(lambda: asyncio.run(play([b"a", b"b"])))
    session, _ = stage.replay(recorded, lambda: asyncio.run(play([b"b", b"a"])), **IMPATIENT)
    assert session.report.identical


def test_equal_calls_with_one_answer_are_not_ambiguous(stage: Stage) -> None:
    @trace_tool(stage.tracer)
    async def ping() -> str:
        await asyncio.sleep(0.001)
        return "pong"

    async def play() -> None:
        async with stage.tracer.run("agent"):
            await asyncio.gather(*[ping() for _ in range(3)])

    recorded = stage.record(lambda: asyncio.run(play()))
    session, _ = stage.replay(recorded, lambda: asyncio.run(play()))
    assert session.report.identical


def test_equal_calls_one_after_the_other_are_not_ambiguous(stage: Stage) -> None:
    """Each in a lane of its own, as `to_thread` makes them: the recording says which was first."""

    @trace_tool(stage.tracer)
    def poll() -> int:
        stage.ran.append("poll")
        return len(stage.ran)

    async def play() -> list[int]:
        async with stage.tracer.run("agent"):
            return [await asyncio.to_thread(poll) for _ in range(3)]

    recorded = stage.record(lambda: asyncio.run(play()))
    session, again = stage.replay(recorded, lambda: asyncio.run(play()))
    assert again == [1, 2, 3]
    assert session.report.identical


@pytest.mark.parametrize("mode", ["lenient", "cache"])
def test_an_added_call_takes_no_answer_away(stage: Stage, mode: str) -> None:
    """A recorded call with just this input wins over the place of any other."""

    @trace_tool(stage.tracer, effect="read")
    def work(n: int) -> str:
        stage.ran.append(f"work {n}")
        return f"answer {n}"

    def play(*inputs: int) -> Callable[[], list[str]]:
        def main() -> list[str]:
            with stage.tracer.run("agent"):
                return [work(n) for n in inputs]

        return main

    recorded = stage.record(play(1, 2, 3))
    session, again = stage.replay(recorded, play(0, 1, 2, 3), mode=mode)
    assert again[1:] == ["answer 1", "answer 2", "answer 3"]
    kinds = [each.kind for each in session.report.divergences]
    assert kinds == [DivergenceKind.INPUT_CHANGED]
    assert stage.ran == (["work 0"] if mode == "cache" else [])


def test_what_ran_live_after_a_divergence_is_not_missing(stage: Stage) -> None:
    @trace_tool(stage.tracer, effect="read")
    def work(n: int) -> str:
        stage.ran.append(f"work {n}")
        return f"answer {n}"

    def play(*inputs: int) -> Callable[[], list[str]]:
        def main() -> list[str]:
            with stage.tracer.run("agent"):
                return [work(n) for n in inputs]

        return main

    recorded = stage.record(play(1, 2, 3, 4))
    session, _ = stage.replay(recorded, play(1, 20, 3, 4), mode="live_after_divergence")
    assert [each.kind for each in session.report.divergences] == [DivergenceKind.INPUT_CHANGED]
    assert session.report.live_calls == 3
    assert stage.ran == ["work 20", "work 3", "work 4"]


def test_what_was_passed_over_before_a_divergence_is_missing(stage: Stage) -> None:
    @trace_tool(stage.tracer, effect="read")
    def work(n: int) -> str:
        return f"answer {n}"

    @trace_tool(stage.tracer, effect="read")
    def other() -> str:
        return "other"

    def play(*inputs: int, has_other: bool = False) -> Callable[[], None]:
        def main() -> None:
            with stage.tracer.run("agent"):
                for n in inputs:
                    work(n)
                if has_other:
                    other()

        return main

    recorded = stage.record(play(1, 2, 3, 4))
    session, _ = stage.replay(recorded, play(1, 3, has_other=True), mode="live_after_divergence")
    found = [(each.kind, each.source_span_id) for each in session.report.divergences]
    assert found == [
        (DivergenceKind.EXTRA_CALL, None),
        (DivergenceKind.MISSING_CALL, recorded.spans[1].span_id),
    ]


LANES = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=4), min_size=1, max_size=5)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(lanes=LANES, data=st.data(), has_span=st.booleans())
def test_lanes_in_any_order_are_served_their_own_or_it_is_said(
    lanes: list[list[int]], data: st.DataObject, *, has_span: bool
) -> None:
    """The law of concurrency: the oracle is the program itself, whose lanes know their number."""
    made = Stage()

    @trace_tool(made.tracer)
    async def work(step: int) -> str:
        return f"{step} {lane_of.get(asyncio.current_task())}"

    @trace_agent(made.tracer)
    async def agent(steps: list[int]) -> list[str]:
        found = []
        for step in steps:
            found.append(await work(step))
            await asyncio.sleep(0)
        return found

    lane_of: dict[Any, int] = {}

    async def serve(n: int) -> list[str]:
        lane_of[asyncio.current_task()] = n
        with made.tracer.span("worker") if has_span else nullcontext():
            found = []
            for step in lanes[n]:
                found.append(await work(step))
                await asyncio.sleep(0)
            return found

    async def play(order: list[int]) -> dict[int, list[str]]:
        async with made.tracer.run("agent"):
            found = await asyncio.gather(*[serve(n) for n in order])
        return dict(zip(order, found, strict=True))

    try:
        numbers = list(range(len(lanes)))
        answers: list[Any] = []
        recorded = made.record(lambda: answers.append(asyncio.run(play(numbers))))
        order = data.draw(st.permutations(numbers))
        try:
            session, again = made.replay(recorded, lambda: asyncio.run(play(order)), **IMPATIENT)
        except (
            ReplayDivergence
        ):  # of spans that are all alike some are taken for others: it is said
            assert has_span
            return
        kinds = {each.kind for each in session.report.divergences}
        assert kinds <= {DivergenceKind.AMBIGUOUS}
        if again != answers[0]:
            assert not session.report.identical
        if not kinds:
            assert again == answers[0]
    finally:
        made.tracer.shutdown(timeout_s=5)
