"""Where spans belong: lanes, threads and tasks, and contexts that cross processes."""

from __future__ import annotations

import asyncio
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agenttrace import Tracer
from agenttrace.context import read_headers, write_headers
from agenttrace.settings import Settings
from agenttrace.testing import MemoryExporter, collect

if TYPE_CHECKING:
    from .conftest import Recording

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def test_inline_awaits_stay_in_their_lane_and_tasks_get_their_own(recording: Recording) -> None:
    """A task has one lane, however many spans it starts one after the other."""
    tracer = recording.tracer

    async def step(name: str) -> None:
        async with tracer.span(name):
            await asyncio.sleep(0)

    async def branch(name: str) -> None:
        await step(f"{name}1")
        await step(f"{name}2")

    async def work() -> None:
        async with tracer.run("agent"):
            await step("inline")
            await asyncio.gather(branch("a"), branch("b"))
            await step("after")

    asyncio.run(work())
    lanes = {span["name"]: span["lane"] for span in recording.spans()}
    assert lanes["inline"] == lanes["after"] == 0
    assert lanes["a1"] == lanes["a2"]
    assert lanes["b1"] == lanes["b2"]
    assert len({0, lanes["a1"], lanes["b1"]}) == 3


def test_jobs_on_a_reused_worker_each_get_their_own_lane(recording: Recording) -> None:
    """The thread is the same, the thread of control is not."""
    tracer = recording.tracer

    def job(name: str) -> None:
        with tracer.span(name):
            pass

    with tracer.run("agent"), tracer.span("root"), ThreadPoolExecutor(1) as pool:
        for name in ("one", "two"):
            pool.submit(copy_context().run, job, name).result()
    lanes = {span["name"]: span["lane"] for span in recording.spans()}
    assert lanes["root"] == 0
    assert len(set(lanes.values())) == 3
    assert recording.span("one")["parent_span_id"] == recording.span("root")["span_id"]


def test_to_thread_gets_a_lane_and_its_parent(recording: Recording) -> None:
    """asyncio.to_thread carries the context along."""
    tracer = recording.tracer

    def job() -> None:
        with tracer.span("job"):
            pass

    async def work() -> None:
        async with tracer.run("agent"), tracer.span("root"):
            await asyncio.to_thread(job)

    asyncio.run(work())
    assert (recording.span("job")["lane"], recording.span("root")["lane"]) == (1, 0)
    assert recording.span("job")["parent_span_id"] == recording.span("root")["span_id"]


def test_a_plain_thread_has_no_run(recording: Recording) -> None:
    """A thread starts with an empty context, so its span opens a run of its own."""
    tracer = recording.tracer

    def job() -> None:
        with tracer.span("alone"):
            pass

    with tracer.run("agent"):
        thread = threading.Thread(target=job)
        thread.start()
        thread.join()
    assert {run["name"] for run in recording.runs()} == {"agent", "alone"}


def test_a_task_that_outlives_its_run_still_belongs_to_it(recording: Recording) -> None:
    """Its span ends after the run's end, and is on record."""
    tracer = recording.tracer

    async def late(gate: asyncio.Event) -> None:
        async with tracer.span("late"):
            await gate.wait()

    async def work() -> None:
        gate = asyncio.Event()
        async with tracer.run("agent"):
            task = asyncio.create_task(late(gate))
            await asyncio.sleep(0)
        gate.set()
        await task

    asyncio.run(work())
    assert [r["name"] for r in recording.records()] == ["agent", "late", "agent", "late"]
    assert recording.span("late")["status"] == "COMPLETED"


def test_parents_are_right_in_random_trees_of_tasks_and_threads() -> None:
    """Every span's parent is the one that started it, under fan-out, threads and cancellation."""
    memory = MemoryExporter()
    tracer = Tracer(exporter=memory, settings=Settings())
    chance = random.Random(7)
    expected: dict[str, str] = {}
    numbers = iter(range(10_000))

    def leaf(parent: str) -> None:
        name = f"n{next(numbers)}"
        expected[name] = parent
        with tracer.span(name):
            pass

    async def node(parent: str, depth: int) -> None:
        name = f"n{next(numbers)}"
        expected[name] = parent
        async with tracer.span(name):
            await asyncio.sleep(0)
            if depth == 0:
                await asyncio.to_thread(leaf, name)
                return
            kinds = [chance.choice(["task", "inline", "cancel"]) for _ in range(3)]
            tasks = []
            for kind in kinds:
                if kind == "inline":
                    await node(name, depth - 1)
                    continue
                tasks.append(asyncio.create_task(node(name, depth - 1)))
                if kind == "cancel":
                    await asyncio.sleep(0)
                    tasks[-1].cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def work() -> None:
        async with tracer.run("agent"):
            await node("", 4)

    asyncio.run(work())
    spans = [r for r in collect(tracer, memory) if r["type"] == "span" and r["rev"] == 1]
    names = {span["span_id"]: span["name"] for span in spans}
    found = {span["name"]: names.get(span.get("parent_span_id", ""), "") for span in spans}
    assert len(found) > 50
    assert found == {name: expected[name] for name in found}
    assert expected.keys() == found.keys()
    assert tracer.stats().errors == {}
    tracer.shutdown(timeout_s=5)


