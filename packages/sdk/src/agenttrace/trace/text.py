"""A run as plain text: what `str(run)`, a failing test and a pipe show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from agenttrace.trace.outline import (
    MAX_INDENT,
    describe_annotation,
    describe_drops,
    describe_error,
    describe_totals,
    make_outline,
)
from agenttrace.trace.visible import (
    fit_cells,
    measure_cells,
    show_duration,
    show_text,
    show_time,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace.trace.outline import Row
    from agenttrace.trace.run import RecordedRun


class Glyphs(NamedTuple):
    """What a tree is drawn with."""

    branch: str
    last: str
    pass_by: str
    nothing: str
    state: str


UNICODE: Final = Glyphs("├─ ", "└─ ", "│  ", "   ", "•")
ASCII: Final = Glyphs("|- ", "`- ", "|  ", "   ", "*")
_COLUMNS: Final = ("kind", "duration", "tokens", "cost")


def write_run(run: RecordedRun) -> str:
    """Return the run's head and its tree, lines as long as they are."""
    rows = make_outline(run)
    return "\n".join([*write_head(run), *write_rows(rows)])


def write_head(run: RecordedRun) -> list[str]:
    """Return the lines above the tree: what ran, how it ended, and what it adds up to."""
    state = run.status.value if run.is_finished else "unfinished"
    duration = "" if run.duration_ns is None else f"  {show_duration(run.duration_ns)}"
    lines = [f"{show_text(run.name)}  {state}{duration}"]
    facts = [f"run {run.run_id}", f"started {show_time(run.start_ns)}"]
    if run.correlation_id is not None and run.correlation_id != run.run_id:
        facts.append(f"correlation {show_text(run.correlation_id)}")
    if run.tags:
        facts.append("tags " + ", ".join(show_text(tag) for tag in run.tags))
    lines.append(" · ".join(facts))
    lines.append(describe_totals(run.totals()))
    if run.error is not None:
        lines.append(f"error {describe_error(run.error)}")
    if run.dropped:
        lines.append(describe_drops(run.dropped))
    lines += [f"said: {describe_annotation(each)}" for each in run.annotations_of(None)]
    return lines


def write_rows(rows: Sequence[Row], *, glyphs: Glyphs = UNICODE) -> list[str]:
    """Return a line for each row, columns aligned."""
    names = [draw_guide(row, glyphs) + write_name(row, glyphs) for row in rows]
    columns = [names, *([getattr(row, column) for row in rows] for column in _COLUMNS)]
    widths = [max(map(measure_cells, column), default=0) for column in columns]
    lines = []
    for at, row in enumerate(rows):
        name, kind, *figures = (column[at] for column in columns)
        cells = [fit_cells(name, widths[0]), kind.ljust(widths[1])]
        cells += [f.rjust(width) for f, width in zip(figures, widths[2:], strict=True) if width]
        lines.append("  ".join([*cells, row.detail]).rstrip())
    return lines


def draw_guide(row: Row, glyphs: Glyphs) -> str:
    """Return the lines of the tree before a row's name; beyond `MAX_INDENT` a number."""
    *above, is_last = row.is_last
    lines = "".join(glyphs.nothing if last else glyphs.pass_by for last in above)
    if row.depth > MAX_INDENT:
        return f"{lines}[{row.depth}] "
    return lines + (glyphs.last if is_last else glyphs.branch)


def write_name(row: Row, glyphs: Glyphs) -> str:
    """Return a row's name, with a dot before it where it is no span."""
    return row.name if row.span is not None else f"{glyphs.state} {row.name}"
