"""A comparison and its gates in the formats that programs and pages read, and the exit code."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agenttrace.cli.output import EXIT_DONE, EXIT_FAILED, EXIT_NO_DATA, Screen, warn, write_text
from agenttrace.cli.shapes import print_json
from agenttrace.diff.formats import (
    MAX_REPORT_BYTES,
    Report,
    write_annotations,
    write_junit,
    write_markdown,
)
from agenttrace.diff.formats import write_text as write_report
from agenttrace.diff.gates import GateReport, GateStatus

if TYPE_CHECKING:
    from collections.abc import Callable

EXIT_INCONCLUSIVE: Final = 3
_SUMMARY: Final = "GITHUB_STEP_SUMMARY"
_MIN_SUMMARY_BYTES: Final = 1_000


class DiffFormat(StrEnum):
    """How a comparison is printed."""

    TEXT = "text"
    JSON = "json"
    MD = "md"
    JUNIT = "junit"
    GITHUB = "github"


class Inconclusive(StrEnum):
    """What an inconclusive gate comes to: an exit code of its own, or one of the two others."""

    REPORT = "report"
    PASS = "pass"  # noqa: S105 -- no password
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Printing:
    """How a comparison is printed; `max_bytes` is of Markdown."""

    form: DiffFormat
    max_bytes: int
    is_changed_only: bool


def write_report_as(
    printing: Printing, report: Report, shape: Callable[[], dict[str, Any]]
) -> None:
    """Print a report; `shape` makes what of it is JSON."""
    form, max_bytes = printing.form, printing.max_bytes
    if form is DiffFormat.JSON:
        print_json(shape())
    elif form is DiffFormat.TEXT:
        screen = Screen()
        screen.write(write_report(report, paint=screen.paint, width=screen.width))
    elif form is DiffFormat.MD:
        write_text(write_markdown(report, max_bytes=max_bytes))
    elif form is DiffFormat.JUNIT:
        write_text(write_junit(report))
    else:
        write_text(write_annotations(report))
        _append_summary(report, max_bytes)


def write_failure_as(printing: Printing, message: str, *, base: str, head: str) -> None:
    """Print that nothing could be compared, in the formats of which a pipeline shows the reader.

    It would otherwise show what an earlier one said, or nothing. JSON stays empty: no comparison.
    """
    if printing.form not in {DiffFormat.TEXT, DiffFormat.JSON}:
        said = (message,)
        write_report_as(
            printing, Report("No comparison", base, head, warnings=said, missing=said), dict
        )


def find_exit_code(
    gates: GateReport | None, *, is_incomplete: bool, inconclusive: Inconclusive
) -> int:
    """Return 0 pass, 1 a gate failed, 3 inconclusive, 4 data missing; the last outweighs all."""
    if is_incomplete:
        return EXIT_NO_DATA
    if gates is None or gates.status is GateStatus.PASS:
        return EXIT_DONE
    if gates.status is GateStatus.FAIL or inconclusive is Inconclusive.FAIL:
        return EXIT_FAILED
    return EXIT_DONE if inconclusive is Inconclusive.PASS else EXIT_INCONCLUSIVE


def _append_summary(report: Report, max_bytes: int) -> None:
    """Add the report to the workflow's summary, of which a step has less than 1 MiB."""
    name = os.environ.get(_SUMMARY)
    if not name:
        return
    path = Path(name)
    try:
        taken = path.stat().st_size if path.exists() else 0
        left = min(max_bytes, MAX_REPORT_BYTES - taken)
        if left < _MIN_SUMMARY_BYTES:
            warn(f"{name} is full: the report is not added to it")
            return
        with path.open("a", encoding="utf-8") as file:
            file.write(write_markdown(report, max_bytes=left))
    except OSError as error:
        warn(f"cannot write the summary {name}: {error.strerror or error}")
