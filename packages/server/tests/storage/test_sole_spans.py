"""Rows that are made from one snapshot without a merge."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agenttrace.wire.models import ValidSpan
from agenttrace_server.storage.merge import State, rank_of
from agenttrace_server.storage.pieces import Pieces
from agenttrace_server.storage.snapshots import (
    dump_span_row,
    list_new_payloads,
    read_span_fields,
    read_state_figures,
)
from agenttrace_server.storage.sole_spans import SoleSpan, prepare_records, prepare_span

from ..support.lines import START_NS, check_records, make_payload, make_run, make_span

# In a name and in the key of an attribute the wire refuses U+0000, and lone surrogates anywhere.
_NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=9)
_COUNTS = st.integers(0, 2**31 - 1)
_PAYLOADS = st.recursive(
    st.none() | st.booleans() | st.text() | st.integers(-(2**40), 2**40) | st.just("long" * 900),
    st.lists,
    max_leaves=5,
).map(make_payload)
_ERRORS = st.fixed_dictionaries(
    {"type": st.just("builtins.ValueError"), "message": st.text()},
    optional={
        "traceback": st.text(),
        "cause": st.just({"type": "builtins.KeyError", "message": "k"}),
        "notes": st.lists(st.text(), max_size=2),
    },
)
_USAGE = st.fixed_dictionaries(
    {"source": st.sampled_from(["reported", "estimated"])},
    optional={
        "prompt_tokens": _COUNTS,
        "completion_tokens": _COUNTS,
        "total_tokens": _COUNTS,
        "cached_tokens": _COUNTS,
        "cache_write_tokens": _COUNTS,
        "reasoning_tokens": _COUNTS,
    },
)
_COSTS = st.fixed_dictionaries(
    {
        "usd": st.sampled_from(["0", "0.00123", "1000000", "0." + "3" * 40]),
        "source": st.sampled_from(["reported", "price_table", "rates"]),
    },
    optional={"table": st.just("prices 2026-11")},
)
_FIELDS = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["STARTED", "COMPLETED", "ERROR", "INTERRUPTED"]),
        "rev": st.integers(0, 3),
        "span_type": st.sampled_from(["LLM_CALL", "TOOL_CALL", "AGENT", "DECISION", "CUSTOM"]),
    },
    optional={
        "parent_span_id": st.just("a" * 16),
        "end_seq": st.integers(0, 9),
        "outcome": st.sampled_from(["ok", "error"]),
        "model": _NAMES,
        "input": _PAYLOADS,
        "output": _PAYLOADS,
        "error": _ERRORS,
        "usage": _USAGE,
        "cost": _COSTS,
        "attributes": st.dictionaries(_NAMES, st.integers(0, 9)),
        "replay_key": st.just("key"),
        "input_hash": st.just("b" * 64),
        "hash_version": st.integers(0, 3),
        "fn_hash": st.just("c" * 64),
        "links": st.just([{"run_id": "d" * 32, "attributes": {"why": "retry"}}]),
        "boundary": st.booleans(),
        "start_ns": st.integers(START_NS - 10**14, START_NS),
    },
)


@given(_FIELDS)
def test_a_sole_snapshot_gives_the_rows_of_a_merge(fields: dict[str, Any]) -> None:
    """Whatever fields a span has: the same row, texts and sums as by way of a state."""
    (record,) = check_records([make_span(**fields)])
    assert isinstance(record, ValidSpan)
    state = State()
    state.apply(rank_of(record.status, record.rev), read_span_fields(record))
    key = (record.run_id, record.span_id)
    sole, pieces = prepare_span(record), Pieces()
    assert sole.row == dump_span_row(*key, state)
    assert sole.texts == pieces.take_out(list_new_payloads(*key, state))
    assert sole.pieces.found == pieces.found
    assert sole.figures == read_state_figures(state)


def test_a_span_with_two_snapshots_is_left_to_the_merge() -> None:
    """What would be thrown away is not made."""
    lines = [make_span(1, status="STARTED", rev=0), make_span(2), make_span(1, rev=1), make_run()]
    records = check_records(lines)
    prepared = prepare_records(records)
    assert [isinstance(each, SoleSpan) for each in prepared] == [False, True, False, False]
    assert [each.record if isinstance(each, SoleSpan) else each for each in prepared] == records
