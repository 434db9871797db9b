"""Listing runs: filters, orders and pages, held against a plain count in Python."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agenttrace_server.records import Run
from agenttrace_server.storage.append import append_records
from agenttrace_server.storage.engine import Database
from agenttrace_server.storage.runs import (
    RunFilter,
    RunSlice,
    RunSort,
    count_runs,
    list_model_usage,
    list_runs,
    read_sort_key,
)

from ..support.lines import START_NS, check_records, make_call, make_run, make_run_id, make_span


async def _fill(database: Database) -> None:
    for n in range(12):
        fields: dict[str, Any] = {"name": f"agent {n % 3}", "start_ns": START_NS + n // 2}
        if n % 4 == 0:
            fields["correlation_id"] = f"w_{n}%"
        if n % 3 == 0:
            fields["tags"] = ["a", f"t{n}"]
        if n % 2:
            fields.update(end_ns=START_NS + 10**9, duration_ns=n * 10**6)
        status = "COMPLETED" if n % 2 else "STARTED"
        records = [make_run(n, status=status, rev=1, **fields)]
        records += [make_call(k, run=n, model=f"m{n % 5}") for k in range(n % 4)]
        if n == 6:
            records.append(make_span(9, run=n, status="ERROR"))
        await database.write(append_records, check_records(records))


async def _list(database: Database, run_filter: RunFilter) -> list[int]:
    part = RunSlice(RunSort.START_TIME, descending=False, count=200)
    page = await database.read(list_runs, run_filter, part)
    assert await database.read(count_runs, run_filter) == len(page.items)
    return [int(run.run_id, 16) - 1 for run in page.items]


@pytest.mark.parametrize(
    ("run_filter", "expected"),
    [
        (RunFilter(), list(range(12))),
        (RunFilter(statuses=("COMPLETED",)), [1, 3, 5, 7, 9, 11]),
        (RunFilter(statuses=()), []),
        (RunFilter(names=("agent 1", "agent 2")), [1, 2, 4, 5, 7, 8, 10, 11]),
        (RunFilter(correlation_ids=("w_4%",)), [4]),
        (RunFilter(tags=("t3", "t9")), [3, 9]),
        (RunFilter(models=("m1",)), [1, 6, 11]),
        (RunFilter(text="AGENT 2"), [2, 5, 8, 11]),
        (RunFilter(text="_8%"), [8]),
        (RunFilter(text=make_run_id(10)[-3:]), [10]),
        (RunFilter(text="' OR 1=1 --"), []),
        (RunFilter(has_error=True), [6]),
        (RunFilter(has_error=False, statuses=("STARTED",)), [0, 2, 4, 8, 10]),
        (RunFilter(min_cost_pico=2_400_000_000), [2, 3, 6, 7, 10, 11]),
        (RunFilter(max_cost_pico=2_400_000_000), [1, 2, 5, 6, 9, 10]),
        (RunFilter(min_duration_ns=5 * 10**6, max_duration_ns=9 * 10**6), [5, 7, 9]),
        (RunFilter(started_from_ns=START_NS + 2, started_before_ns=START_NS + 4), [4, 5, 6, 7]),
    ],
    ids=str,
)
async def test_a_filter_lets_in_what_it_says(
    database: Database, run_filter: RunFilter, expected: list[int]
) -> None:
    """Each criterion alone, with the hostile texts that LIKE and SQL might trip over."""
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
    runs = list((await database.read(list_runs, RunFilter(), whole)).items)
    keys = [_comparable(run, sort) for run in runs]
    assert keys == sorted(keys, reverse=descending)
    part = replace(whole, count=5)
    forward: list[Run] = []
    while True:
        page = await database.read(list_runs, RunFilter(), part)
        assert page.has_previous == bool(forward)
        forward += page.items
        if not page.has_next:
            break
        part = replace(part, after=read_sort_key(page.items[-1], sort))
    assert forward == runs
    backward: list[Run] = []
    part = replace(whole, count=5, backward=True)
    while True:
        page = await database.read(list_runs, RunFilter(), part)
        assert page.has_next == bool(backward)
        backward = [*page.items, *backward]
        if not page.has_previous:
            break
        part = replace(part, before=read_sort_key(page.items[0], sort))
    assert backward == runs


def _comparable(run: Run, sort: RunSort) -> tuple[Any, str]:
    value, run_id = read_sort_key(run, sort)
    return (-1 if value is None else value), run_id


async def test_a_model_that_is_taken_back_is_gone(database: Database) -> None:
    """When a later snapshot names another model, the first has no calls left."""
    wrong = make_call(0, status="STARTED", rev=0, model="wrong")
    await database.write(append_records, check_records([make_run(), wrong]))
    await database.write(append_records, check_records([make_call(0, model="right")]))
    usage = (await database.read(list_model_usage, [make_run_id(0)]))[make_run_id(0)]
    assert [(row.model, row.calls, row.cost_pico) for row in usage] == [("right", 1, 1_200_000_000)]
