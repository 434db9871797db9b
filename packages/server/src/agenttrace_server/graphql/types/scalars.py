"""Scalars. Values stay as the store has them until someone selects the field."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NewType

import orjson
import strawberry
from strawberry.scalars import JSON
from strawberry.types.scalar import ScalarDefinition

from agenttrace.wire.models import MAX_INT64
from agenttrace_server.errors import InvalidArgumentError
from agenttrace_server.money import format_pico

DateTime = NewType("DateTime", int)
"""Nanoseconds since the Unix epoch; ISO 8601 with microseconds, UTC, on the outside."""

Decimal = NewType("Decimal", str)
"""Decimal text in US dollars."""

Count = NewType("Count", int)
"""A whole number that may be beyond GraphQL's `Int`, which ends at 2^31 - 1."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DECIMAL: Final = re.compile(r"-?\d{1,18}(\.\d{1,30})?([eE]-?\d{1,2})?")


def to_json(text: str) -> JSON:
    """Return JSON text as a value that is put into the answer byte for byte."""
    return JSON(orjson.Fragment(text))


def to_usd(pico: int | None) -> Decimal | None:
    """Return pico-dollars as decimal text; None stays unknown."""
    return None if pico is None else Decimal(format_pico(pico))


def to_time(moment_ns: int | None) -> DateTime | None:
    """Return a moment as what the schema calls it; None stays unknown."""
    return None if moment_ns is None else DateTime(moment_ns)


def to_count(number: int | None) -> Count | None:
    """Return a whole number as what the schema calls it; None stays unknown."""
    return None if number is None else Count(number)


def write_time(value: Any) -> str:
    """Return nanoseconds since the Unix epoch as ISO 8601 text, cut to microseconds."""
    seconds, nanoseconds = divmod(int(value), 10**9)
    return f"{_write_second(seconds)}.{nanoseconds // 1000:06d}Z"


@lru_cache(maxsize=1024)  # the spans of a run share few seconds
def _write_second(seconds: int) -> str:
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}"


def _read_time(value: Any) -> DateTime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(
            "a DateTime is ISO 8601 text, such as '2026-01-31T12:00:00Z'"
        ) from error
    if moment.tzinfo is None:
        raise InvalidArgumentError("a DateTime needs an offset from UTC, such as 'Z'")
    nanoseconds = (moment - _EPOCH) // timedelta(microseconds=1) * 1000
    return DateTime(max(-1, min(nanoseconds, MAX_INT64)))


def _read_count(value: Any) -> Count:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgumentError("a Count is a whole number, such as 1000")
    return Count(value)


def _read_usd(value: Any) -> Decimal:
    text = str(value)
    if isinstance(value, bool) or not _DECIMAL.fullmatch(text):
        raise InvalidArgumentError("a Decimal is a number as text, such as '0.0123'")
    return Decimal(text)


SCALARS: Final[dict[object, ScalarDefinition]] = {
    DateTime: strawberry.scalar(
        name="DateTime",
        description="A moment: ISO 8601 in UTC with microseconds, `2026-01-31T12:00:00.000000Z`.",
        serialize=write_time,
        parse_value=_read_time,
    ),
    Decimal: strawberry.scalar(
        name="Decimal",
        description="An exact amount in US dollars, as decimal text: `0.0123`.",
        serialize=str,
        parse_value=_read_usd,
    ),
    Count: strawberry.scalar(
        name="Count",
        description="A whole number from 0, as a JSON number. It may be beyond `Int`, which ends "
        "at 2^31 - 1; a reader whose numbers are doubles has it exactly up to 2^53.",
        serialize=int,
        parse_value=_read_count,
    ),
}
