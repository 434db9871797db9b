"""Any operation that the schema allows, for a server that must answer every one of them."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis_graphql import from_schema, nodes

from agenttrace_server.graphql.schema import print_sdl

from .client import Client
from .lines import (
    Record,
    make_call,
    make_event,
    make_payload,
    make_run,
    make_run_id,
    make_span,
    make_span_id,
)

_RUN: Final = make_run_id(0)
_IDS: Final = st.sampled_from(
    [_RUN, make_run_id(1), f"{_RUN}:{make_span_id(0)}", "", "a", "0" * 32, f"{_RUN}:", "\u0130"]
)
_TEXTS: Final = st.sampled_from(["DateTime", "2026-01-31T12:00:00Z", "0001-01-01T00:00:00+14:00"])
_MONEY: Final = st.sampled_from(["0", "1e99", "-0.000000000001", "text", "9" * 18])


@cache
def make_operations() -> st.SearchStrategy[str]:
    """Return a strategy for documents: queries of every field with arguments of every kind."""
    scalars: dict[str, Any] = {
        "DateTime": _TEXTS.map(nodes.String),
        "Decimal": _MONEY.map(nodes.String),
        "Count": st.integers(0, 2**40).map(nodes.Int),
        "JSON": st.text(max_size=5).map(nodes.String),
        "ID": _IDS.map(nodes.String),
    }
    return from_schema(_leave_out_mutations(print_sdl()), custom_scalars=scalars)


def seed(client: Client) -> None:
    """Store a run with everything that a query may ask for."""
    kinds = ("LLM_CALL", "TOOL_CALL", "DECISION", "RETRIEVAL", "AGENT", "CUSTOM")
    failed = {"type": "builtins.ValueError", "message": "no", "notes": ["a"]}
    spans: list[Record] = [
        make_span(
            number,
            span_type=kind,
            parent_span_id=make_span_id(number - 1),
            input=make_payload({"messages": [{"role": "user", "content": "a"}], "query": "q"}),
            output=make_payload([{"id": 1, "content": "text", "score": 0.5}]),
            attributes={"a": 1},
            error=failed,
        )
        for number, kind in enumerate(kinds)
    ]
    client.send(
        [
            make_run(status="ERROR", rev=1, tags=["a"], attributes={"b": "c"}, error=failed),
            make_run(1),
            *spans,
            make_call(20),
            make_event(30, body=make_payload("x")),
        ]
    )


def _leave_out_mutations(sdl: str) -> str:
    pattern = r'(?:"""[^"]*"""\n)?type (Mutation|Subscription) \{.*?\n\}\n'
    return re.sub(pattern, "", sdl, flags=re.DOTALL)
