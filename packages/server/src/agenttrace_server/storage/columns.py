"""Column types of this store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BigInteger, Integer, String
from sqlalchemy.types import TypeDecorator

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import Dialect

PICO_DIGITS: Final = 30

COUNTER: Final = BigInteger().with_variant(Integer(), "sqlite")
"""Of a recorder, below 2^53: a process of a run counts from its id times 2^30 on. SQLite's integers
have 64 bits whatever they are called."""


class PicoUsd(TypeDecorator[int]):
    """A sum of pico-dollars that sorts and compares in SQL; None is unknown and sorts lowest.

    Zero-padded text: SQLite's integers end at 9.2 million dollars in pico, and a sum must not
    wrap or turn into a float.
    """

    impl = String(PICO_DIGITS)
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> str:  # noqa: ARG002 -- SQLAlchemy's
        """Write the number as text; unknown as the empty text."""
        return write_pico(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:  # noqa: ARG002 -- SQLAlchemy's
        """Read what `process_bind_param` wrote."""
        return read_pico(value)


def write_pico(value: int | None) -> str:
    """Return a sum as the column holds it."""
    return "" if value is None else f"{value:0{PICO_DIGITS}d}"


def read_pico(text: str | None) -> int | None:
    """Return the sum that `write_pico` wrote."""
    return int(text) if text else None
