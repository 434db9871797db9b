"""`agenttrace diff`: what changed from one run to another, where it began, and why."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agenttrace.cli.diff_reports import (
    DiffFormat,
    Inconclusive,
    Printing,
    find_exit_code,
    write_failure_as,
    write_report_as,
)
from agenttrace.cli.diff_rules import find_rules
from agenttrace.cli.diff_shapes import shape_diff
from agenttrace.cli.diff_sides import find_side, load_runs
from agenttrace.cli.diff_text import write_diff
from agenttrace.cli.output import EXIT_NO_DATA, Screen, warn
from agenttrace.cli.progress import Progress
from agenttrace.cli.run_groups import QUERY_HELP
from agenttrace.cli.sources import FileOption, RunFinder
from agenttrace.diff.compare import compare_runs
from agenttrace.diff.formats import MAX_REPORT_BYTES, describe_runs, shape_gates
from agenttrace.diff.formats.text import write_gates
from agenttrace.diff.verdicts import WITHOUT_DATA, find_verdict
from agenttrace.diff.warnings import add_unreadable
from agenttrace.trace.sources import RecordingError

if TYPE_CHECKING:
    from agenttrace.cli.diff_sides import DiffSide
    from agenttrace.diff.gates import GateReport, Gates
    from agenttrace.diff.model import RunDiff
    from agenttrace.diff.rules import Rules
    from agenttrace.trace.run import RecordedRun


def diff_runs(  # noqa: PLR0913 -- each an option
    base: Annotated[str, typer.Argument(metavar="A", help=f"What to compare with. {QUERY_HELP}")],
    head: Annotated[str, typer.Argument(metavar="B", help="What to judge: as A.")],
    *,
    file: FileOption = None,
    form: Annotated[
        DiffFormat,
        typer.Option(
            "--format",
            help="text, json, md, junit (a case a gate) or github (annotations and the summary).",
        ),
    ] = DiffFormat.TEXT,
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
    gate: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Check the gates of this gates.yaml.", show_default=False
        ),
    ] = None,
    inconclusive: Annotated[
        Inconclusive, typer.Option(help="What an inconclusive gate comes to; report is code 3.")
    ] = Inconclusive.REPORT,
    max_bytes: Annotated[
        int,
        typer.Option(
            min=1_000, max=MAX_REPORT_BYTES, help="The longest Markdown; it says what is left out."
        ),
    ] = MAX_REPORT_BYTES,
) -> None:
    """Show what differs between two runs, or two groups of runs, and check gates on it.

    Of two runs: where it begins and what it costs; ids, times and temporary paths are no
    difference. Of groups: which figures, calls and attributes differ beyond chance. A may be a
    baseline that `agenttrace baseline build` wrote.

    The exit code is 0 whether or not they differ. With --gate it is 1 when a gate failed and 3
    when one is inconclusive. It is 4 when a run is not there, is still open, records of it are
    lost or cannot be read, or neither run has a span.

    For example:

      agenttrace diff 0193a5f0 last

      agenttrace diff old.jsonl new.jsonl --changed

      agenttrace diff 'tag:main last:20' 'tag:pr' --gate gates.yaml --format junit > gates.xml

      agenttrace diff A B --from http://localhost:8000/api --format json | jq .firstDivergence
    """
    chosen = find_rules(rules)
    gates = None if gate is None else read_gates(gate)
    printing = Printing(form, max_bytes=max_bytes, is_changed_only=changed)
    try:
        with closing(RunFinder(file)) as finder:
            sides = find_side(finder, base), find_side(finder, head)
            _refuse_sides(*sides, gates)
            are_single = sides[0].is_single and sides[1].is_single
            diff_sides = _diff_single if are_single else _diff_groups
            report, is_incomplete = diff_sides(sides, gates, chosen, printing)
    except RecordingError as error:  # a run that is not there too: who compares lacks data
        warn(str(error))
        write_failure_as(printing, str(error), base=base, head=head)
        raise typer.Exit(EXIT_NO_DATA) from None
    raise typer.Exit(find_exit_code(report, is_incomplete=is_incomplete, inconclusive=inconclusive))


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


def read_gates(path: str) -> Gates:
    """Return the gates of a file.

    Raises:
        GatesFileError: when something in it cannot be meant.

    """
    from agenttrace.cli.gates import load_gates  # noqa: PLC0415 -- pydantic takes 100 ms

    return load_gates(path)


def _refuse_sides(base: DiffSide, head: DiffSide, gates: Gates | None) -> None:
    if head.baseline is not None:
        raise typer.BadParameter("B is a baseline; it is A that B is held to")
    if base.baseline is not None and gates is None:
        raise typer.BadParameter("a baseline is compared by gates: name them with --gate")


def _diff_single(
    sides: tuple[DiffSide, DiffSide], gates: Gates | None, rules: Rules, printing: Printing
) -> tuple[GateReport | None, bool]:
    (base, base_lost), (head, head_lost) = load_runs(*sides)
    diff = add_unreadable(compare(base, head, rules), base=base_lost, head=head_lost)
    for warning in diff.warnings:
        warn(warning.message)
    report = None
    if gates is not None:
        from agenttrace.cli.diff_groups import check_single  # noqa: PLC0415 -- only with gates

        report = check_single(gates, base, head, diff, rules)
    _print_single(sides, diff, report, printing)
    return report, find_verdict(diff) in WITHOUT_DATA


def _print_single(
    sides: tuple[DiffSide, DiffSide], diff: RunDiff, gates: GateReport | None, printing: Printing
) -> None:
    if printing.form is DiffFormat.TEXT:
        screen = Screen()
        screen.write(write_diff(diff, screen, is_changed_only=printing.is_changed_only))
        if gates is not None:
            screen.write(write_gates(gates, screen.paint, screen.width))
        return
    report = describe_runs(diff, base=sides[0].name, head=sides[1].name, gates=gates)

    def shape() -> dict[str, Any]:
        found = shape_diff(diff, is_changed_only=printing.is_changed_only)
        return found if gates is None else {**found, "gates": shape_gates(gates)}

    write_report_as(printing, report, shape)


def _diff_groups(
    sides: tuple[DiffSide, DiffSide], gates: Gates | None, rules: Rules, printing: Printing
) -> tuple[GateReport | None, bool]:
    from agenttrace.cli.diff_groups import GroupDiff  # noqa: PLC0415 -- only who compares groups

    found = GroupDiff(*sides, gates=gates, rules=rules)
    write_report_as(printing, found.report, lambda: found.shape)
    return found.gates, found.is_incomplete
