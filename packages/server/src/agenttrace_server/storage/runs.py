"""Reading runs: one, a filtered page, and what they add up to by model."""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import Connection, Row, Select, func, select

from agenttrace_server.records import ModelUsage, Page, Run, Totals
from agenttrace_server.storage.candidates import find_candidates
from agenttrace_server.storage.conditions import (
    list_fixed_conditions,
    list_state_conditions,
)
from agenttrace_server.storage.keys import select_by_ids, select_of_project
from agenttrace_server.storage.orders import (
    SORT_COLUMNS,
    compare_key,
    hide_indexes,
    list_ordering_columns,
)
from agenttrace_server.storage.positions import END_OF_LOG, read_end
from agenttrace_server.storage.rollups import MODEL_SUMS, Sums
from agenttrace_server.storage.tables import RUN
from agenttrace_server.storage.usage_tables import MODEL_USAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agenttrace_server.storage.criteria import RunFilter
    from agenttrace_server.storage.orders import RunSort, SortKey


@dataclass(frozen=True, slots=True)
class RunSlice:
    """Which part of an ordered list of runs: `count` after or before a key."""

    sort: RunSort
    descending: bool
    count: int
    backward: bool = False
    after: SortKey | None = None
    before: SortKey | None = None


MAX_COUNT: Final = 10_000
"""Counting goes through all that match: beyond this it is not worth its time."""


def read_runs(connection: Connection, run_ids: Sequence[str]) -> dict[str, Run]:
    """Return the runs that exist, by id."""
    query = select_by_ids(RUN, run_ids, "run_id").add_columns(END_OF_LOG.label("position"))
    return {row.run_id: make_run(row) for row in connection.execute(query)}


def read_page(
    connection: Connection, run_filter: RunFilter, part: RunSlice
) -> tuple[Page[Run], int]:
    """Return a page of the runs that match, and a position of the log: what is later is not in it.

    The position is read first, so that nothing falls between.
    """
    end = read_end(connection)
    return list_runs(connection, run_filter, part), end


def list_runs(connection: Connection, run_filter: RunFilter, part: RunSlice) -> Page[Run]:
    """Return a page of the runs that match, in order."""
    rows = connection.execute(select_part(connection, run_filter, part)).all()
    runs = [make_run(row) for row in rows[: part.count]]
    more = len(rows) > part.count
    if part.backward:
        return Page(tuple(reversed(runs)), part.before is not None, more)
    return Page(tuple(runs), more, part.after is not None)


def select_part(connection: Connection, run_filter: RunFilter, part: RunSlice) -> Select[Any]:
    """Select the rows of a page and one more, first to last as it is gone through."""
    conditions = [*list_fixed_conditions(run_filter), *list_state_conditions(run_filter)]
    candidates = find_candidates(connection, run_filter)
    if candidates is None:
        query = select(RUN)
        along = list_ordering_columns(run_filter, part.sort)
        query = query.where(*hide_indexes(conditions, but=along))
    else:
        query = select_by_ids(RUN, candidates, "run_id").where(*hide_indexes(conditions))
    if part.after is not None:
        query = query.where(compare_key(part.sort, part.after, smaller=part.descending))
    if part.before is not None:
        query = query.where(compare_key(part.sort, part.before, smaller=not part.descending))
    columns = SORT_COLUMNS[part.sort]
    downward = part.descending != part.backward
    query = query.add_columns(END_OF_LOG.label("position"))
    order = [column.desc() if downward else column.asc() for column in columns]
    return query.order_by(*order).limit(part.count + 1)


def count_runs(connection: Connection, run_filter: RunFilter) -> int:
    """Return how many runs match; no more than `MAX_COUNT` are counted."""
    conditions = [*list_fixed_conditions(run_filter), *list_state_conditions(run_filter)]
    candidates = find_candidates(connection, run_filter)
    query = select(RUN.c.run_id)
    if candidates is not None:
        query = select_by_ids(RUN, candidates, "run_id").with_only_columns(RUN.c.run_id)
        conditions = hide_indexes(conditions)
    found = query.where(*conditions).limit(MAX_COUNT).subquery()
    return int(connection.execute(select(func.count()).select_from(found)).scalar_one())


