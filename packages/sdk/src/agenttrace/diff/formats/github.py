"""A comparison as annotations of a GitHub workflow: lines that its runner reads.

Gates are judged: errors and warnings. Where there is none, notices say what differs. A step shows
10 of each level; what is beyond is said in the last of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agenttrace.diff.gates.model import GateStatus
from agenttrace.trace.visible import show_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agenttrace.diff.formats.report import Report
    from agenttrace.diff.gates.model import GateResult

MAX_OF_LEVEL: Final = 10
_MESSAGE_CHARS: Final = 4_000
_LEVELS: Final = {GateStatus.FAIL: "error", GateStatus.INCONCLUSIVE: "warning"}


def write_annotations(report: Report) -> str:
    """Return a line for each gate that failed (error) or is inconclusive (warning).

    Without gates a notice for each thing that was found; data that is missing is an error.
    """
    lines: list[str] = []
    if report.gates is None:
        lines += _write_notices(report) if report.is_told else ()
    else:
        for status, level in _LEVELS.items():
            found = [result for result in report.gates.results if result.status is status]
            room = MAX_OF_LEVEL - (bool(report.missing) if level == "error" else 0)
            lines += _write_gates(level, status, found, room)
    if report.missing:
        lines.append(_write("error", "agenttrace: data is missing", *report.missing[:MAX_OF_LEVEL]))
    return "".join(f"{line}\n" for line in lines)


def _write_gates(
    level: str, status: GateStatus, found: list[GateResult], room: int
) -> Iterator[str]:
    shown, rest = (found, []) if len(found) <= room else (found[: room - 1], found[room - 1 :])
    for result in shown:
        yield _write(level, f"agenttrace: {result.name}", result.message, *result.details)
    if rest:
        names = ", ".join(result.name for result in rest)
        title = f"agenttrace: {len(found)} gates {status.value}"
        yield _write(level, title, f"{len(rest)} more gates: {names}")


def _write_notices(report: Report) -> Iterator[str]:
    """Yield the outcome, then what differs: nobody said what may, so that nothing is an error."""
    yield _write("notice", f"agenttrace: {report.title}", *report.summary, *report.warnings)
    found = report.findings
    room = MAX_OF_LEVEL - 1
    shown, rest = (found, ()) if len(found) <= room else (found[: room - 1], found[room - 1 :])
    for title, text in shown:
        yield _write("notice", f"agenttrace: {title}", text)
    if rest:
        titles = [title for title, _ in rest]
        yield _write("notice", f"agenttrace: {len(rest)} more differences", *titles)


def _write(level: str, title: str, *lines: str) -> str:
    shown = "\n".join(show_text(line, max_chars=_MESSAGE_CHARS) for line in lines)
    return f"::{level} title={_escape_property(show_text(title))}::{_escape(shown)}"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
