"""Exact money."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agenttrace.wire.models import ValidSpan
from agenttrace.wire.validation import WireError, parse_line
from agenttrace_server.money import format_pico, parse_pico


@given(st.integers(0, 10**30))
def test_every_sum_survives_its_text(pico: int) -> None:
    """What is shown is what is kept, to the last digit."""
    assert parse_pico(format_pico(pico)) == pico


@given(st.lists(st.decimals(0, 10**6, places=12, allow_nan=False), max_size=50))
def test_adding_up_is_exact(amounts: list[Decimal]) -> None:
    """A sum of pico-dollars is the sum of the amounts: no order and no rounding."""
    assert sum(parse_pico(str(amount)) for amount in amounts) == sum(amounts) * 10**12


def make_line(usd: str) -> bytes:
    """Return the line of a span that costs this."""
    span = {
        "v": 1,
        "type": "span",
        "run_id": "0" * 32,
        "span_id": "0" * 16,
        "rev": 0,
        "name": "s",
        "span_type": "LLM_CALL",
        "status": "STARTED",
        "start_ns": 0,
        "seq": 0,
        "lane": 0,
        "effect": "none",
        "cost": {"usd": usd, "source": "reported"},
    }
    return json.dumps(span).encode()


_NUMERALS = st.text(st.sampled_from("0123456789.eE+-_ \n\u0661\uff11"), min_size=1, max_size=60)
_EXPONENTS = st.builds("{}E{}".format, st.integers(-9, 9), st.integers(-(10**9), 10**9))


@given(
    st.decimals(allow_nan=True).map(str)
    | st.from_regex(r"[0-9]{1,7}(\.[0-9]{1,41})?")
    | _NUMERALS
    | _EXPONENTS
)
@example("0E+999999999")
@example("1_000")
@example("-0")
@example("1000000." + "0" * 40)
def test_whatever_the_wire_takes_can_be_added_up(usd: str) -> None:
    """Within the limit of a span, without rounding beyond pico-dollars; else the line is refused.

    A value that only one of the two understands would fail the whole request, again and again.
    """
    try:
        record = parse_line(make_line(usd))
    except WireError:
        return
    assert isinstance(record, ValidSpan)
    assert record.cost is not None
    pico = parse_pico(record.cost.usd)
    assert 0 <= pico <= 10**18
    assert abs(Fraction(record.cost.usd) * 10**12 - pico) <= Fraction(1, 2)


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
