"""Listing runs: filters, orders and pages, held against a plain count in Python."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from agenttrace_server.identity import DEFAULT_PROJECT
from agenttrace_server.records import Run
from agenttrace_server.storage import candidates
from agenttrace_server.storage.criteria import (
    AttributeCondition,
    NumberRange,
    RunFilter,
    ScoreCondition,
    SpanCondition,
)
from agenttrace_server.storage.engine import Database
from agenttrace_server.storage.orders import RunSort, read_sort_key
from agenttrace_server.storage.runs import RunSlice, count_runs, list_model_usage, list_runs
from agenttrace_server.storage.tables import ANNOTATION

from ..support.lines import (
    START_NS,
    check_records,
    make_call,
    make_run,
    make_run_id,
    make_span,
    make_span_id,
)
from ..support.own import append_records


async def _fill(database: Database) -> None:
    records = [record for n in range(12) for record in _make_records(n)]
    await database.write(append_records, check_records(records))
    await database.write(_annotate)


def _make_records(n: int) -> Iterator[dict[str, Any]]:
    attributes: dict[str, Any] = {"env": "prod" if n % 2 == 0 else ["test", 1]}
    fields: dict[str, Any] = {"name": f"agent {n % 3}", "start_ns": START_NS + n // 2}
    if n < 10:
        attributes["n"] = n
    if n % 4 == 0:
        fields["correlation_id"] = f"w_{n}%"
    if n % 3 == 0:
        fields["tags"] = ["a", f"t{n}"]
    if n % 2:
        fields.update(end_ns=START_NS + 10**9, duration_ns=n * 10**6)
    status = "COMPLETED" if n % 2 else "STARTED"
    yield make_run(n, status=status, rev=1, attributes=attributes, **fields)
    yield from (make_call(k, run=n, model=f"m{n % 5}") for k in range(n % 4))
    if n == 6:
        yield make_span(9, run=n, status="ERROR")
    if n == 8:
        failed: dict[str, Any] = {"parent_span_id": make_span_id(0), "status": "ERROR"}
        yield make_span(0, run=n, span_type="TOOL_CALL")
        yield make_span(1, run=n, span_type="TOOL_CALL", **failed)


def _annotate(connection: Connection) -> None:
    for n in (2, 3, 4):
        row = {
            "annotation_id": f"{n}",
            "run_id": make_run_id(n),
            "span_id": "" if n == 2 else make_span_id(0),
            "name": "quality",
            "source": "HUMAN",
            "score": n / 10,
            "label": "good" if n == 4 else None,
            "created_ns": 1,
            "updated_ns": 1,
        }
        connection.execute(insert(ANNOTATION), row)


async def _list(database: Database, run_filter: RunFilter) -> list[int]:
    part = RunSlice(RunSort.START_TIME, descending=False, count=200)
    page = await database.read(list_runs, run_filter, part)
    assert await database.read(count_runs, run_filter) == len(page.items)
    return [int(run.run_id, 16) - 1 for run in page.items]


@pytest.mark.parametrize("few", [True, False], ids=["few", "many"])
@pytest.mark.parametrize(
    ("run_filter", "expected"),
    [
        (RunFilter(DEFAULT_PROJECT), list(range(12))),
        (RunFilter(DEFAULT_PROJECT, statuses=("COMPLETED",)), [1, 3, 5, 7, 9, 11]),
        (RunFilter(DEFAULT_PROJECT, statuses=()), []),
        (RunFilter(DEFAULT_PROJECT, names=("agent 1", "agent 2")), [1, 2, 4, 5, 7, 8, 10, 11]),
        (RunFilter(DEFAULT_PROJECT, correlation_ids=("w_4%",)), [4]),
        (RunFilter(DEFAULT_PROJECT, tags=("t3", "t9")), [3, 9]),
        (RunFilter(DEFAULT_PROJECT, models=("m1",)), [1, 6, 11]),
        (RunFilter(DEFAULT_PROJECT, text="AGENT 2"), [2, 5, 8, 11]),
        (RunFilter(DEFAULT_PROJECT, text="_8%"), [8]),
        (RunFilter(DEFAULT_PROJECT, text=make_run_id(10)[-3:]), [10]),
        (RunFilter(DEFAULT_PROJECT, text="' OR 1=1 --"), []),
        (RunFilter(DEFAULT_PROJECT, has_error=True), [6, 8]),
        (RunFilter(DEFAULT_PROJECT, has_error=False, statuses=("STARTED",)), [0, 2, 4, 10]),
        (
            RunFilter(DEFAULT_PROJECT, cost_pico=NumberRange(low=2_400_000_000)),
            [2, 3, 6, 7, 10, 11],
        ),
        (
            RunFilter(DEFAULT_PROJECT, cost_pico=NumberRange(high=2_400_000_000)),
            [1, 2, 5, 6, 9, 10],
        ),
        (RunFilter(DEFAULT_PROJECT, cost_pico=NumberRange(low=-5, high=-1)), []),
        (RunFilter(DEFAULT_PROJECT, duration_ns=NumberRange(5 * 10**6, 9 * 10**6)), [5, 7, 9]),
        (RunFilter(DEFAULT_PROJECT, duration_ns=NumberRange(high=-1)), []),
        (RunFilter(DEFAULT_PROJECT, total_tokens=NumberRange(low=16)), [2, 3, 6, 7, 10, 11]),
        (RunFilter(DEFAULT_PROJECT, total_tokens=NumberRange(high=15)), [1, 5, 9]),
        (RunFilter(DEFAULT_PROJECT, types=("LLM_CALL",)), [1, 2, 3, 5, 6, 7, 9, 10, 11]),
        (RunFilter(DEFAULT_PROJECT, types=("CUSTOM", "TOOL_CALL")), [6, 8]),
        (RunFilter(DEFAULT_PROJECT, types=()), []),
        (
            RunFilter(DEFAULT_PROJECT, attributes=(AttributeCondition("env", ("prod",)),)),
            [0, 2, 4, 6, 8, 10],
        ),
        (RunFilter(DEFAULT_PROJECT, attributes=(AttributeCondition("n", ("3", "4")),)), [3, 4]),
        (RunFilter(DEFAULT_PROJECT, attributes=(AttributeCondition("n", exists=False),)), [10, 11]),
        (
            RunFilter(
                DEFAULT_PROJECT,
                attributes=(AttributeCondition("env"), AttributeCondition("n", ("4",))),
            ),
            [4],
        ),
        (RunFilter(DEFAULT_PROJECT, scores=(ScoreCondition("quality"),)), [2, 3, 4]),
        (
            RunFilter(DEFAULT_PROJECT, scores=(ScoreCondition("quality", low=0.3, high=0.4),)),
            [3, 4],
        ),
        (RunFilter(DEFAULT_PROJECT, scores=(ScoreCondition("quality", labels=("good",)),)), [4]),
        (RunFilter(DEFAULT_PROJECT, spans=(SpanCondition(names=("step 2",)),)), [3, 7, 11]),
        (
            RunFilter(
                DEFAULT_PROJECT, spans=(SpanCondition(has_error=True, below=SpanCondition()),)
            ),
            [8],
        ),
        (
            RunFilter(DEFAULT_PROJECT, tags=("t3", "t9"), statuses=("COMPLETED",), text="agent"),
            [3, 9],
        ),
        (
            RunFilter(
                DEFAULT_PROJECT, started_from_ns=START_NS + 2, started_before_ns=START_NS + 4
            ),
            [4, 5, 6, 7],
        ),
    ],
    ids=str,
)
async def test_a_filter_lets_in_what_it_says(
    database: Database,
    run_filter: RunFilter,
    expected: list[int],
    few: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each criterion alone, with the hostile texts that LIKE and SQL might trip over.

    Whether the runs are few and looked up, or many and gone along.
    """
    monkeypatch.setattr(candidates, "MAX_CANDIDATES", 100 if few else -1)
    await _fill(database)
    assert await _list(database, run_filter) == expected


