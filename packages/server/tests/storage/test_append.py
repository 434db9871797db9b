"""The merge law over the real store: order, repetition and batching change nothing."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from agenttrace.semconv import REPLAY_BILLED_USD
from agenttrace_server.identity import DEFAULT_PROJECT
from agenttrace_server.storage.engine import Database
from agenttrace_server.storage.rollups import UNBILLED_NS
from agenttrace_server.storage.tables import CHANGE

from ..support.lines import (
    Record,
    check_records,
    make_call,
    make_event,
    make_payload,
    make_run,
    make_run_id,
    make_span,
)
from ..support.own import append_records
from ..support.stores import (
    ARRIVAL_NS,
    HOUR_NS,
    final_state,
    open_store,
    read_state,
    read_tables,
    recordings,
    store,
)


@settings(max_examples=80, deadline=None)
@given(recordings(), st.randoms(use_true_random=False), st.data())
def test_order_repetition_and_batching_change_nothing(
    recording: list[Record], shuffler: random.Random, data: st.DataObject
) -> None:
    """Any multiset and order of a recording's lines, in any batches, gives one state and sums."""
    expected = final_state(recording)
    again = recording + [r for r in recording if data.draw(st.booleans())]
    shuffler.shuffle(again)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(again)), max_size=4)))
    batches = [again[a:b] for a, b in zip([0, *cuts], [*cuts, len(again)], strict=True)]
    assert final_state(*batches) == expected


@settings(max_examples=80, deadline=None)
@given(recordings(), st.randoms(use_true_random=False))
def test_sums_are_those_of_the_merged_spans(
    recording: list[Record], shuffler: random.Random
) -> None:
    """Kept sums equal a fresh count over the spans as they ended up, to the last digit."""
    shuffler.shuffle(recording)
    state = final_state(*[[record] for record in recording])
    for run in state["run"]:
        spans = [span for span in state["span"] if span["run_id"] == run["run_id"]]
        assert {name: run[name] for name in ("spans", "llm_calls", "tool_calls", "errors")} == {
            "spans": len(spans),
            "llm_calls": sum(span["span_type"] == "LLM_CALL" for span in spans),
            "tool_calls": sum(span["span_type"] == "TOOL_CALL" for span in spans),
            "errors": sum(span["status"] == "ERROR" for span in spans),
        }
        counted = [span for span in spans if span["span_type"] != "AGENT"]
        prompts = [s["prompt_tokens"] for s in counted if s["prompt_tokens"] is not None]
        assert (run["prompt_tokens"], run["prompt_known"]) == (sum(prompts), len(prompts))
        costs = [Decimal(s["cost_usd"]) for s in counted if s["cost_usd"] is not None]
        assert run["cost_known"] == len(costs)
        assert run["cost_pico"] == (int(sum(costs) * 10**12) if costs else None)


@settings(max_examples=80, deadline=None)
@given(recordings(), st.randoms(use_true_random=False))
def test_usage_by_hour_is_that_of_the_merged_spans(
    recording: list[Record], shuffler: random.Random
) -> None:
    """Usage by model and hour equals a fresh count, of each run and all, wherever spans moved."""
    again = recording + recording
    shuffler.shuffle(again)
    state = final_state(*[[record] for record in again])
    unbilled = _list_unbilled(state["payload"])
    assert _take(state["model_usage"], "run_id", "model", "hour_ns") == _recount(
        state["span"],
        lambda span: (
            span["run_id"],
            span["model"] or "",
            UNBILLED_NS if _key(span) in unbilled else _hour(span),
        ),
    )
    assert _take(state["usage_hour"], "hour_ns", "model", "project_id") == _recount(
        [span for span in state["span"] if _key(span) not in unbilled],
        lambda span: (_hour(span), span["model"] or "", DEFAULT_PROJECT),
    )


