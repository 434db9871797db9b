"""The orders of a list of runs: a key for each, which an index serves from either end."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy import Column, ColumnElement, and_, tuple_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.visitors import InternalTraversal, replacement_traverse

from agenttrace_server.storage.conditions import DURATION
from agenttrace_server.storage.tables import RUN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.sql.compiler import SQLCompiler

    from agenttrace_server.records import Run
    from agenttrace_server.storage.criteria import RunFilter


class RunSort(StrEnum):
    """What a list of runs is ordered by. Unknown figures sort lowest; equals by run id."""

    START_TIME = "start_time"
    DURATION = "duration"
    COST = "cost"
    TOKENS = "tokens"
    SPANS = "spans"
    ERRORS = "errors"
    NAME = "name"
    """Runs of one name by their start, then by run id."""


SortKey: TypeAlias = tuple[Any, ...]
"""The values of an order's columns; the last is the run id. None of them is NULL in the store."""

SORT_COLUMNS: Final[dict[RunSort, tuple[ColumnElement[Any], ...]]] = {
    RunSort.START_TIME: (RUN.c.start_ns, RUN.c.run_id),
    RunSort.DURATION: (DURATION, RUN.c.run_id),
    RunSort.COST: (RUN.c.cost_pico, RUN.c.run_id),
    RunSort.TOKENS: (RUN.c.total_tokens, RUN.c.run_id),
    RunSort.SPANS: (RUN.c.spans, RUN.c.run_id),
    RunSort.ERRORS: (RUN.c.errors, RUN.c.run_id),
    RunSort.NAME: (RUN.c.name, RUN.c.start_ns, RUN.c.run_id),
}

_INDEXED: Final = (
    RUN.c.project_id,
    RUN.c.start_ns,
    RUN.c.status,
    RUN.c.name,
    RUN.c.correlation_id,
    RUN.c.duration_ns,
    RUN.c.cost_pico,
    RUN.c.total_tokens,
    RUN.c.spans,
    RUN.c.errors,
)


def read_sort_key(run: Run, sort: RunSort) -> SortKey:
    """Return the key of a run in a list of this order: what `RunSlice.after` takes."""
    totals = run.totals
    values: dict[RunSort, SortKey] = {
        RunSort.START_TIME: (run.start_ns,),
        RunSort.DURATION: (-1 if run.duration_ns is None else run.duration_ns,),
        RunSort.COST: (totals.cost_pico,),
        RunSort.TOKENS: (totals.total_tokens or 0,),
        RunSort.SPANS: (totals.spans,),
        RunSort.ERRORS: (totals.errors,),
        RunSort.NAME: (run.name, run.start_ns),
    }
    return (*values[sort], run.run_id)


def compare_key(sort: RunSort, limit: SortKey, *, smaller: bool) -> ColumnElement[bool]:
    """Return the condition that a run's key is smaller (or greater) than the limit."""
    first, *rest = SORT_COLUMNS[sort]
    # Bound to the columns' own types: a cost is text in the table.
    key = tuple_(first, *rest)
    beyond = key < limit if smaller else key > limit
    if sort is not RunSort.DURATION:
        return beyond
    # SQLite finds no place in an index over an expression by a row of values.
    near = first <= limit[0] if smaller else first >= limit[0]
    return and_(near, beyond)


def list_ordering_columns(run_filter: RunFilter, sort: RunSort) -> frozenset[str]:
    """Return the columns of `run` by which a lookup leads to rows in this order.

    The project is one of them always: each index begins with it.
    """
    single = {
        name
        for name, values in (
            ("status", run_filter.statuses),
            ("name", run_filter.names),
            ("correlation_id", run_filter.correlation_ids),
        )
        if values is not None and len(values) == 1
    }
    if sort is RunSort.START_TIME:
        return frozenset({"project_id", "start_ns", *single})
    if sort is RunSort.NAME:
        return frozenset({"project_id", *(("name", "start_ns") if "name" in single else ())})
    if sort is RunSort.DURATION:
        return frozenset({"project_id", "duration_ns"})
    columns = (column for column in SORT_COLUMNS[sort] if isinstance(column, Column))
    return frozenset({"project_id", *(column.name for column in columns)})


def hide_indexes(
    conditions: Sequence[ColumnElement[bool]], *, but: frozenset[str] = frozenset()
) -> list[ColumnElement[bool]]:
    """Return the conditions, written so that SQLite looks up no row of `run` by them.

    It knows nothing of the data, takes any lookup by an index for selective, and sorts what it
    finds: for "runs that cost something, newest first" half the table.
    """
    hidden = [column for column in _INDEXED if column.name not in but]

    def hide(element: Any, **_: Any) -> Any:
        found = any(element is column for column in hidden)
        return Unindexed(element) if found else None

    return [replacement_traverse(condition, {}, hide) for condition in conditions]


class Unindexed(ColumnElement[Any]):
    """A column that SQLite must not look up by an index of its own."""

    inherit_cache = True
    _traverse_internals = [("column", InternalTraversal.dp_clauseelement)]  # noqa: RUF012 -- SQLAlchemy's

    def __init__(self, column: ColumnElement[Any]) -> None:
        self.column = column
        self.type = column.type


@compiles(Unindexed)
def _compile_plain(element: Unindexed, compiler: SQLCompiler, **kwargs: Any) -> str:
    return str(compiler.process(element.column, **kwargs))


@compiles(Unindexed, "sqlite")
def _compile_for_sqlite(element: Unindexed, compiler: SQLCompiler, **kwargs: Any) -> str:
    return "+" + str(compiler.process(element.column, **kwargs))
