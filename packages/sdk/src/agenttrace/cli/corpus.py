"""`agenttrace test FILE… -- PROGRAM`: recordings as a corpus of tests, for a build."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple
from xml.etree import ElementTree as ET

import typer

from agenttrace.cli.dashes import CommandWithProgram, get_program
from agenttrace.cli.output import EXIT_CANNOT_START, EXIT_DONE, EXIT_FAILED, Screen
from agenttrace.cli.reexecution import describe_start, fetch_recordings, read_options
from agenttrace.cli.shapes import print_json
from agenttrace.cli.sources import JsonOption  # noqa: TC001 -- typer reads the annotation
from agenttrace.replay.errors import (
    EXIT_BLOCKED_IO,
    EXIT_DIVERGED,
    EXIT_NOT_REPLAYABLE,
    NotReplayableError,
)
from agenttrace.replay.hints import spell_for_command
from agenttrace.replay.kinds import Action
from agenttrace.replay.programs import Ended, replay_program
from agenttrace.replay.report import write_described
from agenttrace.trace.sources import RecordingError
from agenttrace.trace.visible import show_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

corpus = typer.Typer(add_completion=False)

_STATES: Final = {True: ("passed", "green"), False: ("failed", "bold red")}
_LEFT: Final = (EXIT_DIVERGED, EXIT_BLOCKED_IO)
_NO_XML: Final = {number: "\ufffd" for number in range(32) if chr(number) not in "\t\n\r"}


class Verdict(NamedTuple):
    """What became of one recording: the exit code of its replay, and why, if not well."""

    name: str
    code: int
    why: str
    took_s: float

    @property
    def is_passed(self) -> bool:
        """Whether the program did what was recorded."""
        return self.code == EXIT_DONE

    def describe(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            "recording": self.name,
            "exitCode": self.code,
            "passed": self.is_passed,
            "why": self.why,
            "durationMs": round(self.took_s * 1_000),
        }


@corpus.command(name="test", cls=CommandWithProgram)
def run_corpus(  # noqa: PLR0913 -- the options of a command
    ctx: typer.Context,
    recordings: Annotated[
        list[str], typer.Argument(metavar="FILE…", help="JSONL files that hold one run each.")
    ],
    *,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the results as JUnit XML too.")
    ] = None,
    mode: Annotated[str, typer.Option(metavar="MODE", help="As agenttrace replay.")] = "strict",
    on: Annotated[
        list[str] | None, typer.Option(metavar="KIND=ACTION", help="As agenttrace replay.")
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(metavar="JSONPATH", help="As agenttrace replay.")
    ] = None,
    mask: Annotated[
        list[str] | None, typer.Option(metavar="REGEX", help="As agenttrace replay.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Replay a program against each of these recordings: no network, no key, no cost.

    It exits with 0 when the program did what every recording says; else with the first of
    these that holds for any: 11 it reached for the world, 10 it left the recording, 127 it cannot
    be started, 12 a recording cannot be replayed, 1 the program itself failed and the recorded one
    did not.

    For example:

      agenttrace test golden/*.jsonl --junit report.xml -- python agent.py
    """
    program = get_program(ctx)
    if not program:
        raise typer.BadParameter(
            "give a program after --, as in: agenttrace test golden/*.jsonl -- python agent.py",
            param_hint="test",
        )
    options = read_options({"mode": mode, "on": on, "ignore": ignore, "mask": mask})
    if junit is not None:
        _write_file(junit, write_junit([]))  # before any program runs: is there a place for it?
    verdicts = [_judge(each, program, options) for each in recordings]
    if junit is not None:
        _write_file(junit, write_junit(verdicts))
    if as_json:
        print_json([verdict.describe() for verdict in verdicts])
    else:
        _print(verdicts)
    raise typer.Exit(choose_code([verdict.code for verdict in verdicts]))


