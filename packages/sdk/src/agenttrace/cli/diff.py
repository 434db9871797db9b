"""`agenttrace diff`: what changed from one run to another, where it began, and why."""

from __future__ import annotations

from contextlib import closing
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from agenttrace.cli.diff_rules import find_rules
from agenttrace.cli.diff_shapes import shape_diff
from agenttrace.cli.diff_text import write_diff
from agenttrace.cli.output import EXIT_DONE, EXIT_NO_DATA, Screen, warn
from agenttrace.cli.progress import Progress
from agenttrace.cli.shapes import print_json
from agenttrace.cli.sources import RUN_HELP, FileOption, RunFinder
from agenttrace.diff.compare import compare_runs

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace.diff.model import RunDiff
    from agenttrace.diff.rules import Rules
    from agenttrace.trace.run import RecordedRun


class Format(StrEnum):
    """How a comparison is printed."""

    TEXT = "text"
    JSON = "json"


def diff_runs(  # noqa: PLR0913 -- each an option
    base: Annotated[str, typer.Argument(metavar="A", help=f"What to compare with. {RUN_HELP}")],
    head: Annotated[str, typer.Argument(metavar="B", help="What to judge: as A.")],
    *,
    file: FileOption = None,
    form: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.TEXT,
    changed: Annotated[
        bool, typer.Option("--changed", help="Leave out rows in which nothing differs.")
    ] = False,
    rules: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="What to leave out of account. Without it ./agenttrace.diff.yaml, if it is there.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show what differs between two runs, where it begins, and what it costs.

    Ids, times and temporary paths are no difference; durations, tokens and costs are compared
    apart. The exit code is 0 whether or not they differ, and 4 when a run is still open or records
    of it are lost.

    For example:

      agenttrace diff 0193a5f0 last

      agenttrace diff old.jsonl new.jsonl --changed

      agenttrace diff A B --from http://localhost:8000/api --format json | jq .firstDivergence
    """
    chosen = find_rules(rules)
    with closing(RunFinder(file)) as finder:
        runs = [_load(finder, wanted) for wanted in (base, head)]
    diff = compare(runs[0], runs[1], chosen)
    WRITERS[form](diff, changed)
    raise typer.Exit(judge(diff))


def compare(base: RecordedRun, head: RecordedRun, rules: Rules) -> RunDiff:
    """Return the comparison; a line on standard error says that it is under way."""
    progress = Progress()
    spans = f"{len(base.spans):,} with {len(head.spans):,} spans"
    try:
        return compare_runs(
            base, head, rules, tick=lambda: progress.show(lambda: f"comparing {spans}")
        )
    finally:
        progress.clear()


def judge(diff: RunDiff) -> int:
    """Return the exit code of a comparison: 4 where data is missing, each lack on a line."""
    for warning in diff.warnings:
        warn(warning.message)
    return EXIT_NO_DATA if diff.is_incomplete else EXIT_DONE


def _write_text(diff: RunDiff, is_changed_only: bool) -> None:  # noqa: FBT001 -- as all writers
    screen = Screen()
    screen.write(write_diff(diff, screen, is_changed_only=is_changed_only))


def _write_json(diff: RunDiff, is_changed_only: bool) -> None:  # noqa: FBT001 -- as all writers
    print_json(shape_diff(diff, is_changed_only=is_changed_only))


# A further format is a member of Format and a writer here; a gate adds to what `judge` says.
WRITERS: Final[dict[Format, Callable[[RunDiff, bool], None]]] = {
    Format.TEXT: _write_text,
    Format.JSON: _write_json,
}


def _load(finder: RunFinder, wanted: str) -> RecordedRun:
    source, run_id = finder.find(wanted)
    return source.load_run(run_id)
