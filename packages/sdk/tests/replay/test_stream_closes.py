"""Streams that a consumer leaves early, and that the end of the event loop closes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from agenttrace.replay import ReplayDivergence
from agenttrace.wire import Outcome
from agenttrace.wrappers import trace_llm

from .conftest import Stage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable


def make_program(stage: Stage) -> Callable[[int], None]:
    """Return a program that leaves a stream after so many chunks, and ends at once."""

    @trace_llm(stage.tracer)
    async def chat() -> AsyncGenerator[int]:
        for number in range(5):
            await asyncio.sleep(0)
            yield number

    async def main(count: int) -> None:
        with stage.tracer.run("agent"):
            async for number in chat():
                if number == count - 1:
                    break

    return lambda count: asyncio.run(main(count))


def test_a_stream_that_the_end_of_the_loop_closes_is_closed(stage: Stage) -> None:
    """`async for … break` at the end of a program is a close; replayed it is identical."""
    program = make_program(stage)

    recording = stage.record(lambda: program(3))
    (span,) = recording.spans
    assert (span.outcome, span.error) == (Outcome.CLOSED, None)

    session, _ = stage.replay(recording, lambda: program(3))
    assert session.report.identical, (session.report.divergences, session.report.notes)


def test_one_more_chunk_than_was_taken_is_an_overrun(stage: Stage) -> None:
    """A consumer that goes on where it had left is told at once, and waits for no cancellation."""
    program = make_program(stage)
    recording = stage.record(lambda: program(3))

    with pytest.raises(ReplayDivergence) as caught:
        stage.replay(recording, lambda: program(4))
    assert caught.value.divergence.kind == "stream_overrun"
