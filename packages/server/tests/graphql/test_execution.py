"""The short way for span trees gives what the usual way gives."""

from __future__ import annotations

from typing import Any

import pytest

from agenttrace_server.graphql import execution
from agenttrace_server.graphql.execution import MAX_NESTED_SPANS

from ..support.client import Client
from ..support.lines import make_call, make_run, make_run_id, make_span, make_span_id

RUN = make_run_id(0)
USAGE = {
    "prompt_tokens": 1,
    "completion_tokens": 2,
    "cached_tokens": 3,
    "cache_write_tokens": 4,
    "reasoning_tokens": 5,
    "source": "estimated",
}
FIELDS = """__typename id spanId parentSpanId name type status startTime endTime offsetMs durationMs
    depth seq endSeq lane effect outcome model costUsd costSource replayKey inputHash"""
USAGES = """usage { __typename promptTokens completionTokens totalTokens cachedTokens
    cacheWriteTokens reasoningTokens source }"""


def _fill(client: Client) -> None:
    kinds = ["LLM_CALL", "TOOL_CALL", "DECISION", "RETRIEVAL", "AGENT", "CUSTOM"]
    effects = ["none", "read", "write", "unknown"]
    outcomes = ["ok", "error", "cancelled", "closed", "unfinished"]
    sources = ["reported", "price_table", "rates"]
    spans = [
        make_span(
            n,
            span_type=kind,
            effect=effects[n % 4],
            outcome=outcomes[n % 5],
            end_seq=n + 100,
            lane=n,
            parent_span_id=make_span_id(n - 1 if n else 70),
            model="m",
            usage=USAGE,
            cost={"usd": "0.001", "source": sources[n % 3]},
            replay_key="k",
            input_hash="b" * 64,
            start_ns=1_790_000_000_000_001_999 + n,
        )
        for n, kind in enumerate(kinds)
    ]
    for n, status in enumerate(["STARTED", "COMPLETED", "ERROR", "CANCELLED", "INTERRUPTED"]):
        spans.append(make_span(20 + n, status=status))
    client.send([make_run(), *spans, make_call(40)])


@pytest.mark.parametrize(
    "selection",
    [
        f"{FIELDS} {USAGES}",
        "a: name b: name usage { t: totalTokens } ... on LlmCall { model } ...F",
        "... on Decision { outcome } ... on Node { id }",
        "name @include(if: $yes) status @skip(if: $yes) usage { source @skip(if: $yes) s: source }",
    ],
    ids=["every field", "aliases and fragments", "by kind", "directives"],
)
def test_the_short_way_gives_the_same(
    client: Client, monkeypatch: pytest.MonkeyPatch, selection: str
) -> None:
    """Every plain field of every kind, aliased, in fragments or behind directives, is equal."""
    _fill(client)
    fragment = "fragment F on Span { seq ... on ToolCall { effect } }" * ("...F" in selection)
    variables = "$id: ID!, $yes: Boolean = true" if "$yes" in selection else "$id: ID!"
    query = f"query({variables}) {{ run(id: $id) {{ spanTree {{ {selection} }} }} }} {fragment}"
    made: list[Any] = []
    monkeypatch.setattr(execution, "make_span", made.append)
    short = client.ask(query, id=RUN)
    assert made == []  # no object was made
    monkeypatch.undo()
    monkeypatch.setattr(execution.FlatListExecutor, "_make_plans", lambda *_: None)
    assert client.ask(query, id=RUN) == short
    assert len(short["run"]["spanTree"]) == 12


def test_fields_that_need_the_store_take_the_usual_way(client: Client) -> None:
    """A selection with a resolver in it is answered all the same."""
    _fill(client)
    tree = client.ask("query($id: ID!) { run(id: $id) { spanTree { name attributes } } }", id=RUN)
    assert tree["run"]["spanTree"][0] == {"name": "step 0", "attributes": {}}


def test_an_empty_tree_is_empty(client: Client) -> None:
    """A run that has just started has no spans."""
    client.send([make_run()])
    query = "query($id: ID!) { run(id: $id) { spanTree { name } } }"
    assert client.ask(query, id=RUN) == {"run": {"spanTree": []}}


def _fill_many(client: Client, count: int) -> None:
    client.send([make_run(), *(make_span(n) for n in range(count))])


NESTED = "query($id: ID!) { run(id: $id) { spanTree { name attributes } } }"


def test_nested_fields_of_a_long_tree_are_refused(client: Client) -> None:
    """They would hold up every other request for seconds; the error names the other way."""
    _fill_many(client, MAX_NESTED_SPANS + 1)
    answer = client.ask_raw(NESTED, id=RUN)
    assert answer["data"] == {"run": None}
    assert [(error["message"], error["path"]) for error in answer["errors"]] == [
        (
            (
                "the run has 1001 spans, over 1000: of so many, spanTree answers only fields of "
                "the spans themselves and of their usage; ask for the others page by page with "
                "spans(first:), or with span(id:)"
            ),
            ["run", "spanTree"],
        )
    ]
    flat = client.ask(f"query($id: ID!) {{ run(id: $id) {{ spanTree {{ {FIELDS} }} }} }}", id=RUN)
    assert len(flat["run"]["spanTree"]) == MAX_NESTED_SPANS + 1


def test_nested_fields_of_a_tree_at_the_limit_are_answered(client: Client) -> None:
    """The limit is the last count that is answered."""
    _fill_many(client, MAX_NESTED_SPANS)
    assert len(client.ask(NESTED, id=RUN)["run"]["spanTree"]) == MAX_NESTED_SPANS


MAX_TOKENS = 2**31 - 1


def test_token_counts_beyond_31_bits_are_exact_everywhere(client: Client) -> None:
    """The largest figures of a span, and what they add up to: numbers, and the same each way."""
    most = {"prompt_tokens": MAX_TOKENS, "completion_tokens": MAX_TOKENS, "source": "reported"}
    most |= {"cached_tokens": MAX_TOKENS, "cache_write_tokens": 0, "reasoning_tokens": MAX_TOKENS}
    client.send([make_run(), make_call(0, usage=most), make_call(1, usage=most)])
    figures = "promptTokens completionTokens totalTokens cachedTokens"
    selection = f"usage {{ {figures} cacheWriteTokens reasoningTokens }}"
    answer = client.ask(
        f"query($id: ID!, $span: ID!) {{ span(id: $span) {{ {selection} }} run(id: $id) {{ "
        f"totals {{ {figures} }} usageByModel {{ promptTokens completionTokens totalTokens }} "
        f"short: spanTree {{ {selection} }} usual: spanTree {{ {selection} attributes }} }} }}",
        id=RUN,
        span=f"{RUN}:{make_span_id(0)}",
    )
    usage = {
        "promptTokens": MAX_TOKENS,
        "completionTokens": MAX_TOKENS,
        "totalTokens": 2 * MAX_TOKENS,
        "cachedTokens": MAX_TOKENS,
        "cacheWriteTokens": 0,
        "reasoningTokens": MAX_TOKENS,
    }
    sums = {
        "promptTokens": 2 * MAX_TOKENS,
        "completionTokens": 2 * MAX_TOKENS,
        "totalTokens": 4 * MAX_TOKENS,
    }
    assert answer == {
        "span": {"usage": usage},
        "run": {
            "totals": {**sums, "cachedTokens": 2 * MAX_TOKENS},
            "usageByModel": [sums],
            "short": [{"usage": usage}] * 2,
            "usual": [{"usage": usage, "attributes": {}}] * 2,
        },
    }