def _list_unbilled(payloads: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """Read it from the attributes that were kept: not the bit that stands for them."""
    return {
        _key(payload)
        for payload in payloads
        if payload["kind"] == "attributes" and REPLAY_BILLED_USD in payload["value_json"]
    }


def _key(row: dict[str, Any]) -> tuple[str, str]:
    return row["run_id"], row["span_id"]


def _hour(span: dict[str, Any]) -> int:
    return int(span["start_ns"]) // HOUR_NS * HOUR_NS


def _take(rows: list[dict[str, Any]], *keys: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    return {tuple(row.pop(key) for key in keys): row for row in rows}


def _recount(
    spans: list[dict[str, Any]], key_of: Callable[[dict[str, Any]], tuple[Any, ...]]
) -> dict[tuple[Any, ...], dict[str, Any]]:
    parts: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for span in spans:
        figures = [span[f"{name}_tokens"] for name in ("prompt", "completion", "cached", "total")]
        is_call = (
            span["model"] is not None
            or span["cost_usd"] is not None
            or span["usage_source"] == "estimated"
            or span["span_type"] == "LLM_CALL"
            or any(figure is not None for figure in figures)
        )
        if is_call and span["span_type"] != "AGENT":
            parts.setdefault(key_of(span), []).append(span)
    return {key: _sum_up(calls) for key, calls in parts.items()}


def _sum_up(calls: list[dict[str, Any]]) -> dict[str, Any]:
    sums: dict[str, Any] = {
        "calls": len(calls),
        "errors": sum(call["status"] == "ERROR" for call in calls),
        "estimated": sum(call["usage_source"] == "estimated" for call in calls),
    }
    for call in calls:
        parts = [n for n in (call["prompt_tokens"], call["completion_tokens"]) if n is not None]
        if call["total_tokens"] is None and parts:
            call["total_tokens"] = sum(parts)
    for name in ("prompt", "completion", "cached", "total"):
        known = [c[f"{name}_tokens"] for c in calls if c[f"{name}_tokens"] is not None]
        sums[f"{name}_tokens"], sums[f"{name}_known"] = sum(known), len(known)
    costs = [Decimal(call["cost_usd"]) for call in calls if call["cost_usd"] is not None]
    sums["cost_known"] = len(costs)
    sums["cost_pico"] = int(sum(costs) * 10**12) if costs else None
    return sums


@settings(max_examples=60, deadline=None)
@given(recordings(), st.randoms(use_true_random=False))
def test_change_log_tells_each_start_and_end_once(
    recording: list[Record], shuffler: random.Random
) -> None:
    """A span starts once, before all else of it, and ends at most once; every event is told."""
    shuffler.shuffle(recording)
    with open_store() as engine:
        store(engine, [[record] for record in recording + recording])
        state = read_state(engine)
        with engine.connect() as connection:
            log = connection.execute(select(CHANGE).order_by(CHANGE.c.position)).all()
    for span in state["span"]:
        own = [
            row.kind
            for row in log
            if (row.run_id, row.span_id) == (span["run_id"], span["span_id"])
        ]
        assert own[0] == "span_started"
        assert own.count("span_started") == 1
        assert own.count("span_ended") == int(span["status"] != "STARTED")
    for run in state["run"]:
        own = [row.kind for row in log if row.run_id == run["run_id"]]
        assert own[0] == "run_created"
        assert own.count("run_created") == 1
        assert own.count("run_ended") == int(run["status"] != "STARTED")
    known = {(span["run_id"], span["span_id"]) for span in state["span"]}
    told = [(row.run_id, row.event_seq) for row in log if row.event_seq is not None]
    visible = [
        (row["run_id"], row["seq"])
        for row in state["event"]
        if row["span_id"] == "" or (row["run_id"], row["span_id"]) in known
    ]
    assert sorted(told) == sorted(visible)


def test_a_lower_snapshot_gives_only_what_is_missing() -> None:
    """What the best snapshot lacks comes from the next best, field by field, however late."""
    best = make_span(0, rev=2, output=make_payload("out"))
    middle = make_span(0, rev=1, input=make_payload("middle"), model="m")
    start = make_span(0, status="STARTED", rev=0, input=make_payload("start"), replay_key="k")
    state = final_state([make_run()], [best], [start], [middle])
    (span,) = state["span"]
    payloads = {row["kind"]: row["value_json"] for row in state["payload"]}
    assert payloads == {"input": '"middle"', "output": '"out"'}
    assert (span["status"], span["model"], span["replay_key"]) == ("COMPLETED", "m", "k")


def test_sending_again_writes_nothing() -> None:
    """A retried request leaves no trace: no change in the log."""
    records = [make_run(), make_call(0), make_event(5), make_run(status="COMPLETED", rev=1)]
    with open_store() as engine:
        store(engine, [records])
        with engine.connect() as connection:
            before = connection.execute(select(CHANGE)).all()
        store(engine, [records, list(reversed(records))])
        with engine.connect() as connection:
            assert connection.execute(select(CHANGE)).all() == before


def test_a_huge_cost_neither_wraps_nor_rounds() -> None:
    """Sums go beyond 64 bits of pico-dollars and stay exact."""
    calls = [
        make_call(n, cost={"usd": "999999.999999999999", "source": "rates"}) for n in range(50)
    ]
    (run,) = final_state([make_run(), *calls])["run"]
    assert run["cost_pico"] == 50 * 999999_999999999999


def test_events_of_an_unknown_span_wait_for_it() -> None:
    """An event that is faster than its span is stored, and told after the span's start."""
    with open_store() as engine:
        store(engine, [[make_event(7, span=3), make_event(6, span=3)], [make_span(3, rev=0)]])
        with engine.connect() as connection:
            rows = connection.execute(select(CHANGE).order_by(CHANGE.c.position))
            log = [(row.kind, row.run_id, row.event_seq) for row in rows]
    run_id = make_run_id(0)
    assert log == [
        ("run_created", run_id, None),
        ("span_started", run_id, None),
        ("event", run_id, 6),
        ("event", run_id, 7),
        ("span_ended", run_id, None),
    ]


async def test_a_file_holds_what_memory_holds(database: Database) -> None:
    """The law's store and the real one are the same tables."""
    records = [make_run(), make_call(0)]
    await database.write(append_records, check_records(records), now_ns=ARRIVAL_NS)
    assert await database.read(read_tables) == final_state(records)
