"""What is kept for all runs by hour and model, added up by the database: exact at any size.

A sum of integers that leaves 64 bits is an error to both databases, and a cost is text. So each
figure that can be large is added up in two parts, and these are put together in Python.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    BigInteger,
    Text,
    bindparam,
    cast,
    func,
    literal_column,
    null,
    select,
    type_coerce,
)

from agenttrace_server.storage.columns import PICO_DIGITS
from agenttrace_server.storage.rollups import HOUR_NS, MODEL_SUMS
from agenttrace_server.storage.statements import Statement
from agenttrace_server.storage.usage_tables import USAGE_HOUR

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

DAY_NS: Final = 24 * HOUR_NS

_BITS: Final = 32
_DIGITS: Final = 15
_LARGE: Final = frozenset(name for name in MODEL_SUMS if name.endswith("_tokens"))


def read_hour_sums(  # noqa: PLR0913 -- of whom, when, and how it is told apart
    connection: Connection,
    project_id: str,
    first_ns: int,
    before_ns: int,
    *,
    by_day: bool,
    by_model: bool,
) -> list[tuple[Any, ...]]:
    """Return sums over a project's hours of a stretch of time, by hour or day, and by model.

    A row is when the hour or day began, the model (None when not told apart), four times None (it
    is of no name, status, tag or run), and the figures in the order of `MODEL_SUMS`; a cost that
    no call has is 0.
    """
    statement = _prepare(by_day=by_day, by_model=by_model)
    return [
        (at_ns, model, None, None, None, None, *_join(figures))
        for at_ns, model, *figures in statement.read(
            connection, first=first_ns, before=before_ns, project=project_id
        )
    ]


@lru_cache
def _prepare(*, by_day: bool, by_model: bool) -> Statement:
    hour = USAGE_HOUR.c.hour_ns
    at = hour - hour % _write(DAY_NS) if by_day else hour
    groups: list[ColumnElement[Any]] = [at, *([USAGE_HOUR.c.model] if by_model else [])]
    parts = [part for name in MODEL_SUMS for part in _split(name, USAGE_HOUR.c[name])]
    model = USAGE_HOUR.c.model if by_model else null()
    query = select(at, model, *(func.sum(part) for part in parts))
    stretch = (hour >= bindparam("first"), hour < bindparam("before"))
    is_own = USAGE_HOUR.c.project_id == bindparam("project")
    return Statement(query.where(*stretch, is_own).group_by(*groups))


def _split(name: str, figure: ColumnElement[Any]) -> list[ColumnElement[Any]]:
    """Return the parts that a figure is added up in, the greater before the lesser."""
    if name == "cost_pico":
        digits = type_coerce(figure, Text())
        first = PICO_DIGITS - _DIGITS
        return [
            # Unknown is the empty text.
            cast(
                func.nullif(
                    func.substr(digits, _write(start), _write(count)), literal_column("''")
                ),
                BigInteger,
            )
            for start, count in ((1, first), (first + 1, _DIGITS))
        ]
    if name in _LARGE:
        return [figure.op(">>")(_write(_BITS)), figure.op("&")(_write(2**_BITS - 1))]
    return [figure]


def _write(number: int) -> ColumnElement[int]:
    """Return a number that stands in the statement: only what the caller gives is bound."""
    return literal_column(str(number))


def _join(parts: list[Any]) -> list[int]:
    """Return the figures that sums of their parts make."""
    left = iter(parts)
    figures = []
    for name in MODEL_SUMS:
        figure = int(next(left) or 0)
        if name == "cost_pico":
            figure = figure * 10**_DIGITS + int(next(left) or 0)
        elif name in _LARGE:
            figure = (figure << _BITS) + int(next(left) or 0)
        figures.append(figure)
    return figures
