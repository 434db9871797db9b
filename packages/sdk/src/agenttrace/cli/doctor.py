"""`agenttrace doctor -- PROGRAM`: whether a program is the same in every run."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from agenttrace.cli.dashes import CommandWithProgram, get_program
from agenttrace.cli.output import (
    EXIT_CANNOT_START,
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_NO_DATA,
    Screen,
    warn,
)
from agenttrace.cli.reexecution import describe_start
from agenttrace.cli.shapes import print_json
from agenttrace.cli.sources import JsonOption  # noqa: TC001 -- typer reads the annotation
from agenttrace.replay.determinism import INPUT, OUTPUT, PRESENCE, Finding, compare_recordings
from agenttrace.replay.programs import record_program
from agenttrace.trace import RecordedRun, load_runs
from agenttrace.trace.visible import show_text

if TYPE_CHECKING:
    from collections.abc import Sequence

doctor = typer.Typer(add_completion=False)

_MEANINGS: Final = {
    INPUT: "its input is another in each run: a strict replay stops there",
    PRESENCE: "it is made in one run and not in the other",
    OUTPUT: "its answer is another in each run: a replay serves the recorded one",
}
_ADVICE: Final = (
    "draw it from tracer.now(), .random() or .uuid4(), or leave it out with --ignore or --mask"
)


@doctor.command(name="doctor", cls=CommandWithProgram)
def examine(ctx: typer.Context, *, as_json: JsonOption = False) -> None:
    """Run a program twice, for real, and list the calls that are not the same in both runs.

    Its calls are made twice, with all that they do to the world and all that they cost. What it
    prints goes to standard error. It exits with 0 when a replay would find every call, 1 when an
    input differs or a call is missing, 4 when nothing was recorded, 127 when the program cannot be
    started.

    For example:

      agenttrace doctor -- python agent.py
    """
    program = get_program(ctx)
    if not program:
        raise typer.BadParameter(
            "give a program after --, as in: agenttrace doctor -- python agent.py",
            param_hint="doctor",
        )
    warn("running the program twice, for real: each of its calls is made and paid twice")
    with tempfile.TemporaryDirectory(prefix="agenttrace-doctor-") as name:
        runs = [_record(program, Path(name) / number) for number in ("first", "second")]
    if not all(runs):
        warn("nothing was recorded: the program made no run with an agenttrace.Tracer")
        raise typer.Exit(EXIT_NO_DATA)
    findings = compare_recordings(*runs)
    is_fit = all(finding.what == OUTPUT for finding in findings)
    if as_json:
        print_json({"fit": is_fit, "findings": [each.describe() for each in findings]})
    else:
        _print(findings, is_fit=is_fit)
    raise typer.Exit(EXIT_DONE if is_fit else EXIT_FAILED)


def _record(program: Sequence[str], path: Path) -> list[RecordedRun]:
    try:
        code, files = record_program(program, path)
    except OSError as error:
        warn(describe_start(program, error))
        raise typer.Exit(EXIT_CANNOT_START) from error
    if code:
        warn(f"the program ended with {code}")
    return [run for file in files if file.stat().st_size for run in load_runs(file).runs]


def _print(findings: Sequence[Finding], *, is_fit: bool) -> None:
    screen = Screen()
    lines = []
    for finding in findings:
        lines.append(f"{show_text(finding.path)}: {_MEANINGS[finding.what]}")
        for delta in finding.deltas[:1]:
            lines.append(f"    {show_text(delta.path)}")
            lines.append(f"    - {show_text(repr(delta.recorded), max_chars=200)}")
            lines.append(f"    + {show_text(repr(delta.live), max_chars=200)}")
        if finding.what == INPUT and finding.volatile:
            lines.append(f"    volatile: {', '.join(finding.volatile)}; {_ADVICE}")
    lines.append(
        "fit: a replay finds every call"
        if is_fit
        else "not fit: a replay would leave the recording"
    )
    screen.write(lines)
