"""A consumer of a stream that takes less, or gives the body what was not recorded, is told."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from agenttrace.replay import DivergenceKind
from agenttrace.replay.kinds import INPUT_UNVERIFIED
from agenttrace.wrappers import trace_tool

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Iterator

    from .conftest import Stage


def play_in_run(stage: Stage, body: Callable[[], object]) -> Callable[[], object]:
    def main() -> object:
        with stage.tracer.run("agent"):
            return body()

    return main


def test_a_consumer_that_takes_fewer_chunks_is_told(stage: Stage) -> None:
    """Also where neither took all of them."""

    @trace_tool(stage.tracer)
    def count() -> Generator[int, None, None]:
        yield from range(9)

    def take(number: int) -> Callable[[], object]:
        def consume() -> None:
            numbers = count()
            for _ in range(number):
                next(numbers)
            numbers.close()

        return play_in_run(stage, consume)

    recorded = stage.record(take(3))
    session, _ = stage.replay(recorded, take(2))
    (told,) = session.report.divergences
    assert told.kind is DivergenceKind.OUTCOME_CHANGED
    assert told.message == "2 of its chunks were taken; 3 then"
    assert not session.report.identical
    session, _ = stage.replay(recorded, take(3))
    assert session.report.identical


def test_what_a_generator_is_sent_is_not_taken_for_verified(stage: Stage) -> None:
    @trace_tool(stage.tracer)
    def echo() -> Generator[str, str, None]:
        said = yield "ready"
        while True:
            said = yield f"{said}!"

    def talk(word: str) -> Callable[[], object]:
        def consume() -> list[str]:
            voice = echo()
            got = [next(voice), voice.send(word)]
            voice.close()
            return got

        return play_in_run(stage, consume)

    recorded = stage.record(talk("hello"))
    session, got = stage.replay(recorded, talk("goodbye"))
    assert got == ["ready", "hello!"]
    assert session.report.notes == {INPUT_UNVERIFIED: 1}
    assert not session.report.identical


def test_what_an_async_generator_is_sent_is_counted_too(stage: Stage) -> None:
    @trace_tool(stage.tracer)
    async def echo() -> AsyncGenerator[str, str | None]:
        said = yield "ready"
        while True:
            said = yield f"{said}!"

    def talk(second: str | None) -> Callable[[], object]:
        async def consume() -> list[str]:
            async with stage.tracer.run("agent"):
                voice = echo()
                got = [await anext(voice), await voice.asend("hello"), await voice.asend(second)]
                await voice.aclose()
                return got

        return lambda: asyncio.run(consume())

    recorded = stage.record(talk(None))
    session, got = stage.replay(recorded, talk(None))
    assert got == ["ready", "hello!", "None!"]
    assert session.report.notes == {INPUT_UNVERIFIED: 1}
    recorded = stage.record(talk("again"))
    session, _ = stage.replay(recorded, talk(None))
    assert "it was sent, or had thrown into it, 1 values; 2 then" in [
        told.message for told in session.report.divergences
    ]


def test_what_is_thrown_into_a_generator_comes_out_as_it_did(stage: Stage) -> None:
    @contextmanager
    @trace_tool(stage.tracer)
    def opened() -> Iterator[str]:
        yield "open"

    def use(error: Exception | None) -> Callable[[], object]:
        def consume() -> None:
            with suppress(KeyError), opened():
                if error is not None:
                    raise error

        return play_in_run(stage, consume)

    recorded = stage.record(use(KeyError("a")))
    session, _ = stage.replay(recorded, use(KeyError("a")))
    assert session.report.identical
    session, _ = stage.replay(recorded, use(None))
    assert "it was sent, or had thrown into it, 0 values; 1 then" in [
        told.message for told in session.report.divergences
    ]
    assert not session.report.identical
    recorded = stage.record(use(None))
    session, _ = stage.replay(recorded, use(KeyError("a")))
    assert not session.report.identical


@pytest.mark.parametrize("is_caught", [True, False])
def test_a_body_that_caught_what_was_thrown_goes_on_as_recorded(
    stage: Stage, *, is_caught: bool
) -> None:
    @trace_tool(stage.tracer)
    def patient() -> Generator[int, None, None]:
        for number in range(3):
            with suppress(LookupError):
                yield number

    def disturb() -> Any:
        numbers = patient()
        got = [next(numbers), numbers.throw(LookupError("x")) if is_caught else next(numbers)]
        return [*got, *numbers]

    main = play_in_run(stage, disturb)
    recorded = stage.record(main)
    session, got = stage.replay(recorded, main)
    assert got == [0, 1, 2]
    assert session.report.identical is not is_caught


def test_a_call_whose_input_was_not_recorded_is_not_called_identical(stage: Stage) -> None:
    @trace_tool(stage.tracer, capture_input=False)
    def secret(word: str) -> int:
        return len(word)

    recorded = stage.record(play_in_run(stage, lambda: secret("a")))
    session, got = stage.replay(recorded, play_in_run(stage, lambda: secret("other")))
    assert got == 1
    assert session.report.notes == {INPUT_UNVERIFIED: 1}
    assert session.report.divergences == []
    assert not session.report.identical
    assert session.report.exit_code == 0
