"""Reading runs: one, a filtered page, and what they add up to by model."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import Connection, Row, Select, and_, func, or_, select, tuple_

from agenttrace_server.records import ModelUsage, Page, Run, Totals
from agenttrace_server.storage.keys import list_elements, select_by_ids
from agenttrace_server.storage.positions import END_OF_LOG
from agenttrace_server.storage.tables import MODEL_USAGE, RUN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.sql import ColumnElement


class RunSort(StrEnum):
    """What a list of runs is ordered by. Unknown figures sort lowest; ties by run id."""

    START_TIME = "start_time"
    DURATION = "duration"
    COST = "cost"
    TOKENS = "tokens"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs to list: every criterion that is given must hold; a list means any of it."""

    statuses: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = None
    correlation_ids: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    models: tuple[str, ...] | None = None
    text: str | None = None
    has_error: bool | None = None
    min_cost_pico: int | None = None
    max_cost_pico: int | None = None
    min_duration_ns: int | None = None
    max_duration_ns: int | None = None
    started_from_ns: int | None = None
    started_before_ns: int | None = None


@dataclass(frozen=True, slots=True)
class RunSlice:
    """Which part of an ordered list of runs: `count` after or before a key."""

    sort: RunSort
    descending: bool
    count: int
    backward: bool = False
    after: tuple[Any, str] | None = None
    before: tuple[Any, str] | None = None


_SORT_COLUMNS: Final[dict[RunSort, ColumnElement[Any]]] = {
    RunSort.START_TIME: RUN.c.start_ns,
    RunSort.DURATION: func.coalesce(RUN.c.duration_ns, -1),
    RunSort.COST: RUN.c.cost_pico,
    RunSort.TOKENS: RUN.c.total_tokens,
    RunSort.NAME: RUN.c.name,
}


def read_sort_key(run: Run, sort: RunSort) -> tuple[Any, str]:
    """Return the key of a run in a list of this order: what `RunSlice.after` takes."""
    values = {
        RunSort.START_TIME: run.start_ns,
        RunSort.DURATION: -1 if run.duration_ns is None else run.duration_ns,
        RunSort.COST: run.totals.cost_pico,
        RunSort.TOKENS: run.totals.total_tokens or 0,
        RunSort.NAME: run.name,
    }
    return values[sort], run.run_id


def read_runs(connection: Connection, run_ids: Sequence[str]) -> dict[str, Run]:
    """Return the runs that exist, by id."""
    query = select_by_ids(RUN, run_ids, "run_id").add_columns(END_OF_LOG.label("position"))
    return {row.run_id: make_run(row) for row in connection.execute(query)}


def list_runs(connection: Connection, run_filter: RunFilter, part: RunSlice) -> Page[Run]:
    """Return a page of the runs that match, in order."""
    sort = _SORT_COLUMNS[part.sort]
    key = tuple_(sort, RUN.c.run_id)
    downward = part.descending != part.backward
    query = select_matching(run_filter)
    if part.after is not None:
        query = query.where(_compare(key, part.after, smaller=part.descending))
    if part.before is not None:
        query = query.where(_compare(key, part.before, smaller=not part.descending))
    order = (sort.desc(), RUN.c.run_id.desc()) if downward else (sort.asc(), RUN.c.run_id.asc())
    rows = connection.execute(query.order_by(*order).limit(part.count + 1)).all()
    runs = [make_run(row) for row in rows[: part.count]]
    more = len(rows) > part.count
    if part.backward:
        return Page(tuple(reversed(runs)), part.before is not None, more)
    return Page(tuple(runs), more, part.after is not None)


def count_runs(connection: Connection, run_filter: RunFilter) -> int:
    """Return how many runs match."""
    query = select(func.count()).select_from(RUN)
    conditions = (*list_fixed_conditions(run_filter), *list_state_conditions(run_filter))
    return int(connection.execute(query.where(*conditions)).scalar_one())


def select_matching(run_filter: RunFilter) -> Select[Any]:
    """Select the runs that match, with the end of the change log beside each."""
    query = select(RUN, END_OF_LOG.label("position"))
    return query.where(*list_fixed_conditions(run_filter), *list_state_conditions(run_filter))


def list_fixed_conditions(run_filter: RunFilter) -> list[ColumnElement[bool]]:
    """Return the criteria whose answer hardly changes while a run goes on."""
    conditions: list[ColumnElement[bool]] = []
    if run_filter.names is not None:
        conditions.append(RUN.c.name.in_(run_filter.names))
    if run_filter.correlation_ids is not None:
        conditions.append(RUN.c.correlation_id.in_(run_filter.correlation_ids))
    if run_filter.text:
        places = (RUN.c.name, RUN.c.correlation_id, RUN.c.run_id)
        conditions.append(or_(*(c.icontains(run_filter.text, autoescape=True) for c in places)))
    if run_filter.started_from_ns is not None:
        conditions.append(RUN.c.start_ns >= run_filter.started_from_ns)
    if run_filter.started_before_ns is not None:
        conditions.append(RUN.c.start_ns < run_filter.started_before_ns)
    return conditions


