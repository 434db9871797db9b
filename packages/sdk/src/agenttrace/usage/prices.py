"""Price tables: what is asked, what is answered, and the book that asks one table after another.

Runs on the recording thread only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from agenttrace.attributes import clean_name
from agenttrace.usage.rates import write_money

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agenttrace.guard import Guard
    from agenttrace.wire import CostRecord, UsageRecord

GENAI_PRICES: Final = "genai-prices"


@dataclass(frozen=True, kw_only=True, slots=True)
class PriceQuery:
    """A call whose price is asked for.

    Attributes:
        provider: who served it, under OpenTelemetry's `gen_ai.provider.name`; None is unknown.
        model: the model that answered, as the answer names it.
        usage: the tokens; `cached_tokens` and `cache_write_tokens` are parts of `prompt_tokens`,
            `reasoning_tokens` of `completion_tokens`. What is unknown is absent.
        at_ns: when the call began, ns since the Unix epoch.
        details: what has a price of its own beside the usage, for most calls nothing:
            `service_tier` (text: `batch`, `flex`, `priority`, `fast`…), `cache_write_1h_tokens`,
            `web_searches`, and tokens by modality such as `input_audio_tokens`. These are parts of
            the tokens in `usage`. A table that cannot price a detail answers None.

    """

    provider: str | None = None
    model: str
    usage: UsageRecord
    at_ns: int
    details: Mapping[str, int | str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """What a call costs: exact US dollars, and the table with its version that says so."""

    usd: Decimal
    table: str


class PriceTable(Protocol):
    """Knows what models cost. It is asked on the recording thread for each call that has no cost.

    It should answer within microseconds, from memory: nothing is cached for it.
    """

    def find_price(self, query: Any, /) -> Price | None:
        """Return the price of the call in `query`, a `PriceQuery`; None is unknown, never free."""


NamedTable: TypeAlias = tuple[str, PriceTable]


class PriceBook:
    """Asks tables in their order; the first that knows a price is believed.

    A table that raises, or answers something else than a price, is passed over: that is counted
    under `price_table:NAME` in `Tracer.stats()`.
    """

    def __init__(self, tables: Iterable[NamedTable], *, guard: Guard) -> None:
        self._tables = tuple(tables)
        self._guard = guard

    def find_cost(self, query: PriceQuery) -> CostRecord | None:
        """Return the cost as the wire has it; None when no table knows it."""
        for name, table in self._tables:
            try:
                price = table.find_price(query)
                if price is not None:
                    return _write_cost(price)
            except BaseException as error:  # noqa: BLE001 -- a table may be a plugin's code
                self._guard.note(f"price_table:{name}", error)
        return None


def _write_cost(price: object) -> CostRecord:
    if not isinstance(price, Price) or not isinstance(price.usd, Decimal):
        raise TypeError(f"find_price() returned a {type(price).__name__}; expected a Price")
    usd = write_money(price.usd)
    if usd is None:
        raise ValueError("find_price() returned a price that is negative, not finite or too large")
    return {"usd": usd, "source": "price_table", "table": clean_name(price.table)}
