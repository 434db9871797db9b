"""A report as Markdown: for a pull request's comment and a workflow's summary."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agenttrace.diff.gates.model import GateStatus
from agenttrace.trace.visible import show_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agenttrace.diff.formats.report import Report, Table
    from agenttrace.diff.gates.model import GateReport

MAX_REPORT_BYTES: Final = 1_000_000
"""GitHub takes less than 1 MiB of a step's summary."""

_CELL_CHARS: Final = 300
_MARKS: Final = {GateStatus.PASS: "✅", GateStatus.FAIL: "❌", GateStatus.INCONCLUSIVE: "❔"}
# What Markdown, HTML, or GitHub (a name after @, a number after #, a link) would read in a text.
_ACTIVE: Final = re.compile(r"[\\`*_{}\[\]()<>#+!|~&@$]|(?<=://)|(?<=www)(?=\.)", re.IGNORECASE)
_ENTITIES: Final = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "@": "&#64;", "#": "&#35;"}


def write_markdown(report: Report, *, max_bytes: int = MAX_REPORT_BYTES) -> str:
    """Return a report in at most so many bytes; what is left out of it is said in a line.

    Gates come first, those that failed before the others.
    """
    lines = list(_write_lines(report))
    taken = 0
    reserve = len(_say_rest(len(lines), max_bytes).encode()) + 1
    for number, line in enumerate(lines):
        size = len(line.encode()) + 1
        if taken + size > max_bytes - reserve and not _fits(lines[number:], max_bytes - taken):
            return "\n".join([*lines[:number], _say_rest(len(lines) - number, max_bytes), ""])
        taken += size
    return "\n".join([*lines, ""])


def escape_markdown(text: str, *, max_chars: int = _CELL_CHARS) -> str:
    """Return a text for one line that shows itself and does nothing: no link, mention or tag."""
    return _ACTIVE.sub(_escape, show_text(text, max_chars=max_chars))


def _escape(found: re.Match[str]) -> str:
    char = found[0]
    # An empty comment between `://` or `www` and what follows: no link is made of it.
    return _ENTITIES.get(char) or (f"\\{char}" if char else "<!-- -->")


def _fits(lines: list[str], max_bytes: int) -> bool:
    return sum(len(line.encode()) + 1 for line in lines) <= max_bytes


def _say_rest(lines: int, max_bytes: int) -> str:
    return (
        f"\n*{lines} more lines are left out: the report is longer than {max_bytes} bytes. "
        "`--format json` has all of it.*"
    )


def _write_lines(report: Report) -> Iterator[str]:
    yield f"## {escape_markdown(report.title)}"
    yield ""
    yield f"base **{escape_markdown(report.base)}**, head **{escape_markdown(report.head)}**"
    yield ""
    for sentence in report.summary:
        yield f"- {escape_markdown(sentence, max_chars=1000)}"
    for warning in report.warnings:
        yield f"- ⚠️ {escape_markdown(warning, max_chars=1000)}"
    if report.gates is not None:
        yield from _write_gates(report.gates)
    for table in report.tables:
        if table.rows:
            yield from _write_table(table)


def _write_gates(gates: GateReport) -> Iterator[str]:
    counts = [
        f"{gates.count(status)} {status.value}" for status in GateStatus if gates.count(status)
    ]
    yield ""
    yield f"### {_MARKS[gates.status]} Gates: {', '.join(counts) or 'none'}"
    yield ""
    yield "| | gate | found |"
    yield "|---|---|---|"
    order = [GateStatus.FAIL, GateStatus.INCONCLUSIVE, GateStatus.PASS]
    for result in sorted(gates.results, key=lambda each: order.index(each.status)):
        said = [result.message, *result.details]
        found = "<br>".join(escape_markdown(text, max_chars=500) for text in said)
        yield f"| {_MARKS[result.status]} | {escape_markdown(result.name)} | {found} |"


def _write_table(table: Table) -> Iterator[str]:
    yield ""
    yield f"### {escape_markdown(table.title)}"
    yield ""
    yield f"| {' | '.join(map(escape_markdown, table.columns))} |"
    yield f"|{'---|' * len(table.columns)}"
    for row in table.rows:
        yield f"| {' | '.join(map(escape_markdown, row))} |"
    if table.note is not None:
        yield ""
        yield f"*{escape_markdown(table.note)}*"
