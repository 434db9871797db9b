"""The rows of a run as lines of a terminal, no wider than it is; piped, as wide as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agenttrace.trace.text import draw_guide, write_name
from agenttrace.trace.visible import fit_cells, measure_cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace.cli.output import Screen
    from agenttrace.trace.outline import Row
    from agenttrace.trace.run import RecordedRun
    from agenttrace.trace.text import Glyphs

KIND_STYLES: Final = {
    "llm": "magenta",
    "tool": "cyan",
    "decision": "yellow",
    "retrieval": "blue",
    "agent": "green",
    "exception": "red",
}
SPAN_STATUS_STYLES: Final = {
    "ERROR": "bold red",
    "CANCELLED": "yellow",
    "INTERRUPTED": "yellow",
    "STARTED": "cyan",
}
_FIGURES: Final = ("duration", "tokens", "cost")
_MIN_NAME: Final = 20
_MIN_DETAIL: Final = 20
_BAR_CELLS: Final = 16
_MIN_WIDTH_FOR_BARS: Final = 100
# What a narrow terminal can do without, first to go first.
_SPARE: Final = ("bar", "kind", "cost", "tokens")


class TreePainter:
    """Paints the rows of one run, all in the same columns."""

    def __init__(
        self, screen: Screen, run: RecordedRun, rows: Sequence[Row], glyphs: Glyphs
    ) -> None:
        self._screen = screen
        self._run = run
        self._glyphs = glyphs
        names = (draw_guide(row, glyphs) + write_name(row, glyphs) for row in rows)
        self._name_cells = max(map(measure_cells, names), default=0)
        self._cells = {
            column: max((measure_cells(getattr(row, column)) for row in rows), default=0)
            for column in ("kind", *_FIGURES)
        }
        self._span_ns = run.measure_ns()
        has_bars = screen.width is not None and screen.width >= _MIN_WIDTH_FOR_BARS
        self._cells["bar"] = _BAR_CELLS if has_bars and self._span_ns and glyphs.state != "*" else 0
        self._detail_cells: int | None = None
        if screen.width is not None:
            self._fit(screen.width)

    def _fit(self, width: int) -> None:
        for column in _SPARE:
            if self._measure_rest(width) >= _MIN_DETAIL:
                break
            self._cells[column] = 0
        beyond = _MIN_DETAIL - self._measure_rest(width)
        if beyond > 0:
            self._name_cells = max(_MIN_NAME, self._name_cells - beyond)
        self._detail_cells = max(0, self._measure_rest(width))

    def _measure_rest(self, width: int) -> int:
        taken = [cells for cells in self._cells.values() if cells]
        return width - self._name_cells - sum(taken) - 2 * (len(taken) + 1)

    def paint(self, row: Row) -> str:
        """Return the line of a row."""
        paint = self._screen.paint
        kind_style = KIND_STYLES.get(row.kind, "dim")
        status_style = SPAN_STATUS_STYLES.get(row.status, "")
        cells = [self._paint_name(row, status_style)]
        if self._cells["kind"]:
            cells.append(paint(row.kind.ljust(self._cells["kind"]), kind_style))
        for column in _FIGURES:
            if self._cells[column]:
                figure = getattr(row, column).rjust(self._cells[column])
                cells.append(paint(figure, "" if column == "duration" else "dim"))
        if self._cells["bar"]:
            cells.append(paint(self._draw_bar(row), status_style or kind_style))
        detail = row.detail
        if self._detail_cells is not None and measure_cells(detail) > self._detail_cells:
            detail = fit_cells(detail, self._detail_cells)
        cells.append(paint(detail, status_style or ("red" if row.kind == "exception" else "dim")))
        return "  ".join(cells).rstrip()

    def indent_below(self, row: Row) -> str:
        """Return what stands before a line that belongs to the row above it."""
        glyphs = self._glyphs
        return "".join(glyphs.nothing if last else glyphs.pass_by for last in row.is_last) + "  "

    def _paint_name(self, row: Row, status_style: str) -> str:
        guide = draw_guide(row, self._glyphs)
        room = self._name_cells - len(guide)
        if room < 1:  # a deep tree in a narrow terminal
            guide, room = guide[-3:], self._name_cells - 3
        name = fit_cells(write_name(row, self._glyphs), room)
        style = status_style or ("" if row.span is not None else "italic")
        return self._screen.paint(guide, "dim") + self._screen.paint(name, style)

    def _draw_bar(self, row: Row) -> str:
        if row.span is None:
            return " " * _BAR_CELLS
        start_ns = row.span.start_ns - self._run.start_ns
        length_ns = row.span.duration_ns
        first = min(max(start_ns * _BAR_CELLS // self._span_ns, 0), _BAR_CELLS - 1)
        if length_ns is None:
            return (" " * first + "┄" * (_BAR_CELLS - first))[:_BAR_CELLS]
        last = max((start_ns + length_ns) * _BAR_CELLS // self._span_ns, first + 1)
        return (" " * first + "━" * (last - first)).ljust(_BAR_CELLS)[:_BAR_CELLS]
