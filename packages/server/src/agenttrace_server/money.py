"""Exact money: whole pico-dollars (10^-12 USD) in sums, decimal text on a span."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

PICO_PER_USD: Final = 10**12
# A span costs at most 10^6 USD = 10^18 pico; the context must round only to whole pico.
_CONTEXT: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)


def parse_pico(usd: str) -> int:
    """Return decimal text in US dollars as pico-dollars; digits beyond 10^-12 are rounded.

    Takes whatever `decimal.Decimal` reads as a finite number: more than the wire's validation lets
    through, so that no text which was accepted can fail here.
    """
    scaled = _CONTEXT.multiply(Decimal(usd), Decimal(PICO_PER_USD))
    return int(_CONTEXT.to_integral_value(scaled))


def format_pico(pico: int) -> str:
    """Return pico-dollars as plain decimal text in US dollars, without trailing zeros."""
    whole, rest = divmod(pico, PICO_PER_USD)
    return f"{whole}.{rest:012d}".rstrip("0").rstrip(".")
