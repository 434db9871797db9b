"""The price book of a tracer: the user's file, then the tables of plugins or the built-in ones.

This module brings all that prices need but the list itself, so that nothing is imported later on a
thread of the recorder: in a child forked meanwhile, what is half imported stays so.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeAlias, cast

from agenttrace.usage.list_prices import GenaiPrices
from agenttrace.usage.price_file import PriceFile
from agenttrace.usage.prices import GENAI_PRICES, NamedTable, PriceBook

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agenttrace.guard import Guard

ListTables: TypeAlias = "Callable[[], Sequence[tuple[str, object]]]"


def make_price_book(path: str | None, list_tables: ListTables | None, *, guard: Guard) -> PriceBook:
    """Return a book of the user's file, when there is one, and the tables that are listed.

    Without `list_tables` these are the built-in ones; so they are when it raises.
    """
    tables: list[NamedTable] = []
    if path is not None:
        tables.append(("prices", PriceFile(path)))
    try:
        # A plugin's table need not inherit anything: the book checks what it answers.
        tables += cast("list[NamedTable]", (list_tables or list_builtin_tables)())
    except BaseException as error:  # noqa: BLE001 -- plugins are someone else's code
        guard.note("price_tables", error)
        tables += list_builtin_tables()
    return PriceBook(tables, guard=guard)


def list_builtin_tables() -> list[NamedTable]:
    """Return the list prices of genai-prices when it is installed (`agenttrace[prices]`)."""
    if find_spec("genai_prices") is None:
        return []
    return [(GENAI_PRICES, GenaiPrices())]
