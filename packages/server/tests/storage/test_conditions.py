"""Conditions on the tree of a run, held against a plain search in Python."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete

from agenttrace_server.identity import DEFAULT_PROJECT
from agenttrace_server.storage.criteria import RunFilter, SpanCondition
from agenttrace_server.storage.engine import Database, open_database
from agenttrace_server.storage.orders import RunSort
from agenttrace_server.storage.runs import RunSlice, list_runs
from agenttrace_server.storage.tables import CHANGE, RUN, SPAN
from agenttrace_server.storage.usage_tables import MODEL_USAGE

from ..support.lines import check_records, make_run, make_span, make_span_id
from ..support.own import append_records

TYPES: Final = ("LLM_CALL", "TOOL_CALL", "AGENT")
STATUSES: Final = ("COMPLETED", "ERROR")

Tree = list[tuple[int, str, str]]
"""Of each span: the number of its parent (any, itself and missing ones too), type, status."""

trees = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from(TYPES), st.sampled_from(STATUSES)), max_size=9
)
conditions = st.recursive(
    st.builds(SpanCondition, types=st.none() | st.sampled_from([(t,) for t in TYPES])),
    lambda below: st.builds(
        SpanCondition,
        types=st.none() | st.lists(st.sampled_from(TYPES), max_size=2, unique=True).map(tuple),
        has_error=st.none() | st.booleans(),
        below=st.none() | below,
    ),
    max_leaves=3,
)


def _make_records(tree: Tree, run: int) -> list[dict[str, Any]]:
    return [
        make_span(
            number,
            run=run,
            span_type=span_type,
            status=status,
            parent_span_id=make_span_id(parent),
        )
        for number, (parent, span_type, status) in enumerate(tree)
    ]


def _fits(span: tuple[int, str, str], condition: SpanCondition) -> bool:
    _, span_type, status = span
    if condition.types is not None and span_type not in condition.types:
        return False
    return condition.has_error is None or condition.has_error == (status == "ERROR")


def _matches(tree: Tree, number: int, condition: SpanCondition, seen: frozenset[Any]) -> bool:
    """Tell whether a span meets a condition, by trying every ancestor."""
    if not _fits(tree[number], condition):
        return False
    return condition.below is None or _is_below(tree, number, condition.below, seen)


def _is_below(tree: Tree, number: int, condition: SpanCondition, seen: frozenset[Any]) -> bool:
    parent = tree[number][0]
    if parent >= len(tree) or (parent, condition) in seen:
        return False
    if _matches(tree, parent, condition, frozenset()):
        return True
    return _is_below(tree, parent, condition, seen | {(parent, condition)})


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(forest=st.lists(trees, min_size=1, max_size=3), condition=conditions)
def test_a_condition_on_spans_finds_the_runs_that_a_search_finds(
    tmp_path: Path, forest: list[Tree], condition: SpanCondition
) -> None:
    """Ancestors at any distance, missing parents, and spans that are their own ancestors."""
    database = open_database(f"sqlite:///{tmp_path / 'conditions.db'}")
    try:
        found = asyncio.run(_find(database, forest, condition))
    finally:
        database.close()
    expected = [
        run
        for run, tree in enumerate(forest)
        if any(_matches(tree, number, condition, frozenset()) for number in range(len(tree)))
    ]
    assert found == expected


def _empty(connection: Connection) -> None:
    for table in (RUN, SPAN, MODEL_USAGE, CHANGE):
        connection.execute(delete(table))


async def _find(database: Database, forest: list[Tree], condition: SpanCondition) -> list[int]:
    records = [make_run(run) for run in range(len(forest))]
    records += [record for run, tree in enumerate(forest) for record in _make_records(tree, run)]
    await database.write(_empty)
    await database.write(append_records, check_records(records))
    part = RunSlice(RunSort.START_TIME, descending=False, count=200)
    page = await database.read(list_runs, RunFilter(DEFAULT_PROJECT, spans=(condition,)), part)
    return [int(run.run_id, 16) - 1 for run in page.items]
