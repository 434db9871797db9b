"""P12: a strict replay and its source are identical to the diff, modulo what a replay says."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from agenttrace.diff import compare_runs
from agenttrace.wrappers import trace_agent, trace_llm, trace_tool

from .kinds_of_values import BudgetError, Hit, Point
from .test_golden import make_agent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from .conftest import Stage


def make_varied(stage: Stage) -> Callable[[], object]:
    """Return an agent with errors, types, streams, nested calls, concurrency and chance."""
    tracer = stage.tracer

    @trace_llm(tracer, model="m", cost_per_prompt_token="0.001", cost_per_completion_token="0.002")
    async def stream(prompt: str) -> AsyncIterator[str]:
        for word in ("one", " two", " three"):
            await asyncio.sleep(0.001)
            yield word

    @trace_tool(tracer)
    def look(n: int) -> Any:
        if n == 2:
            raise BudgetError(code=n)
        return Hit(title=f"hit {n}") if n else (Point(1, 2), {3, 4})

    @trace_tool(tracer)
    async def delegate(n: int) -> str:
        span = tracer.current_span()
        assert span is not None
        span.set_attribute("depth", n)
        return f"{look(n)}"

    @trace_agent(tracer)
    async def agent() -> str:
        tracer.state("step", 1)
        found = await asyncio.gather(*[delegate(n) for n in range(2)])
        try:
            look(2)
        except BudgetError as error:
            found.append(str(error.code))
        text = "".join([chunk async for chunk in stream(f"{found} {tracer.uuid4()}")])
        return tracer.decision("pick", options=["a", text], chosen=text)

    def main() -> object:
        with tracer.run("varied") as run:
            answer = asyncio.run(agent())
            run.set_output(answer)
            return answer

    return main


@pytest.mark.parametrize("make", [make_agent, make_varied])
def test_a_replay_and_its_source_are_identical(
    stage: Stage, make: Callable[[Stage], Callable[[], object]]
) -> None:
    program = make(stage)
    recorded = stage.record(program)
    session, _ = stage.replay(recorded, program)
    found = compare_runs(recorded, session.run)
    assert session.report.identical
    assert found.identical, found.first_divergence
    assert not found.approx
