"""A replay's report as lines for people, in colours where a terminal shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from agenttrace.replay.report import list_lines
from agenttrace.trace.visible import show_lines

if TYPE_CHECKING:
    from agenttrace.cli.output import Screen

_STYLES: Final = {
    "counts": "bold",
    "unfinished": "yellow",
    "raise": "bold red",
    "warn": "yellow",
    "serve": "dim",
    "live": "magenta",
    "recorded": "red",
    "came": "green",
    "hint": "dim",
    "identical": "bold green",
    "different": "bold red",
}


def write_report(report: dict[str, Any], screen: Screen) -> list[str]:
    """Return the lines of a report: what was recorded cannot act on the terminal."""
    return [
        screen.paint(show_lines(line), _STYLES.get(word, "")) for word, line in list_lines(report)
    ]
