"""`agenttrace doctor -- PROGRAM`: whether a program is the same in every run."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

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
from agenttrace.cli.reexecution import describe_start, fetch_recordings, read_options
from agenttrace.cli.shapes import print_json
from agenttrace.cli.sources import JsonOption  # noqa: TC001 -- typer reads the annotation
from agenttrace.replay.determinism import INPUT, OUTPUT, PRESENCE, Finding, compare_recordings
from agenttrace.replay.errors import EXIT_NOT_REPLAYABLE, NotReplayableError
from agenttrace.replay.hints import spell_for_command
from agenttrace.replay.programs import record_program, replay_program
from agenttrace.trace import RecordedRun, load_runs
from agenttrace.trace.sources import RecordingError
from agenttrace.trace.visible import show_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

doctor = typer.Typer(add_completion=False)

_MEANINGS: Final = {
    INPUT: "its input is another in each run: a strict replay stops there",
    PRESENCE: "it is made in one run and not in the other: a strict replay stops there",
    OUTPUT: "its answer is another in each run: a replay serves the recorded one",
}
_FOLLOWS: Final = {
    INPUT: "its input follows from an answer that is another in each run: a replay serves that",
    PRESENCE: "made in one run alone, as an answer before it is another: a replay serves that",
}
# What the two runs show by themselves, and better.
_FOUND: Final = frozenset({"input_changed", "missing_call", "extra_call", "reordered", "renamed"})
# What a strict replay stops at is listed to the end; the guard stops the program all the same.
_LISTED: Final = dict.fromkeys(
    ("input_changed", "missing_call", "reordered", "renamed", "type_degraded"), "warn"
)
_ADVICE: Final = (
    "draw it from tracer.now(), .random() or .uuid4(), or leave it out with --ignore or --mask"
)


@doctor.command(name="doctor", cls=CommandWithProgram)
def examine(ctx: typer.Context, *, as_json: JsonOption = False) -> None:
    """Run a program twice, for real, replay the first run, and list what is not the same.

    Its calls are made twice, with all that they do to the world and all that they cost; the replay
    makes none, and tells what comes of chance in the program from what only follows from an answer.
    What it prints goes to standard error. It exits with 0 when a strict replay is fine, 1 when it
    would stop, 4 when nothing was recorded, 127 when the program cannot be started.

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
        folder = Path(name)
        recorded = [_record(program, folder / number) for number in ("first", "second")]
        if not all(recorded):
            warn("nothing was recorded: the program made no run with an agenttrace.Tracer")
            raise typer.Exit(EXIT_NO_DATA)
        report = _replay(program, recorded[0], folder / "replay")
    findings = compare_recordings(*(list(each.values()) for each in recorded))
    is_fit = not report["exitCode"]
    stops: list[dict[str, Any]] = [] if is_fit else report["divergences"]
    if as_json:
        described = [each.describe() for each in findings]
        print_json({"fit": is_fit, "findings": described, "divergences": stops})
    else:
        _print(findings, stops, is_fit=is_fit)
    raise typer.Exit(EXIT_DONE if is_fit else EXIT_FAILED)


def _record(program: Sequence[str], path: Path) -> dict[str, RecordedRun]:
    """Return what a program records, by the names of the runs: `FILE:RUN`."""
    try:
        code, files = record_program(program, path)
    except OSError as error:
        warn(describe_start(program, error))
        raise typer.Exit(EXIT_CANNOT_START) from error
    if code:
        warn(f"the program ended with {code}")
    return {
        f"{file}:{run.run_id}": run
        for file in files
        if file.stat().st_size
        for run in load_runs(file).runs
    }


def _replay(
    program: Sequence[str], runs: Mapping[str, RecordedRun], folder: Path
) -> dict[str, Any]:
    """Return the report of a replay of these runs."""
    folder.mkdir()
    unfit: dict[str, Any] = {"exitCode": EXIT_NOT_REPLAYABLE, "divergences": []}
    try:
        recordings = fetch_recordings(list(runs), None, folder, mode="strict")
    except (NotReplayableError, RecordingError) as error:
        warn(spell_for_command(str(error)))
        return unfit
    options = {**read_options({"mode": "strict"}), "on": _LISTED}
    ended = replay_program(program, recordings, options, folder, has_own_output=False)
    return ended.reports[0] if ended.reports else unfit


def _print(findings: Sequence[Finding], stops: Sequence[dict[str, Any]], *, is_fit: bool) -> None:
    screen = Screen()
    lines = []
    places = {str(stop["path"]) for stop in stops if stop["kind"] in _FOUND}
    for finding in findings:
        follows = finding.path.partition(" #")[0] not in places
        meanings = {**_MEANINGS, **_FOLLOWS} if follows else _MEANINGS
        lines.append(f"{show_text(finding.path)}: {meanings[finding.what]}")
        for delta in finding.deltas[:1]:
            lines.append(f"    {show_text(delta.path)}")
            lines.append(f"    - {show_text(repr(delta.recorded), max_chars=200)}")
            lines.append(f"    + {show_text(repr(delta.live), max_chars=200)}")
        if finding.what == INPUT and finding.volatile and not follows:
            lines.append(f"    volatile: {', '.join(finding.volatile)}; {_ADVICE}")
    known = {finding.path.partition(" #")[0] for finding in findings if finding.what != OUTPUT}
    for stop in stops:
        if stop["kind"] not in _FOUND or stop["path"] not in known:
            lines.append(show_text(f"{stop['path']}: {stop['kind']}: {stop['message']}"))
            lines += [f"    {show_text(str(stop['hint']))}"] if stop.get("hint") else []
    lines.append(
        "fit: a replay finds every call"
        if is_fit
        else "not fit: a replay would leave the recording"
    )
    screen.write(lines)
