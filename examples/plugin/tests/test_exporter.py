"""What the file holds: merged snapshots, whatever order they come in; money as it was."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, cast

import pytest

from agenttrace import ConfigurationError, Tracer
from agenttrace.plugins import ExportResult, Record
from agenttrace_shop import Money
from agenttrace_shop.exporter import SQLiteExporter, read_records

if TYPE_CHECKING:
    from pathlib import Path

RUN: dict[str, Any] = {"v": 1, "type": "run", "run_id": "a" * 32, "name": "r", "start_ns": 1}
SNAPSHOTS = [
    {**RUN, "rev": 0, "status": "STARTED", "tags": ["only here"]},
    {**RUN, "rev": 1, "status": "STARTED", "name": "renamed"},
    {**RUN, "rev": 1, "status": "COMPLETED", "end_ns": 9},
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_the_order_of_snapshots_has_no_meaning(tmp_path: Path, order: tuple[int, ...]) -> None:
    """The end wins over the start, and what only a start says stays."""
    exporter = SQLiteExporter(str(tmp_path / "runs.db"))
    for index in (*order, *order):
        batch = cast("list[Record]", [SNAPSHOTS[index]])
        assert exporter.export(batch) == ExportResult.DELIVERED
    exporter.shutdown(timeout_s=5)
    (run,) = read_records(tmp_path / "runs.db")
    expected = {**RUN, "rev": 1, "status": "COMPLETED", "end_ns": 9, "tags": ["only here"]}
    assert run == expected


def test_a_program_records_into_a_file(tmp_path: Path) -> None:
    """By the exporter's name alone."""
    tracer = Tracer(exporter=f"sqlite:{tmp_path / 'runs.db'}")
    with tracer.run("order"), tracer.span("pay", input={"price": Money("12.50", "EUR")}):
        pass
    assert tracer.shutdown(timeout_s=10)
    found = [(r["type"], r["name"], r["status"]) for r in read_records(tmp_path / "runs.db")]
    assert found == [("run", "order", "COMPLETED"), ("span", "pay", "COMPLETED")]


def test_a_file_that_is_no_database_refuses_records(tmp_path: Path) -> None:
    """For good, with the reason; the file stays as it was."""
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to be looked at " * 100)
    text = path.read_text()
    exporter = SQLiteExporter(str(path))
    result = exporter.export(cast("list[Record]", SNAPSHOTS[:1]))
    exporter.shutdown(timeout_s=5)
    assert result == ExportResult.REJECTED({0: "write_failed: file is not a database"})
    assert path.read_text() == text


def test_a_path_is_needed() -> None:
    """Said in one line, while the program is set up."""
    with pytest.raises(ConfigurationError, match=r"^the exporter sqlite needs a path: sqlite:"):
        Tracer(exporter="sqlite:")


def test_money_is_exact() -> None:
    """Two amounts are equal when they are the same money."""
    assert Money("0.10", "EUR") == Money("0.1", "EUR") != Money("0.1", "USD")
    assert repr(Money("1", "EUR")) == "Money('1.00', 'EUR')"
    with pytest.raises(ValueError, match="finer than a hundredth"):
        Money("0.001", "EUR")
