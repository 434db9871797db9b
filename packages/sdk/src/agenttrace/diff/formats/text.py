"""A report as plain text for a terminal, and where its words of judgement stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agenttrace.trace.visible import fit_cells, measure_cells, show_text, wrap_cells

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agenttrace.diff.formats.report import Report, Table
    from agenttrace.diff.gates.model import GateReport

_CELL_CHARS: Final = 60
_LEAST_CELLS: Final = 4
"""A column with less room than this stands below the row."""

STYLES: Final = {
    "pass": "green",
    "fail": "bold red",
    "inconclusive": "yellow",
    "regression": "bold red",
    "improvement": "green",
    "equivalent": "dim",
    "more": "yellow",
    "fewer": "yellow",
    "less": "yellow",
    "added": "green",
    "removed": "red",
    "changed": "yellow",
}
"""The style of a cell that is one of these words."""


def write_text(
    report: Report,
    *,
    paint: Callable[[str, str], str] = lambda text, _style: text,
    width: int | None = None,
) -> Iterator[str]:
    """Yield the lines of a report; `paint` gives a text a style where styles are shown.

    With a width, in columns, prose is broken between words, and what a table has no room for stands
    below each row.
    """
    yield f"{report.title}: {show_text(report.base)} -> {show_text(report.head)}"
    for sentence in report.summary:
        yield from wrap_cells(f"  {show_text(sentence, max_chars=1000)}", width, indent=4)
    for warning in report.warnings:
        text = f"  ! {show_text(warning, max_chars=1000)}"
        yield from (paint(line, "yellow") for line in wrap_cells(text, width, indent=4))
    for table in report.tables:
        if table.rows:
            yield from _write_table(table, paint, width)
    if report.gates is not None:
        yield from write_gates(report.gates, paint, width)


def write_gates(
    gates: GateReport, paint: Callable[[str, str], str], width: int | None = None
) -> Iterator[str]:
    """Yield the lines of the gates alone; a width is in columns."""
    yield ""
    yield f"Gates: {paint(gates.status.value, STYLES[gates.status.value])}"
    room = max((len(result.status.value) for result in gates.results), default=0)
    for result in gates.results:
        mark = result.status.value.ljust(room)
        text = f"  {mark}  {show_text(result.name)}: {show_text(result.message, max_chars=1000)}"
        first, *rest = wrap_cells(text, width, indent=room + 6)
        yield f"  {paint(mark, STYLES[result.status.value])}{first[room + 2 :]}"
        yield from rest
        for detail in result.details:
            yield from wrap_cells(f"  {' ' * room}    {show_text(detail)}", width, indent=room + 8)


def _write_table(
    table: Table, paint: Callable[[str, str], str], width: int | None
) -> Iterator[str]:
    rows = [[show_text(cell, max_chars=_CELL_CHARS) for cell in row] for row in table.rows]
    widths = [
        max(measure_cells(cell) for cell in column)
        for column in zip(table.columns, *rows, strict=True)
    ]
    yield ""
    yield paint(table.title, "bold")
    kept = len(widths)
    if width is not None:
        cells = [max((measure_cells(row[n]) for row in rows), default=0) for n in range(kept)]
        widths = _fit_columns(widths, cells, width)
        kept = len(widths)
    heads = (fit_cells(name, room) for name, room in zip(table.columns, widths, strict=False))
    yield paint(f"  {'  '.join(heads)}".rstrip(), "dim")
    for row in rows:
        shown = zip(row, widths, strict=False)
        yield f"  {'  '.join(_paint_cell(*cell, paint) for cell in shown)}".rstrip()
        rest = zip(table.columns[kept:], row[kept:], strict=True)
        below = ", ".join(f"{name} {cell}" for name, cell in rest)
        if below and width is not None:
            for line in wrap_cells(f"    {below}", width, indent=6):
                yield paint(fit_cells(line, min(width, measure_cells(line))), "dim")
    if table.note is not None:
        for line in wrap_cells(f"  ({table.note})", width, indent=3):
            yield paint(line, "dim")


def _fit_columns(widths: list[int], cells: list[int], width: int) -> list[int]:
    """Return the widths of the columns that a terminal has room for: from the left, none cut.

    `cells` are the widths without the names above, which may be cut; the first column is always
    there, cut where it is wider than the terminal.
    """
    kept: list[int] = []
    left = width
    for each, least in zip(widths, cells, strict=True):
        left -= 2  # between two columns, and before the first
        if kept and left < max(least, _LEAST_CELLS):
            break
        kept.append(max(0, min(each, left)))
        left -= each
    return kept


def _paint_cell(cell: str, room: int, paint: Callable[[str, str], str]) -> str:
    fitted = fit_cells(cell, room)
    return paint(fitted, STYLES[cell]) if cell in STYLES else fitted
