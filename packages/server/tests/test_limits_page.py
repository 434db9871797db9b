"""The page of limits says what the code does."""

from __future__ import annotations

import re
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "limits.md"
ROW = re.compile(
    r"^\| (?P<what>[^|]+) \| (?P<most>[^|]+) \| `(?P<module>[\w.]+):(?P<name>\w+)` \|$"
)
UNITS = {"KiB": 1024, "MiB": 1024**2, "s": 1, "min": 60, "days": 24 * 60 * 60}
ROWS = [found for line in PAGE.read_text("utf-8").splitlines() if (found := ROW.match(line))]


def _read_amount(text: str) -> int:
    number, _, unit = text.partition(" ")
    return int(number.replace(",", "")) * UNITS.get(unit, 1)


def test_every_row_is_read() -> None:
    """One that is written otherwise would hold nothing."""
    table = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    heads = [line for line in table if line.startswith(("| what |", "| --- |"))]
    assert len(ROWS) == len(table) - len(heads) >= 50


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_a_limit_is_the_code_s(row: re.Match[str]) -> None:
    """By its name: as a number, or as so many in so much time."""
    value = getattr(import_module(row["module"]), row["name"])
    said = tuple(_read_amount(part) for part in row["most"].split(" in "))
    if isinstance(value, timedelta):
        value = value.total_seconds()
    assert said == (value if isinstance(value, tuple) else (value,))