@pytest.mark.parametrize("sort", RunSort, ids=str)
@pytest.mark.parametrize("descending", [True, False], ids=["down", "up"])
async def test_pages_in_either_direction_make_the_whole_list(
    database: Database, sort: RunSort, descending: bool
) -> None:
    """Walking forward or backward by cursor meets each run once, in the order of its key."""
    await _fill(database)
    whole = RunSlice(sort, descending=descending, count=200)
    runs = list((await database.read(list_runs, RunFilter(DEFAULT_PROJECT), whole)).items)
    keys = [_comparable(run, sort) for run in runs]
    assert keys == sorted(keys, reverse=descending)
    part = replace(whole, count=5)
    forward: list[Run] = []
    while True:
        page = await database.read(list_runs, RunFilter(DEFAULT_PROJECT), part)
        assert page.has_previous == bool(forward)
        forward += page.items
        if not page.has_next:
            break
        part = replace(part, after=read_sort_key(page.items[-1], sort))
    assert forward == runs
    backward: list[Run] = []
    part = replace(whole, count=5, backward=True)
    while True:
        page = await database.read(list_runs, RunFilter(DEFAULT_PROJECT), part)
        assert page.has_next == bool(backward)
        backward = [*page.items, *backward]
        if not page.has_previous:
            break
        part = replace(part, before=read_sort_key(page.items[0], sort))
    assert backward == runs


def _comparable(run: Run, sort: RunSort) -> tuple[Any, ...]:
    return tuple(-1 if value is None else value for value in read_sort_key(run, sort))


async def test_a_model_that_is_taken_back_is_gone(database: Database) -> None:
    """When a later snapshot names another model, the first has no calls left."""
    wrong = make_call(0, status="STARTED", rev=0, model="wrong")
    await database.write(append_records, check_records([make_run(), wrong]))
    await database.write(append_records, check_records([make_call(0, model="right")]))
    usage = (await database.read(list_model_usage, [make_run_id(0)]))[make_run_id(0)]
    assert [(row.model, row.calls, row.cost_pico) for row in usage] == [("right", 1, 1_200_000_000)]
