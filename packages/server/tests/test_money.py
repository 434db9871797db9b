"""Exact money."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agenttrace_server.money import format_pico, parse_pico


@given(st.integers(0, 10**30))
def test_every_sum_survives_its_text(pico: int) -> None:
    """What is shown is what is kept, to the last digit."""
    assert parse_pico(format_pico(pico)) == pico


@given(st.lists(st.decimals(0, 10**6, places=12, allow_nan=False), max_size=50))
def test_adding_up_is_exact(amounts: list[Decimal]) -> None:
    """A sum of pico-dollars is the sum of the amounts: no order and no rounding."""
    assert sum(parse_pico(str(amount)) for amount in amounts) == sum(amounts) * 10**12


@pytest.mark.parametrize(
    ("usd", "shown"),
    [
        ("0", "0"),
        ("1E-7", "0.0000001"),
        ("10.50", "10.5"),
        ("100", "100"),
        ("0.0000000000005", "0"),
        ("0.0000000000015", "0.000000000002"),
        ("1e-400", "0"),
        ("1e-999999999", "0"),
        ("0e999999999", "0"),
        (" 1_0 ", "10"),
        ("+00.5", "0.5"),
    ],
)
def test_amounts_are_shown_plainly(usd: str, shown: str) -> None:
    """No exponent, no trailing zeros; half of the last digit goes to the even one.

    Whatever `Decimal` reads is read, as the wire's validation does.
    """
    assert format_pico(parse_pico(usd)) == shown
