"""What calls add up to: by time and group, and for a workflow.

Sums are added in Python: a cost is text in the tables, of any size and exact.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Text, null, select, type_coerce

from agenttrace.wire.models import MAX_INT64
from agenttrace_server.errors import InvalidArgumentError
from agenttrace_server.records import ModelUsage, Totals, UsageBucket, UsageSums, Workflow
from agenttrace_server.storage.conditions import (
    is_of_project,
    list_lasting_criteria,
    list_state_conditions,
)
from agenttrace_server.storage.hour_sums import DAY_NS, read_hour_sums
from agenttrace_server.storage.keys import select_of_project
from agenttrace_server.storage.rollups import HOUR_NS, MODEL_SUMS
from agenttrace_server.storage.tables import RUN, TAG
from agenttrace_server.storage.usage_tables import MODEL_USAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection, Row, Select

    from agenttrace_server.storage.criteria import RunFilter

MAX_BUCKETS: Final = 5_000
MAX_ROWS: Final = 200_000
"""Read for one answer: about a second's work."""


_WEEK_NS: Final = 7 * DAY_NS
_FIRST_MONDAY_NS: Final = 4 * DAY_NS
"""1970-01-05."""


class Interval(StrEnum):
    """How long a bucket is; all begin in UTC, a week on a Monday."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class UsageGroup(StrEnum):
    """What usage is told apart by, within an interval."""

    MODEL = "model"
    NAME = "name"
    STATUS = "status"
    TAG = "tag"


_RUN_AT: Final = 1 + len(UsageGroup)
"""Where a row of `_select_columns` has its run; the sums follow."""


@dataclass(slots=True)
class _Sum:
    """Figures while they are added up."""

    counts: dict[str, int]
    runs: set[str]

    def add(self, row: Row[Any]) -> None:
        fields = row._mapping  # noqa: SLF001 -- the documented name
        for name in self.counts:
            self.counts[name] += fields[name] or 0

    def finish(self) -> UsageSums:
        counts = self.counts
        return UsageSums(
            calls=counts["calls"],
            errors=counts["errors"],
            prompt_tokens=counts["prompt_tokens"] if counts["prompt_known"] else None,
            completion_tokens=counts["completion_tokens"] if counts["completion_known"] else None,
            cached_tokens=counts["cached_tokens"] if counts["cached_known"] else None,
            total_tokens=counts["total_tokens"] if counts["total_known"] else None,
            tokens_estimated=counts["estimated"] > 0,
            cost_pico=counts["cost_pico"] if counts["cost_known"] else None,
        )


def list_usage(
    connection: Connection,
    run_filter: RunFilter,
    interval: Interval,
    groups: Sequence[UsageGroup],
) -> tuple[UsageBucket, ...]:
    """Return the usage by interval and group, the newest first, then by group.

    The filter's start is of the hours of usage; everything else is of the runs.

    Raises:
        InvalidArgumentError: too many buckets or rows would be made.

    """
    criteria = [*_list_run_criteria(run_filter), *list_state_conditions(run_filter)]
    # Of single runs nothing is asked: what is kept for all of them tells it.
    counts_runs = bool(criteria) or not set(groups) <= {UsageGroup.MODEL}
    if counts_runs:
        query = _select_usage(run_filter, groups).where(
            is_of_project(run_filter.project_id), *criteria
        )
        rows: Sequence[Sequence[Any]] = [*connection.execute(query.limit(MAX_ROWS + 1))]
    else:
        rows = read_hour_sums(
            connection,
            run_filter.project_id,
            *_find_hours(run_filter),
            by_day=interval is not Interval.HOUR,
            by_model=bool(groups),
        )
    starts = {hour_ns: find_start(hour_ns, interval) for hour_ns in {row[0] for row in rows}}
    found: dict[tuple[Any, ...], list[Sequence[Any]]] = defaultdict(list)
    for row in rows:
        found[starts[row[0]], *row[1:_RUN_AT]].append(row)
    if len(found) > MAX_BUCKETS or len(rows) > MAX_ROWS:
        raise InvalidArgumentError(
            f"usage would have more than {MAX_BUCKETS} buckets, or be of more than {MAX_ROWS} "
            "sums of runs; choose a longer interval, fewer groups, or a narrower filter"
        )
    sums = {key: _add_up(rows) for key, rows in found.items()}
    order = sorted(sums, key=lambda key: (-key[0], *(part or "" for part in key[1:])))
    return tuple(
        _make_bucket(key, sums[key], counts_runs=counts_runs)
        for key in order
        if sums[key].counts["calls"]
    )


def _add_up(rows: Sequence[Sequence[Any]]) -> _Sum:
    """Add rows of `_select_columns` up, column by column: there may be many thousands."""
    columns = zip(*(row[_RUN_AT + 1 :] for row in rows), strict=True)
    counts = {
        name: sum(int(cost) for cost in column if cost) if name == "cost_pico" else sum(column)
        for name, column in zip(MODEL_SUMS, columns, strict=True)
    }
    # A model that a call named first, and then not, has no call.
    return _Sum(counts, {row[_RUN_AT] for row in rows if row[_RUN_AT + 1]})


def _make_bucket(key: tuple[Any, ...], total: _Sum, *, counts_runs: bool) -> UsageBucket:
    start_ns, model, name, status, tag = key
    runs = len(total.runs) if counts_runs else None
    return UsageBucket(start_ns, model, name, status, tag, runs, total.finish())


def find_start(hour_ns: int, interval: Interval) -> int:
    """Return when the interval began that an hour is in."""
    if interval is Interval.HOUR:
        return hour_ns
    if interval is Interval.DAY:
        return hour_ns // DAY_NS * DAY_NS
    if interval is Interval.WEEK:
        return (hour_ns - _FIRST_MONDAY_NS) // _WEEK_NS * _WEEK_NS + _FIRST_MONDAY_NS
    moment = datetime.fromtimestamp(hour_ns // 10**9, UTC)
    return int(datetime(moment.year, moment.month, 1, tzinfo=UTC).timestamp()) * 10**9


def _select_usage(run_filter: RunFilter, groups: Sequence[UsageGroup]) -> Select[Any]:
    """Select what calls add up to by run, model and hour."""
    source = MODEL_USAGE.join(RUN, RUN.c.run_id == MODEL_USAGE.c.run_id)
    if UsageGroup.TAG in groups:
        source = source.outerjoin(TAG, TAG.c.run_id == RUN.c.run_id)
    query = _select_columns(groups).select_from(source)
    first_ns, before_ns = _find_hours(run_filter)
    hour = MODEL_USAGE.c.hour_ns
    return query.where(hour >= first_ns, hour < before_ns)


def _select_columns(groups: Sequence[UsageGroup]) -> Select[Any]:
    """Select the hour, the groups (null for those not asked for), the run, and the sums."""
    table = MODEL_USAGE
    parts: dict[UsageGroup, ColumnElement[Any]] = {
        UsageGroup.MODEL: table.c.model,
        UsageGroup.NAME: RUN.c.name,
        UsageGroup.STATUS: RUN.c.status,
        UsageGroup.TAG: TAG.c.tag,
    }
    chosen = [parts[group] if group in groups else null() for group in UsageGroup]
    # A cost as its text: to convert each by itself takes longer than to add them up.
    sums = [
        type_coerce(table.c[name], Text()) if name == "cost_pico" else table.c[name]
        for name in MODEL_SUMS
    ]
    return select(table.c.hour_ns, *chosen, table.c.run_id, *sums)


def _list_run_criteria(run_filter: RunFilter) -> list[Any]:
    return list_lasting_criteria(replace(run_filter, started_from_ns=None, started_before_ns=None))


def _find_hours(run_filter: RunFilter) -> tuple[int, int]:
    """Return the start of the first hour, and the time before which the last one starts, in ns."""
    first_ns, before_ns = run_filter.started_from_ns, run_filter.started_before_ns
    return (
        # Never before 1970: there is what was not billed (`rollups.UNBILLED_NS`).
        0 if first_ns is None else max(0, first_ns // HOUR_NS * HOUR_NS),
        MAX_INT64 if before_ns is None else before_ns,
    )


def read_workflows(
    connection: Connection, project_id: str, correlation_ids: Sequence[str]
) -> dict[str, Workflow]:
    """Return what a project's runs of each correlation id add up to; nothing of one without runs.

    Raises:
        InvalidArgumentError: together they have too many runs.

    """
    query = select_of_project(RUN, correlation_ids, project_id, "correlation_id")
    of_id: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in _read_some(connection, query):
        of_id[row.correlation_id].append(row)
    return {found: _make_workflow(found, rows) for found, rows in of_id.items()}


def list_workflow_usage(
    connection: Connection, project_id: str, correlation_ids: Sequence[str]
) -> dict[str, tuple[ModelUsage, ...]]:
    """Return what the runs of each correlation id add up to by model, dearest first.

    Raises:
        InvalidArgumentError: together they call too many models.

    """
    query = select_of_project(RUN, correlation_ids, project_id, "correlation_id")
    query = query.join(MODEL_USAGE, MODEL_USAGE.c.run_id == RUN.c.run_id)
    query = query.with_only_columns(RUN.c.correlation_id, *MODEL_USAGE.c)
    of_id: dict[str, dict[str, _Sum]] = {found: {} for found in correlation_ids}
    for row in _read_some(connection, query.where(MODEL_USAGE.c.model != "")):
        of_model = of_id[row.correlation_id]
        of_model.setdefault(row.model, _Sum(dict.fromkeys(MODEL_SUMS, 0), set())).add(row)
    return {found: _list_usages(of_model) for found, of_model in of_id.items()}


def _read_some(connection: Connection, query: Select[Any]) -> Sequence[Row[Any]]:
    rows = connection.execute(query.limit(MAX_ROWS + 1)).all()
    if len(rows) > MAX_ROWS:
        raise InvalidArgumentError(
            f"the workflows would be summed from over {MAX_ROWS} rows; ask for fewer at once, or "
            "for `usage`, which has the sums by the hour"
        )
    return rows


def _make_workflow(correlation_id: str, rows: Sequence[Row[Any]]) -> Workflow:
    figures = _Sum(dict.fromkeys(MODEL_SUMS, 0), set())
    counts = dict.fromkeys(_RUN_COUNTS, 0)
    for row in rows:
        fields = row._mapping  # noqa: SLF001 -- the documented name
        for name in counts:
            counts[name] += fields[name]
        for name in MODEL_SUMS[1:]:
            figures.counts[name] += fields[name] or 0
    done = figures.finish()
    totals = Totals(
        **counts,
        prompt_tokens=done.prompt_tokens,
        completion_tokens=done.completion_tokens,
        cached_tokens=done.cached_tokens,
        total_tokens=done.total_tokens,
        tokens_estimated=done.tokens_estimated,
        cost_pico=done.cost_pico,
    )
    ends = [row.end_ns for row in rows]
    is_open = any(end is None for end in ends)
    end_ns = None if is_open else max(end for end in ends if end is not None)
    return Workflow(correlation_id, min(row.start_ns for row in rows), end_ns, totals)


def _list_usages(of_model: dict[str, _Sum]) -> tuple[ModelUsage, ...]:
    usages = []
    for model, total in of_model.items():
        done = total.finish()
        tokens = (done.prompt_tokens, done.completion_tokens, done.total_tokens)
        if done.calls:
            estimated = done.tokens_estimated
            usages.append(ModelUsage(model, done.calls, *tokens, estimated, done.cost_pico))
    return tuple(sorted(usages, key=lambda usage: (-(usage.cost_pico or 0), usage.model)))


_RUN_COUNTS: Final = (
    "spans",
    "llm_calls",
    "tool_calls",
    "decisions",
    "retrievals",
    "agents",
    "errors",
)