def choose_code(codes: Sequence[int]) -> int:
    """Return the code for all: what programs did comes before what recordings are unfit for."""
    return max(codes, key=lambda code: (code in _LEFT, code))


def _write_file(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise RecordingError(f"cannot write {path}: {error.strerror or error}") from error


def _judge(recording: str, program: Sequence[str], options: dict[str, Any]) -> Verdict:
    began_s = monotonic()
    with tempfile.TemporaryDirectory(prefix="agenttrace-test-") as name:
        try:
            paths = fetch_recordings([recording], None, Path(name), mode=options["mode"])
            ended = replay_program(program, paths, options, Path(name), has_own_output=False)
        except (NotReplayableError, RecordingError) as error:
            why = spell_for_command(str(error))
            return Verdict(recording, EXIT_NOT_REPLAYABLE, why, monotonic() - began_s)
        except OSError as error:
            why = describe_start(program, error)
            return Verdict(recording, EXIT_CANNOT_START, why, monotonic() - began_s)
    code, why = _explain(ended)
    return Verdict(recording, code, why, monotonic() - began_s)


def _explain(ended: Ended) -> tuple[int, str]:
    if not ended.reports:
        return EXIT_NOT_REPLAYABLE, "the program made no agenttrace.Tracer: nothing was replayed"
    code = max(report["exitCode"] for report in ended.reports)
    if code:
        lines: list[str] = []
        for report in ended.reports:
            lines += [report["error"]] if "error" in report else write_described(report)
        return code, "\n".join(lines)
    if ended.code:
        return EXIT_FAILED, f"the program ended with {ended.code}"
    return EXIT_DONE, ""


def _print(verdicts: Sequence[Verdict]) -> None:
    screen = Screen()
    for verdict in verdicts:
        state = screen.paint(*_STATES[verdict.is_passed])
        screen.write([f"{state}  {show_lines(verdict.name)}  {verdict.took_s:.2f} s"])
        screen.write(f"        {show_lines(line)}" for line in verdict.why.splitlines())
    failed = sum(not verdict.is_passed for verdict in verdicts)
    counts = Counter(verdict.code for verdict in verdicts if not verdict.is_passed)
    which = ", ".join(f"{count} with {code}" for code, count in sorted(counts.items()))
    told = f"{len(verdicts) - failed} passed, {failed} failed{which and f': {which}'}"
    screen.write([screen.paint(told, _STATES[not failed][1])])


def write_junit(verdicts: Sequence[Verdict]) -> bytes:
    """Return the verdicts as JUnit XML: a test case a recording, an error where it is unfit."""
    errors = [verdict for verdict in verdicts if verdict.code == EXIT_NOT_REPLAYABLE]
    failures = [each for each in verdicts if not each.is_passed and each not in errors]
    figures = {
        "tests": str(len(verdicts)),
        "failures": str(len(failures)),
        "errors": str(len(errors)),
        "time": f"{sum(verdict.took_s for verdict in verdicts):.3f}",
    }
    root = ET.Element("testsuites")
    suite = ET.SubElement(root, "testsuite", {"name": "agenttrace", **figures})
    for verdict in verdicts:
        case = ET.SubElement(
            suite,
            "testcase",
            classname="agenttrace.replay",
            name=_clean(verdict.name),
            time=f"{verdict.took_s:.3f}",
        )
        if not verdict.is_passed:
            kind = "error" if verdict in errors else "failure"
            message = _clean(_find_reason(verdict.why))
            part = ET.SubElement(case, kind, message=message, type=str(verdict.code))
            part.text = _clean(verdict.why)
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text


def _find_reason(why: str) -> str:
    """Return the line that says what is wrong: of a report, the first divergence that raised."""
    lines = [line.strip() for line in why.splitlines()]
    stops = [line for line in lines if line.startswith(f"{Action.RAISE} ")]
    return (stops or lines or [""])[0]


def _clean(text: str) -> str:
    """Return a text without characters that XML has no place for."""
    return text.translate(_NO_XML).replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")
