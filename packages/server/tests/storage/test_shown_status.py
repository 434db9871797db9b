"""Filters look for the status that is shown: open spans of a run given up are INTERRUPTED."""

from __future__ import annotations

from itertools import combinations
from typing import Final

import pytest

from agenttrace.wire import SpanStatus
from agenttrace_server.identity import DEFAULT_PROJECT
from agenttrace_server.storage import search
from agenttrace_server.storage.criteria import RunFilter, SpanCondition, SpanFilter
from agenttrace_server.storage.engine import Database
from agenttrace_server.storage.leases import interrupt_silent_runs
from agenttrace_server.storage.orders import RunSort
from agenttrace_server.storage.runs import RunSlice, list_runs
from agenttrace_server.storage.spans import BEFORE_ALL, list_spans, read_tree
from agenttrace_server.storage.words import parse_query

from ..support.lines import Record, check_records, make_run, make_run_id, make_span, make_span_id
from ..support.own import append_records

STATUSES: Final = tuple(status.value for status in SpanStatus)
SILENT_NS: Final = 5
GIVE_UP_NS: Final = 7
HEARD_NS: Final = 9
# Of each run: when it was heard of, and the statuses of its spans, each within the one before.
RUNS: Final = (
    (SILENT_NS, STATUSES),
    (HEARD_NS, STATUSES),
    (SILENT_NS, ("STARTED", "COMPLETED")),
    (HEARD_NS, ("STARTED", "COMPLETED")),
    (HEARD_NS, ("INTERRUPTED", "COMPLETED")),
)
ASKED: Final = [
    some for count in range(len(STATUSES) + 1) for some in combinations(STATUSES, count)
]


def _make_records(run: int, statuses: tuple[str, ...]) -> list[Record]:
    return [
        make_run(run),
        *(
            make_span(
                number,
                run=run,
                status=status,
                parent_span_id=make_span_id(number - 1) if number else None,
            )
            for number, status in enumerate(statuses)
        ),
    ]


@pytest.fixture
async def shown(database: Database) -> list[list[str]]:
    """The statuses that the spans of each run are shown with, two of the runs given up."""
    for run, (seen_ns, statuses) in enumerate(RUNS):
        records = check_records(_make_records(run, statuses))
        await database.write(append_records, records, now_ns=seen_ns)
    await database.write(interrupt_silent_runs, before_ns=GIVE_UP_NS, now_ns=HEARD_NS, limit=10)
    trees = [await database.read(read_tree, make_run_id(run)) for run in range(len(RUNS))]
    return [[span.status for span in tree] for tree in trees]


async def _find_runs(database: Database, condition: SpanCondition) -> list[int]:
    part = RunSlice(RunSort.START_TIME, descending=False, count=50)
    page = await database.read(list_runs, RunFilter(DEFAULT_PROJECT, spans=(condition,)), part)
    return sorted(int(run.run_id, 16) - 1 for run in page.items)


async def test_spans_are_filtered_by_what_they_show(
    database: Database, shown: list[list[str]]
) -> None:
    """Whatever statuses are asked for, the list has the spans that show one of them."""
    assert shown[2:] == [
        ["INTERRUPTED", "COMPLETED"],
        ["STARTED", "COMPLETED"],
        ["INTERRUPTED", "COMPLETED"],
    ]
    for asked in ASKED:
        span_filter = SpanFilter(SpanCondition(statuses=asked))
        for run, statuses in enumerate(shown):
            page = await database.read(
                list_spans, make_run_id(run), first=50, after=BEFORE_ALL, span_filter=span_filter
            )
            expected = [n for n, status in enumerate(statuses) if status in asked]
            assert [span.seq for span in page.items] == expected, (asked, run)


async def test_runs_are_found_by_what_their_spans_show(
    database: Database, shown: list[list[str]]
) -> None:
    """So do conditions on spans of runs, on the span itself and on what it is below."""
    for asked in ASKED:
        found = await _find_runs(database, SpanCondition(statuses=asked))
        assert found == [n for n, statuses in enumerate(shown) if {*statuses} & {*asked}], asked
        below = SpanCondition(statuses=("COMPLETED",), below=SpanCondition(statuses=asked))
        assert await _find_runs(database, below) == [
            n
            for n, statuses in enumerate(shown)
            if {*statuses[: statuses.index("COMPLETED")]} & {*asked}
        ], asked


async def test_search_looks_for_what_spans_show(database: Database, shown: list[list[str]]) -> None:
    """A search among runs with such a span finds what the list of runs finds."""
    work = await database.read(search.read_work)
    assert await database.write(search.apply_work, work)
    for status in STATUSES:
        run_filter = RunFilter(DEFAULT_PROJECT, spans=(SpanCondition(statuses=(status,)),))
        page = await database.read(
            search.search_spans, parse_query("step"), run_filter, first=200, before=None
        )
        expected = [make_run_id(n) for n, statuses in enumerate(shown) if status in statuses]
        assert sorted({found.span.run_id for found in page.items}) == expected, status
