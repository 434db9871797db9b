"""Looking for a few runs before the list is gone through.

A list goes along the index of its order until the page is full. When few runs match, that is the
whole index: so each criterion that has an index of its own is asked first whether it names only a
few runs, and the list is then made of those. Either way a page costs little, without statistics.

Indexes of runs begin with the project. What hangs from runs is looked up over all projects, and
the list leaves out what is not its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Select, select, union_all

from agenttrace_server.storage.conditions import (
    DURATION,
    is_any,
    is_of_project,
    list_start_conditions,
    list_within,
    match_attribute,
    match_score,
)
from agenttrace_server.storage.tables import ANNOTATION, ATTRIBUTE, RUN, SPAN, TAG
from agenttrace_server.storage.usage_tables import MODEL_USAGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Column, Connection
    from sqlalchemy.sql import ColumnElement

    from agenttrace_server.storage.criteria import NumberRange, RunFilter, SpanCondition

MAX_CANDIDATES: Final = 2_000
"""So many rows are looked up and sorted in some milliseconds; with more, the list is gone along."""


def find_candidates(connection: Connection, run_filter: RunFilter) -> list[str] | None:
    """Return the ids of few runs, among which are all that match; None when none are few."""
    for probe in list_probes(run_filter):
        found = connection.execute(probe.limit(MAX_CANDIDATES + 1)).scalars().all()
        if len(found) <= MAX_CANDIDATES:
            return list(dict.fromkeys(found))
    return None


def list_probes(run_filter: RunFilter) -> Iterator[Select[Any]]:
    """Yield a query of run ids for each criterion with an index, what is rare in general first."""
    own = is_of_project(run_filter.project_id)
    yield from _probe_runs(own, (RUN.c.correlation_id, run_filter.correlation_ids))
    for attribute in run_filter.attributes:
        if attribute.exists:
            yield select(ATTRIBUTE.c.run_id).where(match_attribute(attribute))
    for score in run_filter.scores:
        yield select(ANNOTATION.c.run_id).where(match_score(score))
    yield from _probe_values((TAG.c.tag, run_filter.tags))
    yield from _probe_runs(own, (RUN.c.name, run_filter.names))
    yield from _probe_values((MODEL_USAGE.c.model, run_filter.models))
    for span in run_filter.spans:
        yield from _probe_failures(span)
    if run_filter.has_error:
        failed = _select_runs(own, RUN.c.errors > 0)
        either = union_all(failed, _select_runs(own, RUN.c.status == "ERROR")).subquery()
        yield select(either.c.run_id)
    yield from _probe_runs(own, (RUN.c.status, run_filter.statuses))
    yield from _probe_ranges(own, run_filter)
    if starts := list_start_conditions(run_filter):
        yield _select_runs(own, *starts)


def _probe_values(*criteria: tuple[Column[Any], tuple[str, ...] | None]) -> Iterator[Select[Any]]:
    for column, values in criteria:
        if values is not None:
            yield select(column.table.c.run_id).where(is_any(column, values))


def _probe_runs(
    own: ColumnElement[bool], criterion: tuple[Column[Any], tuple[str, ...] | None]
) -> Iterator[Select[Any]]:
    for probe in _probe_values(criterion):
        yield probe.where(own)


def _probe_ranges(own: ColumnElement[bool], run_filter: RunFilter) -> Iterator[Select[Any]]:
    ranges: tuple[tuple[ColumnElement[Any], NumberRange | None], ...] = (
        (RUN.c.cost_pico, run_filter.cost_pico),
        (DURATION, run_filter.duration_ns),
        (RUN.c.total_tokens, run_filter.total_tokens),
    )
    for column, limits in ranges:
        if limits is not None:
            yield _select_runs(own, *list_within(column, limits))


def _probe_failures(condition: SpanCondition) -> Iterator[Select[Any]]:
    """Yield the runs of a span that failed: failures have an index, other spans have none."""
    part: SpanCondition | None = condition
    while part is not None:
        if part.types and (part.has_error or part.statuses == ("ERROR",)):
            failed = SPAN.c.status == "ERROR"
            yield select(SPAN.c.run_id).where(is_any(SPAN.c.span_type, part.types), failed)
        part = part.below


def _select_runs(*conditions: ColumnElement[bool]) -> Select[Any]:
    return select(RUN.c.run_id).where(*conditions)
