"""The program whose records are golden: every kind of record, and values that are hard to write."""

import dataclasses
from collections.abc import Generator
from typing import Any

from agenttrace import SpanType, Tracer
from agenttrace.wrappers import trace_agent, trace_llm, trace_retrieval, trace_tool


@dataclasses.dataclass
class Document:
    """What a retrieval found."""

    id: str
    content: str
    score: float


HARD_VALUES: dict[str, Any] = {
    "big": 2**70,
    "nan": float("nan"),
    "zero": -0.0,
    "tuple": (1, (2,)),
    "set": {"b", "a"},
    "bytes": b"\x00\xff",
    "keys": {1: "a", "b": 2},
    "surrogate": "\ud83d",
    "control": "\x00\x1f\x7f\u2028",
    "object": object(),
    "empty": [{}, [], "", None],
}


def main(tracer: Tracer) -> None:
    """Record one run that answers, and one that fails."""

    @trace_agent(tracer)
    def research(question: str, *, depth: int = 1) -> str:
        del depth
        documents = search(query=question)
        tracer.state("documents", len(documents))
        ids = [document.id for document in documents]
        chosen = tracer.decision("pick", options=ids, chosen="d1", reason="highest score")
        try:
            fetch(chosen)
        except ValueError:
            tracer.state("retries", 1)
        return "".join(answer([{"role": "user", "content": question}]))

    @trace_retrieval(tracer)
    def search(query: str) -> list[Document]:
        del query
        return [Document("d1", "München - 5 €", 0.75), Document("d2", "", 1e-07)]

    @trace_tool(tracer, effect="write", replay_key="fetch")
    def fetch(key: str) -> bytes:
        error = ValueError("try again")
        error.add_note("attempt 1")
        raise error from KeyError(key)

    @trace_llm(
        tracer,
        model="model-1",
        cost_per_prompt_token="0.00003",
        cost_per_completion_token="0.00006",
    )
    def answer(messages: list[dict[str, str]]) -> Generator[str, None, None]:
        del messages
        yield "Mün"
        yield "chen"

    with tracer.run(
        "research_agent",
        correlation_id="workflow-123",
        tags=["golden", "v1"],
        attributes={"user": "ü", "retries": 3, "ratio": 0.5, "flags": [True, None]},
        input={"question": "Where?"},
    ) as run:
        run.set_output(research("Where?"))
        with tracer.span("odd values", SpanType.CUSTOM, input=HARD_VALUES) as span:
            span.set_attribute("nested", {"a": 1})
            span.set_usage(prompt_tokens=1, cached_tokens=1, reasoning_tokens=0)
            span.set_cost("0.0000001", source="price_table")
            span.add_event("log", "done")
    with tracer.run("failing_agent"):
        raise TimeoutError("too slow")
