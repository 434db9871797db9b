"""A report as plain text for a terminal, and where its words of judgement stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agenttrace.trace.visible import fit_cells, measure_cells, show_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agenttrace.diff.formats.report import Report, Table
    from agenttrace.diff.gates.model import GateReport

_CELL_CHARS: Final = 60
STYLES: Final = {
    "pass": "green",
    "fail": "bold red",
    "inconclusive": "yellow",
    "regression": "bold red",
    "improvement": "green",
    "equivalent": "dim",
    "added": "green",
    "removed": "red",
    "changed": "yellow",
}
"""The style of a cell that is one of these words."""


def write_text(
    report: Report, *, paint: Callable[[str, str], str] = lambda text, _style: text
) -> Iterator[str]:
    """Yield the lines of a report; `paint` gives a text a style where styles are shown."""
    yield f"{report.title}: {show_text(report.base)} -> {show_text(report.head)}"
    for sentence in report.summary:
        yield f"  {show_text(sentence, max_chars=1000)}"
    for warning in report.warnings:
        yield paint(f"  ! {show_text(warning, max_chars=1000)}", "yellow")
    for table in report.tables:
        if table.rows:
            yield from _write_table(table, paint)
    if report.gates is not None:
        yield from write_gates(report.gates, paint)


def write_gates(gates: GateReport, paint: Callable[[str, str], str]) -> Iterator[str]:
    """Yield the lines of the gates alone."""
    yield ""
    yield f"Gates: {paint(gates.status.value, STYLES[gates.status.value])}"
    width = max((len(result.status.value) for result in gates.results), default=0)
    for result in gates.results:
        mark = paint(result.status.value.ljust(width), STYLES[result.status.value])
        yield f"  {mark}  {show_text(result.name)}: {show_text(result.message, max_chars=1000)}"
        for detail in result.details:
            yield f"  {' ' * width}    {show_text(detail)}"


def _write_table(table: Table, paint: Callable[[str, str], str]) -> Iterator[str]:
    rows = [[show_text(cell, max_chars=_CELL_CHARS) for cell in row] for row in table.rows]
    widths = [
        max(measure_cells(cell) for cell in column)
        for column in zip(table.columns, *rows, strict=True)
    ]
    yield ""
    yield paint(table.title, "bold")
    heads = (fit_cells(name, width) for name, width in zip(table.columns, widths, strict=True))
    yield paint(f"  {'  '.join(heads)}".rstrip(), "dim")
    for row in rows:
        cells = zip(row, widths, strict=True)
        yield f"  {'  '.join(_paint_cell(*cell, paint) for cell in cells)}".rstrip()
    if table.note is not None:
        yield paint(f"  ({table.note})", "dim")


def _paint_cell(cell: str, width: int, paint: Callable[[str, str], str]) -> str:
    fitted = fit_cells(cell, width)
    return paint(fitted, STYLES[cell]) if cell in STYLES else fitted
