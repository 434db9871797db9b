"""Figures as tables show them."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from agenttrace.trace.visible import show_duration, show_usd

UNKNOWN: Final = "unknown"
_NS_PER_MS: Final = 1_000_000
_SMALL: Final = 100


def show_figure(value: float | None, unit: str) -> str:
    """Return a figure with its unit; `unknown` of None."""
    if value is None:
        return UNKNOWN
    if unit == "USD":
        return show_usd(Decimal(f"{value:.6f}"))
    if unit == "ms":
        return show_duration(round(value * _NS_PER_MS))
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.2f}" if abs(value) < _SMALL else f"{value:,.0f}"


def show_percent(percent: float | None) -> str:
    """Return a change in percent with its sign; `-` where there is none to tell."""
    return "-" if percent is None else f"{percent:+.1f} %"
