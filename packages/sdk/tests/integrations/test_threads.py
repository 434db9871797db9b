"""Threads and thread pools that find their parent, when the program opts in."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest

from agenttrace.integrations import threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..conftest import Recording

MINE: ContextVar[str] = ContextVar("MINE", default="default")


@pytest.fixture
def attached(recording: Recording) -> Iterator[Recording]:
    """Give a recording whose tracer follows threads."""
    threads.instrument(recording.tracer)
    yield recording
    threads.uninstrument(recording.tracer)


class Worker(threading.Thread):
    """A thread whose class says what it does."""

    def __init__(self, work: Callable[[], object]) -> None:
        super().__init__()
        self.work = work

    def run(self) -> None:
        assert "run" not in vars(self)
        self.work()


def test_threads_and_jobs_find_their_parent(attached: Recording) -> None:
    """Of either kind of thread, of a timer, and of every job of a pool, whoever submitted it."""
    tracer = attached.tracer

    def work(name: str) -> str:
        assert MINE.get() == "default"
        with tracer.span(name):
            return name

    def start(thread: threading.Thread) -> None:
        thread.start()
        thread.join()

    with ThreadPoolExecutor(1) as pool, tracer.run("agent"):
        MINE.set("set")
        with tracer.span("a"):
            start(threading.Thread(target=work, args=("thread",)))
            start(Worker(lambda: work("subclass")))
            start(threading.Timer(0, work, ("timer",)))
            assert pool.submit(work, "job").result() == "job"
        with tracer.span("b"):
            assert list(pool.map(work, ["map1", "map2"])) == ["map1", "map2"]
        MINE.set("default")
    spans = attached.spans()
    names = {span["span_id"]: span["name"] for span in spans}
    parents = {s["name"]: names.get(s.get("parent_span_id", "")) for s in spans}
    assert parents == {
        "a": None,
        "b": None,
        **dict.fromkeys(("thread", "subclass", "timer", "job"), "a"),
        **dict.fromkeys(("map1", "map2"), "b"),
    }
    assert len({span["lane"] for span in spans}) == 7
    assert tracer.stats().errors == {}


def test_a_job_that_is_submitted_outside_a_run_is_in_none(attached: Recording) -> None:
    """Though its thread was started by a job of a run."""
    tracer = attached.tracer
    with ThreadPoolExecutor(1) as pool:
        with tracer.run("agent"):
            assert pool.submit(tracer.current_run).result() is not None
        assert pool.submit(tracer.current_run).result() is None


def test_an_executor_of_a_loop_finds_its_parent(attached: Recording) -> None:
    """run_in_executor, which leaves the context behind by itself."""
    tracer = attached.tracer

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1) as pool:
            async with tracer.run("agent"), tracer.span("outer") as outer:
                assert await loop.run_in_executor(pool, tracer.current_span) is outer
                assert await asyncio.to_thread(tracer.current_span) is outer

    asyncio.run(main())


def test_instrumenting_twice_is_once_and_undone_exactly(recording: Recording) -> None:
    """The methods are the very ones that were there before."""
    before: tuple[Any, ...] = (threading.Thread.start, ThreadPoolExecutor.submit)
    threads.instrument(recording.tracer)
    first = threading.Thread.start
    threads.instrument(recording.tracer)
    assert threading.Thread.start is first
    threads.uninstrument(recording.tracer)
    assert (threading.Thread.start, ThreadPoolExecutor.submit) == before
    threads.uninstrument(recording.tracer)
    assert (threading.Thread.start, ThreadPoolExecutor.submit) == before


def test_a_patch_of_somebody_else_stays(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was put over ours is not taken away with it, and ours does nothing any more."""
    threads.instrument(recording.tracer)
    ours = threading.Thread.start

    def theirs(self: threading.Thread) -> None:
        ours(self)

    monkeypatch.setattr(threading.Thread, "start", theirs)
    threads.uninstrument(recording.tracer)
    assert threading.Thread.start is theirs
    found: list[Any] = []
    with recording.tracer.run("agent"):
        thread = threading.Thread(target=lambda: found.append(recording.tracer.current_run()))
        thread.start()
        thread.join()
    assert found == [None]
    monkeypatch.undo()
    threading.Thread.start = ours.__wrapped__  # type: ignore[attr-defined,method-assign]  # as it was


def test_a_function_can_be_bound_by_hand(recording: Recording) -> None:
    """Without any patch; its errors come through, and the thread's own context is left alone."""
    tracer = recording.tracer

    def fail() -> None:
        with tracer.span("inside"):
            raise ValueError("mine")

    with tracer.run("agent"), tracer.span("outer") as outer:
        bound = tracer.propagate(fail)
    with tracer.run("other"), tracer.span("now") as now:
        with pytest.raises(ValueError, match="mine"):
            bound()
        assert tracer.current_span() is now
    assert recording.span("inside")["parent_span_id"] == outer.span_id
