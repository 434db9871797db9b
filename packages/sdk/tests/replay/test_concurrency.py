"""R3 and R4: concurrent calls get their own answers, and end in the order of the recording."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agenttrace.replay import DivergenceKind, ReplayDivergence
from agenttrace.replay.order import ORDER_UNCERTAIN
from agenttrace.wrappers import trace_agent, trace_tool

from .conftest import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from agenttrace.trace import RecordedRun

REPLAYS = 20
# Of each lane its calls: turns of the loop before one, and turns that it takes.
_STEPS = st.tuples(st.integers(0, 6), st.integers(0, 4))
LANES = st.lists(st.lists(_STEPS, min_size=1, max_size=3), min_size=2, max_size=3)


def _run(play: Callable[..., Coroutine[Any, Any, Any]], *args: object) -> Any:
    return asyncio.run(play(*args))


def jitter_s() -> float:
    return os.urandom(1)[0] / 25_600  # up to 10 ms


def _order(run: RecordedRun) -> list[tuple[str, Any]]:
    """Return the calls in the order of their ends, each with its input."""
    ended = sorted(run.spans, key=lambda span: span.end_seq or 0)
    return [(span.name, None if span.input is None else span.input.json) for span in ended]


@pytest.fixture
def tool(stage: Stage) -> Callable[[int], Coroutine[Any, Any, str]]:
    @trace_tool(stage.tracer)
    async def work(n: int) -> str:
        stage.ran.append("work")
        await asyncio.sleep(jitter_s())
        return f"answer {n} {os.urandom(4).hex()}"

    return work


def test_fifty_calls_of_one_name_get_their_own_answers(stage: Stage) -> None:
    """All are out together: of one that began when another had ended no order is promised."""
    all_out: asyncio.Event

    @trace_tool(stage.tracer)
    async def work(n: int) -> str:
        stage.ran.append("work")
        if len(stage.ran) == 50:
            all_out.set()
        await all_out.wait()
        await asyncio.sleep(jitter_s())
        return f"answer {n} {os.urandom(4).hex()}"

    async def play() -> list[str]:
        nonlocal all_out
        all_out = asyncio.Event()

        async def worker(n: int) -> str:
            await asyncio.sleep(jitter_s())
            return await work(n)

        async with stage.tracer.run("agent"):
            return await asyncio.gather(*[worker(n) for n in range(50)])

    answers: list[list[str]] = []
    recorded = stage.record(lambda: answers.append(asyncio.run(play())))
    for _ in range(REPLAYS):
        session, again = stage.replay(recorded, lambda: asyncio.run(play()))
        assert again == answers[0]
        assert session.report.divergences == []
        assert _order(session.run) == _order(recorded)
        assert session.report.notes[ORDER_UNCERTAIN] == 0
    assert stage.ran == []


def test_who_is_done_first_is_who_was(
    stage: Stage, tool: Callable[[int], Coroutine[Any, Any, str]]
) -> None:
    async def play(order: list[int]) -> list[str]:
        async with stage.tracer.run("agent"):
            tasks = [asyncio.ensure_future(tool(n)) for n in order]
            return [await done for done in asyncio.as_completed(tasks)]

    answers: list[list[str]] = []
    recorded = stage.record(lambda: answers.append(asyncio.run(play(list(range(6))))))
    for replay in range(REPLAYS):
        order = list(range(6)) if replay % 2 else list(range(5, -1, -1))
        session, again = stage.replay(recorded, partial(_run, play, order))
        assert again == answers[0]
        assert session.report.exit_code == 0
    assert stage.ran == []


def test_without_the_order_of_the_recording_another_one_wins(stage: Stage) -> None:
    @trace_tool(stage.tracer)
    async def work(n: int) -> int:
        stage.ran.append("work")
        await asyncio.sleep(0.005 * (4 - n))
        return n

    async def play() -> list[int]:
        async with stage.tracer.run("agent"):
            tasks = [asyncio.ensure_future(work(n)) for n in range(4)]
            return [await done for done in asyncio.as_completed(tasks)]

    recorded = stage.record(lambda: asyncio.run(play()))
    _, again = stage.replay(recorded, lambda: asyncio.run(play()))
    assert again == [3, 2, 1, 0]
    _, immediate = stage.replay(recorded, lambda: asyncio.run(play()), order="immediate")
    assert immediate == [0, 1, 2, 3]


def test_threads_get_their_own_answers(stage: Stage) -> None:
    @trace_tool(stage.tracer)
    def work(n: int) -> str:
        stage.ran.append("work")
        time.sleep(jitter_s())
        return f"answer {n} {os.urandom(4).hex()}"

    def play() -> list[str]:
        with stage.tracer.run("agent"), ThreadPoolExecutor(8) as pool:
            jobs = [pool.submit(stage.tracer.propagate(work), n) for n in range(50)]
            return [job.result() for job in jobs]

    answers: list[list[str]] = []
    recorded = stage.record(lambda: answers.append(play()))
    for _ in range(REPLAYS):
        session, again = stage.replay(recorded, play)
        assert again == answers[0]
        assert session.report.divergences == []
    assert stage.ran == []


def test_threads_end_in_the_order_of_the_recording(stage: Stage) -> None:
    all_began = threading.Barrier(4)  # only what was under way together has an order to keep

    @trace_tool(stage.tracer)
    def work(n: int) -> int:
        stage.ran.append("work")
        all_began.wait(10)
        time.sleep(0.02 * (4 - n))
        return n

    def play() -> list[int]:
        with stage.tracer.run("agent"), ThreadPoolExecutor(4) as pool:
            jobs = [pool.submit(stage.tracer.propagate(work), n) for n in range(4)]
            return [job.result() for job in as_completed(jobs)]

    recorded = stage.record(play)
    for _ in range(REPLAYS):
        session, _ = stage.replay(recorded, play)
        assert _order(session.run) == _order(recorded)
        assert session.report.divergences == []
    assert stage.ran == []


async def _race(stage: Stage, tool: Callable[..., Coroutine[Any, Any, str]]) -> str:
    tasks = {asyncio.ensure_future(tool(name)) for name in ("slow", "fast")}
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    (winner,) = done
    return await tool(f"after {winner.result()}")


async def _group(stage: Stage, tool: Callable[..., Coroutine[Any, Any, str]]) -> str:
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(tool("slow"))
            group.create_task(tool("broken"))
    except* LookupError as errors:
        text = str(errors.exceptions[0])
    return await tool(f"after {text}")


async def _timeout(stage: Stage, tool: Callable[..., Coroutine[Any, Any, str]]) -> str:
    try:
        return await asyncio.wait_for(tool("slow"), 0.05)
    except TimeoutError:
        return await tool("after a timeout")


@pytest.mark.parametrize("race", [_race, _group, _timeout])
def test_a_race_has_the_winner_that_it_had(
    stage: Stage, race: Callable[..., Coroutine[Any, Any, str]]
) -> None:
    @trace_tool(stage.tracer)
    async def tool(name: str) -> str:
        stage.ran.append(name)
        await asyncio.sleep(30 if name == "slow" else 0.01)
        if name == "broken":
            raise LookupError(name)
        return f"{name} {os.urandom(4).hex()}"

    @trace_agent(stage.tracer)
    async def agent() -> str:
        return await race(stage, tool)

    async def play() -> str:
        async with stage.tracer.run("agent"):
            return await agent()

    answers: list[str] = []
    recorded = stage.record(lambda: answers.append(asyncio.run(play())))
    assert "CANCELLED" in {span.status for span in recorded.spans}
    for _ in range(REPLAYS):
        session, again = stage.replay(recorded, lambda: asyncio.run(play()))
        assert [again] == answers
        assert session.report.divergences == []
        assert _order(session.run) == _order(recorded)
        assert [s.status for s in session.run.spans] == [s.status for s in recorded.spans]
    assert stage.ran == []


def test_a_call_that_comes_late_is_waited_for(stage: Stage) -> None:
    @trace_tool(stage.tracer)
    async def tool(name: str, delay_s: float) -> str:
        stage.ran.append(name)
        await asyncio.sleep(delay_s)
        return name

    async def first() -> str:
        await asyncio.sleep(0.03)  # of the program's own, in the replay too
        return await tool("first", 0.01)

    async def play() -> list[str]:
        async with stage.tracer.run("agent"):
            tasks = [asyncio.ensure_future(tool("second", 0.2)), asyncio.ensure_future(first())]
            return [await done for done in asyncio.as_completed(tasks)]

    recorded = stage.record(lambda: asyncio.run(play()))
    session, again = stage.replay(recorded, lambda: asyncio.run(play()), order_timeout_s=20)
    assert again == ["first", "second"]
    assert session.report.notes[ORDER_UNCERTAIN] == 0
    session, again = stage.replay(recorded, lambda: asyncio.run(play()), order_timeout_s=0)
    assert again == ["second", "first"]
    assert session.report.notes[ORDER_UNCERTAIN] == 1
    assert stage.ran == []


def test_a_cancellation_that_does_not_come_is_told(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    @trace_tool(stage.tracer)
    async def tool() -> None:
        stage.ran.append("tool")
        await asyncio.sleep(30)

    async def play(limit_s: float | None) -> None:
        async with stage.tracer.run("agent"):
            try:
                await asyncio.wait_for(tool(), limit_s)
            except TimeoutError:
                return

    recorded = stage.record(lambda: asyncio.run(play(0.01)))
    session = stage.tracer.replay(recorded)
    deliveries = session._conductor._deliveries
    deliveries.settings = deliveries.settings._replace(cancel_wait_s=0.05)
    with pytest.raises(ReplayDivergence) as raised, session:
        asyncio.run(play(None))
    assert raised.value.divergence.kind is DivergenceKind.CANCEL_NOT_OBSERVED
    assert stage.ran == []


def test_a_call_that_is_cancelled_now_and_was_not_then_is_told(stage: Stage) -> None:
    @trace_tool(stage.tracer)
    async def tool(name: str) -> str:
        stage.ran.append(name)
        await asyncio.sleep(0.02)
        return name

    async def play(*, is_patient: bool) -> None:
        async with stage.tracer.run("agent"):
            task = asyncio.ensure_future(tool("a"))
            await asyncio.sleep(0)
            if not is_patient:
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    recorded = stage.record(lambda: asyncio.run(play(is_patient=True)))
    session, _ = stage.replay(recorded, lambda: asyncio.run(play(is_patient=False)))
    assert [each.kind for each in session.report.divergences] == [DivergenceKind.OUTCOME_CHANGED]
    assert not session.report.identical


def test_a_sync_call_on_the_thread_of_a_loop_does_not_hold_it_up(stage: Stage) -> None:
    @trace_tool(stage.tracer)
    async def slow(n: int) -> int:
        await asyncio.sleep(0.01 * n)
        return n

    @trace_tool(stage.tracer)
    def quick(n: int) -> int:
        return n

    async def play() -> list[int]:
        async with stage.tracer.run("agent"):
            one, two = asyncio.ensure_future(slow(1)), asyncio.ensure_future(slow(2))
            await asyncio.sleep(0)
            return [quick(3), await two, await one]

    recorded = stage.record(lambda: asyncio.run(play()))
    session, again = stage.replay(recorded, lambda: asyncio.run(play()))
    assert again == [3, 2, 1]
    assert session.report.identical


def test_equal_calls_of_two_tasks_get_the_answers_of_their_own_lane(stage: Stage) -> None:
    @trace_tool(stage.tracer)
    async def tool() -> int:
        stage.ran.append("tool")
        return len(stage.ran)

    async def play(*, in_turn: bool) -> dict[str, list[int]]:
        got: dict[str, list[int]] = {"one": [], "two": []}

        async def worker(name: str) -> None:
            for _ in range(2):
                got[name].append(await tool())
                if in_turn:
                    await asyncio.sleep(0)

        async with stage.tracer.run("agent"):
            if in_turn:
                await asyncio.gather(worker("one"), worker("two"))
            else:
                await asyncio.create_task(worker("one"))
                await asyncio.create_task(worker("two"))
        return got

    recorded = stage.record(lambda: asyncio.run(play(in_turn=True)))
    assert [span.lane for span in recorded.spans] == [1, 2, 1, 2]
    _, again = stage.replay(recorded, lambda: asyncio.run(play(in_turn=False)), order_timeout_s=0)
    assert again == {"one": [1, 3], "two": [2, 4]}
    assert stage.ran == []


@settings(max_examples=100, deadline=None)
@given(lanes=LANES)
def test_tasks_that_wait_for_turns_of_the_loop_end_as_they_did(
    lanes: list[list[tuple[int, int]]],
) -> None:
    """So do calls that did not overlap: it takes waits by the clock to change that."""
    stage, ended = Stage(), list[tuple[int, int]]()

    @trace_tool(stage.tracer, effect="read")
    async def work(lane: int, step: int) -> None:
        for _ in range(lanes[lane][step][1]):
            await asyncio.sleep(0)

    async def follow(lane: int) -> None:
        for step, (before, _) in enumerate(lanes[lane]):
            for _ in range(before):
                await asyncio.sleep(0)
            await work(lane, step)
            ended.append((lane, step))

    async def play() -> None:
        ended.clear()
        with stage.tracer.run("agent"):
            await asyncio.gather(*map(follow, range(len(lanes))))

    try:
        recorded = stage.record(partial(_run, play))
        then = list(ended)
        session, _ = stage.replay(recorded, partial(_run, play))
        assert (session.report.identical, ended) == (True, then)
    finally:
        stage.tracer.shutdown(timeout_s=5)