def list_forks(
    connection: Connection, project_id: str, run_ids: Sequence[str], *, limit: int
) -> dict[str, tuple[Run, ...]]:
    """Return the first runs of a project that re-execute each run, oldest first."""
    rank = func.row_number().over(
        partition_by=RUN.c.replayed_from, order_by=(RUN.c.start_ns, RUN.c.run_id)
    )
    own = select_of_project(RUN, run_ids, project_id, "replayed_from")
    ranked = own.add_columns(END_OF_LOG.label("position"), rank.label("place"))
    forks = ranked.subquery()
    query = select(forks).where(forks.c.place <= limit).order_by(forks.c.place)
    found: dict[str, list[Run]] = {run_id: [] for run_id in run_ids}
    for row in connection.execute(query):
        found[row.replayed_from].append(make_run(row))
    return {run_id: tuple(forks) for run_id, forks in found.items()}


def list_model_usage(
    connection: Connection, run_ids: Sequence[str]
) -> dict[str, tuple[ModelUsage, ...]]:
    """Return what each run adds up to by model, dearest first, then by name.

    Calls that name no model are in the run's totals alone.
    """
    sums: dict[str, dict[str, Sums]] = {run_id: {} for run_id in run_ids}
    for row in connection.execute(select_by_ids(MODEL_USAGE, run_ids, "run_id")):
        if row.calls and row.model:
            of_model = sums[row.run_id].setdefault(row.model, dict.fromkeys(MODEL_SUMS, 0))
            for name in MODEL_SUMS:
                of_model[name] += getattr(row, name) or 0
    found = {
        run_id: [_make_model_usage(model, summed) for model, summed in of_run.items()]
        for run_id, of_run in sums.items()
    }
    return {
        run_id: tuple(sorted(usages, key=lambda usage: (-(usage.cost_pico or 0), usage.model)))
        for run_id, usages in found.items()
    }


def make_run(row: Row[Any]) -> Run:
    """Return the record of a row that begins with the columns of `run`, then has `position`."""
    (
        run_id,
        name,
        status,
        correlation_id,
        tags,
        user_tags,
        start_ns,
        end_ns,
        duration_ns,
        replayed_from,
        forked_at,
        end_seq,
        complete,
        links_json,
        dropped_json,
        seen_ns,
        interrupted_ns,
        position,
    ) = _TAKE_RUN(row)
    return Run(
        run_id,
        name,
        status,
        correlation_id,
        tuple(orjson.loads(tags)) if tags else (),
        tuple(orjson.loads(user_tags)) if user_tags else (),
        start_ns,
        end_ns,
        duration_ns,
        replayed_from,
        forked_at,
        end_seq,
        complete,
        links_json,
        tuple(orjson.loads(dropped_json).items()) if dropped_json else (),
        seen_ns,
        interrupted_ns,
        _make_totals(row),
        position,
    )


def _make_totals(row: Row[Any]) -> Totals:
    spans, llm_calls, tool_calls, decisions, retrievals, agents, errors = _TAKE_COUNTS(row)
    prompt, completion, cached, total, estimated, cost_pico = _TAKE_SUMS(row)
    prompt_known, completion_known, cached_known, total_known = _TAKE_KNOWN(row)
    return Totals(
        spans,
        llm_calls,
        tool_calls,
        decisions,
        retrievals,
        agents,
        errors,
        prompt if prompt_known else None,
        completion if completion_known else None,
        cached if cached_known else None,
        total if total_known else None,
        estimated > 0,
        cost_pico,
    )


def _take(*names: str) -> Callable[[Row[Any]], tuple[Any, ...]]:
    """Return what takes these columns out of a row, by place: by name takes six times as long."""
    order = [*RUN.c.keys(), "position"]
    return itemgetter(*map(order.index, names))


_TAKE_RUN: Final = _take(
    *("run_id", "name", "status", "correlation_id", "tags", "user_tags", "start_ns", "end_ns"),
    *("duration_ns", "replayed_from", "forked_at", "end_seq", "complete", "links_json"),
    *("dropped_json", "seen_ns", "interrupted_ns", "position"),
)
_TAKE_COUNTS: Final = _take(
    "spans", "llm_calls", "tool_calls", "decisions", "retrievals", "agents", "errors"
)
_TAKE_SUMS: Final = _take(
    *("prompt_tokens", "completion_tokens", "cached_tokens", "total_tokens"),
    *("estimated", "cost_pico"),
)
_TAKE_KNOWN: Final = _take("prompt_known", "completion_known", "cached_known", "total_known")


def _make_model_usage(model: str, sums: Sums) -> ModelUsage:
    return ModelUsage(
        model=model,
        calls=sums["calls"],
        prompt_tokens=sums["prompt_tokens"] if sums["prompt_known"] else None,
        completion_tokens=sums["completion_tokens"] if sums["completion_known"] else None,
        total_tokens=sums["total_tokens"] if sums["total_known"] else None,
        tokens_estimated=sums["estimated"] > 0,
        cost_pico=sums["cost_pico"] if sums["cost_known"] else None,
    )
