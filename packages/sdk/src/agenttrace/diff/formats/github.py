"""Gates as annotations of a GitHub workflow: lines that its runner reads.

A step shows 10 of each level; what is beyond is said in the last of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agenttrace.diff.gates.model import GateStatus
from agenttrace.trace.visible import show_text

if TYPE_CHECKING:
    from agenttrace.diff.formats.report import Report
    from agenttrace.diff.gates.model import GateResult

MAX_OF_LEVEL: Final = 10
_MESSAGE_CHARS: Final = 4_000
_LEVELS: Final = {GateStatus.FAIL: "error", GateStatus.INCONCLUSIVE: "warning"}


def write_annotations(report: Report) -> str:
    """Return a line for each gate that failed (error) or is inconclusive (warning)."""
    results = () if report.gates is None else report.gates.results
    lines: list[str] = []
    for status, level in _LEVELS.items():
        found = [result for result in results if result.status is status]
        if len(found) <= MAX_OF_LEVEL:
            lines += [_write_line(level, result) for result in found]
            continue
        shown, rest = found[: MAX_OF_LEVEL - 1], found[MAX_OF_LEVEL - 1 :]
        lines += [_write_line(level, result) for result in shown]
        names = ", ".join(result.name for result in rest)
        text = f"{len(rest)} more gates: {names}"
        lines.append(_write(level, f"agenttrace: {len(found)} gates {status.value}", text))
    return "".join(f"{line}\n" for line in lines)


def _write_line(level: str, result: GateResult) -> str:
    return _write(level, f"agenttrace: {result.name}", result.message, *result.details)


def _write(level: str, title: str, *lines: str) -> str:
    shown = "\n".join(show_text(line, max_chars=_MESSAGE_CHARS) for line in lines)
    return f"::{level} title={_escape_property(show_text(title))}::{_escape(shown)}"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