def list_state_conditions(run_filter: RunFilter) -> list[ColumnElement[bool]]:
    """Return the criteria that a run may begin or cease to meet while it goes on."""
    conditions: list[ColumnElement[bool]] = []
    if run_filter.statuses is not None:
        conditions.append(RUN.c.status.in_(run_filter.statuses))
    if run_filter.tags is not None:
        conditions.append(_has_any_tag(run_filter.tags))
    if run_filter.models is not None:
        calls = select(MODEL_USAGE.c.run_id).where(MODEL_USAGE.c.run_id == RUN.c.run_id)
        found = calls.where(MODEL_USAGE.c.model.in_(run_filter.models), MODEL_USAGE.c.calls > 0)
        conditions.append(found.exists())
    if run_filter.has_error is not None:
        failed = or_(RUN.c.status == "ERROR", RUN.c.errors > 0)
        conditions.append(failed if run_filter.has_error else ~failed)
    conditions.extend(_list_ranges(run_filter))
    return conditions


def list_model_usage(
    connection: Connection, run_ids: Sequence[str]
) -> dict[str, tuple[ModelUsage, ...]]:
    """Return what each run adds up to by model, dearest first, then by name."""
    found: dict[str, list[ModelUsage]] = {run_id: [] for run_id in run_ids}
    for row in connection.execute(select_by_ids(MODEL_USAGE, run_ids, "run_id")):
        if row.calls:
            found[row.run_id].append(_make_model_usage(row))
    return {
        run_id: tuple(sorted(usages, key=lambda usage: (-(usage.cost_pico or 0), usage.model)))
        for run_id, usages in found.items()
    }


def make_run(row: Row[Any]) -> Run:
    """Return the record of a row of `run` with `position` beside it."""
    return Run(
        run_id=row.run_id,
        name=row.name,
        status=row.status,
        correlation_id=row.correlation_id,
        tags=tuple(orjson.loads(row.tags)) if row.tags else (),
        start_ns=row.start_ns,
        end_ns=row.end_ns,
        duration_ns=row.duration_ns,
        replayed_from=row.replayed_from,
        totals=_make_totals(row),
        position=row.position,
    )


def _make_totals(row: Row[Any]) -> Totals:
    return Totals(
        spans=row.spans,
        llm_calls=row.llm_calls,
        tool_calls=row.tool_calls,
        errors=row.errors,
        prompt_tokens=row.prompt_tokens if row.prompt_known else None,
        completion_tokens=row.completion_tokens if row.completion_known else None,
        cached_tokens=row.cached_tokens if row.cached_known else None,
        total_tokens=row.total_tokens if row.total_known else None,
        tokens_estimated=row.estimated > 0,
        cost_pico=row.cost_pico,
    )


def _make_model_usage(row: Row[Any]) -> ModelUsage:
    return ModelUsage(
        model=row.model,
        calls=row.calls,
        prompt_tokens=row.prompt_tokens if row.prompt_known else None,
        completion_tokens=row.completion_tokens if row.completion_known else None,
        total_tokens=row.total_tokens if row.total_known else None,
        tokens_estimated=row.estimated > 0,
        cost_pico=row.cost_pico,
    )


def _compare(
    key: ColumnElement[Any], limit: tuple[Any, str], *, smaller: bool
) -> ColumnElement[bool]:
    # Bound to the columns' own types: a cost is text in the table.
    return key < limit if smaller else key > limit


def _has_any_tag(tags: tuple[str, ...]) -> ColumnElement[bool]:
    rows, tag = list_elements(RUN.c.tags)
    return and_(
        RUN.c.tags.is_not(None), select(tag).select_from(rows).where(tag.in_(tags)).exists()
    )


def _list_ranges(run_filter: RunFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if run_filter.min_cost_pico is not None or run_filter.max_cost_pico is not None:
        conditions.append(RUN.c.cost_known > 0)
    if run_filter.min_cost_pico is not None:
        conditions.append(RUN.c.cost_pico >= run_filter.min_cost_pico)
    if run_filter.max_cost_pico is not None:
        conditions.append(RUN.c.cost_pico <= run_filter.max_cost_pico)
    if run_filter.min_duration_ns is not None:
        conditions.append(RUN.c.duration_ns >= run_filter.min_duration_ns)
    if run_filter.max_duration_ns is not None:
        conditions.append(RUN.c.duration_ns <= run_filter.max_duration_ns)
    return conditions
