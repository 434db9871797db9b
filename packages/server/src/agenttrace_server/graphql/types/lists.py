"""Order and paging of runs: from GraphQL's inputs to the service's, and its cursors."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Final

import orjson
import strawberry

from agenttrace_server import records
from agenttrace_server.errors import InvalidArgumentError
from agenttrace_server.graphql.types.enums import OrderDirection, RunOrderField
from agenttrace_server.graphql.types.filters import check_text
from agenttrace_server.graphql.types.node import make_page_info
from agenttrace_server.graphql.types.run import Run, RunConnection, RunEdge
from agenttrace_server.services.runs import (
    RunFilter,
    RunService,
    RunSlice,
    RunSort,
    SortKey,
    check_count,
    parse_run_id,
    read_sort_key,
)

_INT64: Final = range(-(2**63), 2**63)


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
    """Return a page of runs."""
    page, cursor = await service.list_runs(run_filter, part)
    edges = [_make_edge(run, part.sort) for run in page.items]
    info = make_page_info(
        [edge.cursor for edge in edges], has_next=page.has_next, has_previous=page.has_previous
    )
    return RunConnection(run_filter=run_filter, edges=edges, page_info=info, cursor=cursor)


def _make_edge(run: records.Run, sort: RunSort) -> RunEdge:
    key = orjson.dumps([sort.value, *map(str, read_sort_key(run, sort))])
    return RunEdge(cursor=base64.urlsafe_b64encode(key).decode(), node=Run.from_record(run))


def _read_cursor(cursor: str, sort: RunSort, name: str) -> SortKey:
    try:
        kind, *values = orjson.loads(base64.urlsafe_b64decode(cursor.encode()))
        if kind == sort.value and all(isinstance(value, str) for value in values):
            return _read_key(values, sort)
    except (TypeError, ValueError, binascii.Error, UnicodeEncodeError):
        pass  # said below, together with a cursor of another order
    raise InvalidArgumentError(f"{name} is not a cursor of a list of runs in this order")


def _read_key(values: list[str], sort: RunSort) -> SortKey:
    *figures, run_id = values
    if not parse_run_id(run_id) or len(figures) != (2 if sort is RunSort.NAME else 1):
        raise ValueError("no key of this order")
    if sort is RunSort.NAME:
        return check_text(figures[0], "name"), _read_integer(figures[1]), run_id
    if sort is RunSort.COST:
        return None if figures[0] == "None" else int(figures[0]), run_id
    return _read_integer(figures[0]), run_id


def _read_integer(text: str) -> int:
    number = int(text)
    if number not in _INT64:
        raise ValueError("the store has no such integer")
    return number
