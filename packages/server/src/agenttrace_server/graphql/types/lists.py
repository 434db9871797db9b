"""Filter, order and paging of runs: from GraphQL's inputs to the service's, and its cursors."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any, Final

import orjson
import strawberry
from strawberry import field

from agenttrace_server import records
from agenttrace_server.errors import InvalidArgumentError
from agenttrace_server.graphql.types.enums import OrderDirection, RunOrderField, RunStatus
from agenttrace_server.graphql.types.node import make_page_info
from agenttrace_server.graphql.types.run import Run, RunConnection, RunEdge
from agenttrace_server.graphql.types.scalars import DateTime, Decimal
from agenttrace_server.money import parse_pico
from agenttrace_server.services.runs import (
    RunFilter,
    RunService,
    RunSlice,
    RunSort,
    check_count,
    read_sort_key,
)

_NS_PER_MS: Final = 1_000_000
_MAX_MS: Final = 9e12
"""The store's integers end at 2^63 - 1 nanoseconds, a bit above; no run takes so long."""
_INT64: Final = range(-(2**63), 2**63)


@strawberry.input(description="From `min` to `max`, both included; an absent end is open.")
class FloatRange:
    """See the description, which is public."""

    min: float | None = field(default=None, description="The lowest value.")
    max: float | None = field(default=None, description="The highest value.")


@strawberry.input(description="From `min` to `max`, both included; an absent end is open.")
class DecimalRange:
    """See the description, which is public."""

    min: Decimal | None = field(default=None, description="The lowest value.")
    max: Decimal | None = field(default=None, description="The highest value.")


@strawberry.input(
    name="RunFilter",
    description="Which runs: all criteria given must hold, and of a list any one value.",
)
class RunFilterInput:
    """See the description, which is public."""

    status: list[RunStatus] | None = field(default=None, description="Its status.")
    name: list[str] | None = field(default=None, description="Its whole name.")
    correlation_id: list[str] | None = field(default=None, description="Its correlation id.")
    tags: list[str] | None = field(default=None, description="One of its tags.")
    model: list[str] | None = field(default=None, description="A model that it called.")
    text: str | None = field(
        default=None,
        description="Part of its name, correlation id or run id; case of ASCII letters is ignored.",
    )
    has_error: bool | None = field(
        default=None, description="Whether it, or a span of it, has the status ERROR."
    )
    cost_usd: DecimalRange | None = field(default=None, description="Its known cost in USD.")
    duration_ms: FloatRange | None = field(
        default=None, description="Its duration in milliseconds, once it has ended."
    )
    started_after: DateTime | None = field(default=None, description="It started then or later.")
    started_before: DateTime | None = field(default=None, description="It started before then.")


@strawberry.input(description="The order of a list of runs. Equals are ordered by their id.")
class RunOrder:
    """See the description, which is public."""

    field: RunOrderField = strawberry.field(
        default=RunOrderField.START_TIME, description="By what."
    )
    direction: OrderDirection = strawberry.field(
        default=OrderDirection.DESC, description="Which end first."
    )


@dataclass(frozen=True, slots=True)
class PageArguments:
    """The arguments that every Relay list takes."""

    first: int | None
    after: str | None
    last: int | None
    before: str | None


def read_filter(given: RunFilterInput | None) -> RunFilter:
    """Return the service's filter for an input.

    Raises:
        InvalidArgumentError: a range is of numbers that no run can have.

    """
    if given is None:
        return RunFilter()
    cost = given.cost_usd or DecimalRange()
    duration = given.duration_ms or FloatRange()
    return RunFilter(
        statuses=None if given.status is None else tuple(str(s.value) for s in given.status),
        names=_read_list(given.name),
        correlation_ids=_read_list(given.correlation_id),
        tags=_read_list(given.tags),
        models=_read_list(given.model),
        text=given.text,
        has_error=given.has_error,
        min_cost_pico=None if cost.min is None else max(0, parse_pico(cost.min)),
        max_cost_pico=None if cost.max is None else parse_pico(cost.max),
        min_duration_ns=_read_ms(duration.min),
        max_duration_ns=_read_ms(duration.max),
        started_from_ns=given.started_after,
        started_before_ns=given.started_before,
    )


def read_slice(order: RunOrder | None, page: PageArguments) -> RunSlice:
    """Return the service's slice for an order and the arguments of a page.

    Raises:
        InvalidArgumentError: `first` and `last` together, a count over 200, or a cursor of
            another list.

    """
    chosen = order or RunOrder()
    sort = RunSort(str(chosen.field.value))
    if page.first is not None and page.last is not None:
        raise InvalidArgumentError("give first or last, not both")
    backward = page.last is not None
    count = check_count(page.last, name="last") if backward else check_count(page.first)
    return RunSlice(
        sort=sort,
        descending=chosen.direction is OrderDirection.DESC,
        count=count,
        backward=backward,
        after=None if page.after is None else _read_cursor(page.after, sort, "after"),
        before=None if page.before is None else _read_cursor(page.before, sort, "before"),
    )


async def list_runs(service: RunService, run_filter: RunFilter, part: RunSlice) -> RunConnection:
    """Return a page of runs. Its change cursor is read first, so that nothing falls between."""
    cursor = await service.get_cursor()
    page = await service.list_runs(run_filter, part)
    edges = [_make_edge(run, part.sort) for run in page.items]
    info = make_page_info(
        [edge.cursor for edge in edges], has_next=page.has_next, has_previous=page.has_previous
    )
    return RunConnection(run_filter=run_filter, edges=edges, page_info=info, cursor=cursor)


def _make_edge(run: records.Run, sort: RunSort) -> RunEdge:
    key = orjson.dumps([sort.value, *map(str, read_sort_key(run, sort))])
    return RunEdge(cursor=base64.urlsafe_b64encode(key).decode(), node=Run.from_record(run))


def _read_cursor(cursor: str, sort: RunSort, name: str) -> tuple[Any, str]:
    try:
        kind, value, run_id = orjson.loads(base64.urlsafe_b64decode(cursor.encode()))
        if kind == sort.value and isinstance(value, str) and isinstance(run_id, str):
            return _read_sort_value(value, sort), run_id
    except (ValueError, binascii.Error, UnicodeEncodeError):
        pass  # said below, together with a cursor of another order
    raise InvalidArgumentError(f"{name} is not a cursor of a list of runs in this order")


def _read_sort_value(value: str, sort: RunSort) -> str | int | None:
    if sort is RunSort.NAME:
        return value
    if value == "None":
        return None
    number = int(value)
    if number not in _INT64 and sort is not RunSort.COST:
        raise ValueError("the store has no such integer")
    return number


def _read_list(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)


def _read_ms(value: float | None) -> int | None:
    return None if value is None else int(max(-1.0, min(value, _MAX_MS)) * _NS_PER_MS)