def test_a_run_continues_in_another_process(recording: Recording) -> None:
    """What inject writes, extract reads: the runs share the correlation id."""
    tracer = recording.tracer
    headers: dict[str, str] = {"Baggage": "user=1"}
    with tracer.run("caller", correlation_id="w-1 ü"), tracer.span("call") as span:
        tracer.inject(headers)
    caller = recording.runs()[0]
    assert headers == {
        "Baggage": "user=1,agenttrace.correlation_id=w-1%20%C3%BC",
        "traceparent": f"00-{caller['run_id']}-{span.span_id}-01",
    }
    parent = tracer.extract({name.upper(): value for name, value in headers.items()})
    with tracer.run("callee", parent=parent):
        pass
    callee = recording.runs()[1]
    assert callee["correlation_id"] == "w-1 ü"
    assert callee["run_id"] != caller["run_id"]
    assert callee["attributes"] == {
        "agenttrace.parent.run_id": caller["run_id"],
        "agenttrace.parent.span_id": span.span_id,
    }


def test_a_run_without_a_correlation_id_lends_its_own(recording: Recording) -> None:
    """Both sides end up with it, the caller's own run included."""
    tracer = recording.tracer
    headers: dict[str, str] = {}
    with tracer.run("caller") as caller:
        tracer.inject(headers)
    assert headers["traceparent"] == f"00-{caller.run_id}-{caller.run_id[16:]}-01"
    parent = tracer.extract(headers)
    assert parent is not None
    assert parent.correlation_id == caller.run_id == recording.runs()[0]["correlation_id"]


def test_headers_of_any_case_are_replaced(recording: Recording) -> None:
    """A request never carries two parents."""
    headers = {"Traceparent": "old", "TRACEPARENT": "older", "Accept": "*/*", "Baggage": "k=v"}
    with recording.tracer.run("caller", correlation_id="w") as run:
        recording.tracer.inject(headers)
    assert headers == {
        "Accept": "*/*",
        "Baggage": "k=v,agenttrace.correlation_id=w",
        "traceparent": f"00-{run.run_id}-{run.run_id[16:]}-01",
    }


def test_outside_a_run_headers_stay_as_they_are(recording: Recording) -> None:
    """There is nothing to say."""
    headers: dict[str, str] = {}
    recording.tracer.inject(headers)
    assert headers == {}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"traceparent": ""},
        {"traceparent": f"00-{TRACE}-{SPAN}"},
        {"traceparent": f"ff-{TRACE}-{SPAN}-01"},
        {"traceparent": f"00-{'0' * 32}-{SPAN}-01"},
        {"traceparent": f"00-{TRACE}-{'0' * 16}-01"},
        {"traceparent": f"00-{TRACE.upper()}-{SPAN}-01"},
        {"baggage": "agenttrace.correlation_id="},
        {"baggage": f"agenttrace.correlation_id={'x' * 129}"},
        {"baggage": "agenttrace.correlation_id=a%00b"},
        {"baggage": "other=1"},
    ],
    ids=str,
)
def test_headers_that_are_not_well_formed_give_no_context(headers: dict[str, str]) -> None:
    """A foreign or broken header is not an error and not a context."""
    assert read_headers(headers) is None


def test_a_foreign_traceparent_is_joined_by_its_trace_id() -> None:
    """An OpenTelemetry program that calls an agent has no correlation id of ours."""
    context = read_headers({"traceparent": f"00-{TRACE}-{SPAN}-00"})
    assert context is not None
    assert (context.run_id, context.span_id, context.correlation_id) == (TRACE, SPAN, TRACE)


@given(st.text(min_size=1, max_size=128).filter(lambda text: "\x00" not in text))
def test_every_correlation_id_survives_the_headers(correlation_id: str) -> None:
    """Whatever text it is, it comes out as it went in, unless UTF-8 cannot hold it."""
    try:
        correlation_id.encode()
    except UnicodeEncodeError:
        return
    headers: dict[str, str] = {}
    write_headers(headers, run_id=TRACE, span_id=SPAN, correlation_id=correlation_id)
    context = read_headers(headers)
    assert context is not None
    assert context.correlation_id == correlation_id


@given(st.dictionaries(st.text(), st.text()))
def test_no_headers_raise(headers: dict[str, str]) -> None:
    """Headers come from strangers."""
    read_headers(headers)
