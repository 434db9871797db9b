"""The user's own prices: a JSON file that counts more than any other table."""

from __future__ import annotations

import json
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agenttrace.guard import log_warning
from agenttrace.usage.prices import Price, PriceQuery
from agenttrace.usage.token_rates import TokenRates, compute_price, shift_money

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_FILE_BYTES: Final = 16 * 1024 * 1024
_MAX_USD_PER_MILLION: Final = 10**12
_FIELDS: Final = {
    "prompt_usd_per_million": "prompt",
    "completion_usd_per_million": "completion",
    "cached_usd_per_million": "cached",
    "cache_write_usd_per_million": "cache_write",
    "reasoning_usd_per_million": "reasoning",
}


class PriceFile:
    """Prices from a file such as `{"my-model": {"prompt_usd_per_million": "0.25", …}}`.

    A key is a model, or `provider/model`, and may hold `*`; an exact key counts more than a
    pattern, a longer pattern more than a shorter one. The file is read once, with the first price
    that is asked for; one that cannot be meant is answered with one warning, and prices nothing.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._rates: dict[str, TokenRates] | None = None
        self._patterns: list[str] = []

    def find_price(self, query: PriceQuery, /) -> Price | None:
        """Return the price that the file has for the query's model; details have none."""
        if self._rates is None:
            self._rates = self._read()
            self._patterns = sorted((key for key in self._rates if "*" in key), key=_rank)
        if not self._rates or query.details:
            return None
        rates = self._find_rates(self._rates, query)
        usd = None if rates is None else compute_price(query.usage, rates)
        return None if usd is None else Price(usd=usd, table=Path(self._path).name)

    def _find_rates(self, known: Mapping[str, TokenRates], query: PriceQuery) -> TokenRates | None:
        names = (
            [query.model]
            if query.provider is None
            else [f"{query.provider}/{query.model}", query.model]
        )
        for name in names:
            if name in known:
                return known[name]
        for pattern in self._patterns:
            if any(fnmatchcase(name, pattern) for name in names):
                return known[pattern]
        return None

    def _read(self) -> dict[str, TokenRates]:
        try:
            with Path(self._path).open("rb") as file:
                data = file.read(_MAX_FILE_BYTES + 1)
            if len(data) > _MAX_FILE_BYTES:
                raise ValueError(f"it has more than {_MAX_FILE_BYTES} bytes")  # noqa: TRY301 -- told like the rest
            content = json.loads(data, parse_float=Decimal, parse_int=Decimal)
            return read_prices(content)
        except (OSError, ValueError, RecursionError) as error:
            log_warning(
                f"AGENTTRACE_PRICES is {self._path!r}, which prices nothing: {error}. Expected "
                'JSON such as {"my-model": {"prompt_usd_per_million": "0.25", '
                '"completion_usd_per_million": "1.00"}}.'
            )
            return {}


def read_prices(content: object) -> dict[str, TokenRates]:
    """Return rates by model from a file's content.

    Raises:
        ValueError: for whatever is no table of prices; it says where.

    """
    if not isinstance(content, dict):
        raise ValueError("the file holds no JSON object")  # noqa: TRY004 -- of the file, as the rest
    return {model: _read_rates(model, prices) for model, prices in content.items()}


def _read_rates(model: str, prices: object) -> TokenRates:
    if not isinstance(prices, dict):
        raise ValueError(f"{model!r} holds no JSON object")  # noqa: TRY004 -- as in read_prices
    found: dict[str, Decimal] = {}
    for key, value in prices.items():
        if key not in _FIELDS:
            raise ValueError(f"{model!r} has {key!r}; expected some of {', '.join(_FIELDS)}")
        found[_FIELDS[key]] = shift_money(_read_money(f"{model!r} {key}", value), -6)
    if not found:
        raise ValueError(f"{model!r} has no price")
    return TokenRates(**found)


def _read_money(where: str, value: Any) -> Decimal:
    try:
        amount = Decimal(value) if isinstance(value, str | Decimal) else Decimal("NaN")
    except ArithmeticError:
        amount = Decimal("NaN")
    if not amount.is_finite() or not 0 <= amount <= _MAX_USD_PER_MILLION:
        raise ValueError(
            f"{where} is {value!r}; expected US dollars, from 0 to {_MAX_USD_PER_MILLION}"
        )
    return amount


def _rank(pattern: str) -> tuple[int, str]:
    return (-len(pattern), pattern)
