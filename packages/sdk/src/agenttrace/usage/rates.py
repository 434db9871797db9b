"""Money: US dollars a token in, exact decimal text out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from agenttrace.errors import ConfigurationError

if TYPE_CHECKING:
    from decimal import Decimal

    from agenttrace.wire import UsageRecord

_MAX_COST_USD: Final = 1_000_000


class Rates(NamedTuple):
    """US dollars a token; None is unknown."""

    prompt: Decimal | None
    completion: Decimal | None


def read_rates(
    prompt: float | str | Decimal | None, completion: float | str | Decimal | None
) -> Rates:
    """Return exact rates; a float counts as the decimal number that it is written as.

    Raises:
        ConfigurationError: when a rate is negative or no number.

    """
    return Rates(
        _read_money(prompt, "cost_per_prompt_token"),
        _read_money(completion, "cost_per_completion_token"),
    )


def _read_money(value: float | str | Decimal | None, name: str) -> Decimal | None:
    if value is None:
        return None
    from decimal import Decimal, InvalidOperation  # noqa: PLC0415 -- 2 ms that only priced calls pay

    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or not 0 <= amount <= _MAX_COST_USD:
        raise ConfigurationError(
            f"{name} is {value!r}; expected US dollars a token, from 0 to {_MAX_COST_USD}"
        )
    return amount


def compute_cost(usage: UsageRecord, rates: Rates) -> str | None:
    """Return the exact cost as decimal text; None when a figure or a rate it needs is unknown."""
    from decimal import Decimal, localcontext  # noqa: PLC0415 -- as in _read_money

    prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
    total = Decimal(0)
    with localcontext() as context:
        context.prec = 200
        for tokens, rate in ((prompt, rates.prompt), (completion, rates.completion)):
            if tokens is None and rate is None:
                continue
            if tokens is None or (rate is None and tokens > 0):
                return None
            total += tokens * (rate or Decimal(0))
        if prompt is None and completion is None:
            return None
        return write_money(total)


def write_money(amount: Decimal) -> str | None:
    """Return decimal text without sign, exponent or needless zeros; None beyond the limit.

    What is smaller than 10^-40 dollars is rounded away: the wire carries 40 decimals.
    """
    from decimal import Context, Decimal  # noqa: PLC0415 -- as in _read_money

    if not amount.is_finite() or not 0 <= amount <= _MAX_COST_USD:
        return None
    exact = amount.quantize(Decimal("1e-40"), context=Context(prec=60))
    return f"{exact.copy_abs():f}".rstrip("0").rstrip(".")
