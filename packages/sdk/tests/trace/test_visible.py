"""What people see: recorded text cannot act on them or their terminal."""

from __future__ import annotations

import json
import unicodedata
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agenttrace.trace.visible import (
    escape_json,
    fit_cells,
    measure_cells,
    show_duration,
    show_lines,
    show_text,
    show_time,
    show_usd,
    write_time,
)

ACTIVE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b]52;c;eA==\x07", r"\x1b[31mred\x1b]52;c;eA==\x07"),
        ("\x9b2J", r"\x9b2J"),
        ("one\r\ntwo\tthree", r"one\r\ntwo\tthree"),
        ("pay \u202eLMX\u202c", r"pay \u202eLMX\u202c"),
        ("se\u200barch", r"se\u200barch"),
        ("tag\U000e0041", r"tag\U000e0041"),
        ("München 5 € 漢字 😀", "München 5 € 漢字 😀"),
        ("e" + "\u0301" * 100_000, "e" + "\u0301" * 4 + "…"),
    ],
)
def test_what_is_not_printed_stands_escaped(text: str, shown: str) -> None:
    """Terminal escapes, line ends, direction overrides, invisible characters, towers of marks."""
    assert show_text(text) == shown


@given(st.text())
def test_a_shown_text_is_one_harmless_line(text: str) -> None:
    """Whatever was recorded."""
    assert not {unicodedata.category(char) for char in show_text(text)} & ACTIVE
    lines = show_lines(text).replace("\n", "").replace("\t", "")
    assert not {unicodedata.category(char) for char in lines} & ACTIVE


@given(st.text() | st.dictionaries(st.text(), st.text()))
def test_escaped_json_is_the_same_json(value: object) -> None:
    """A program reads what it would have read; a terminal obeys nothing."""
    text = escape_json(json.dumps(value, ensure_ascii=False))
    assert json.loads(text) == value
    assert not {"\x1b", "\x9b", "\u202e", "\u200b", "\u2028"} & set(text)


@given(st.text(), st.integers(0, 20))
def test_a_fitted_text_takes_the_columns_it_was_given(text: str, cells: int) -> None:
    """Wide characters count twice, marks not at all."""
    assert measure_cells(fit_cells(show_text(text), cells)) == cells


@pytest.mark.parametrize(
    ("duration_ns", "shown"),
    [
        (0, "0.00 ms"),
        (420_000, "0.42 ms"),
        (12_340_000, "12.3 ms"),
        (2_310_000_000, "2.31 s"),
        (192_000_000_000, "3 min 12 s"),
        (7_500_000_000_000, "2 h 5 min"),
    ],
)
def test_durations(duration_ns: int, shown: str) -> None:
    """Three digits that matter."""
    assert show_duration(duration_ns) == shown


def test_times_of_any_size() -> None:
    """The last nanosecond that the wire can say is centuries away, and no error."""
    assert write_time(1_700_000_000_123_456_789) == "2023-11-14T22:13:20.123456Z"
    assert show_time(0, is_local=False) == "1970-01-01 00:00:00"
    assert write_time(2**63 - 1) == "2262-04-11T23:47:16.854775Z"


def test_money_keeps_every_decimal() -> None:
    """And has two at least."""
    assert show_usd(Decimal("1234.5")) == "$1,234.50"
    assert show_usd(Decimal("0.0000001")) == "$0.0000001"
    assert show_usd(Decimal(0)) == "$0.00"
