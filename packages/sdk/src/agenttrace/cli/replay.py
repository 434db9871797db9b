"""`agenttrace replay`: a recorded run once more, step by step or by the program itself."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from agenttrace.cli.dashes import CommandWithProgram, get_program
from agenttrace.cli.sources import RUN_HELP, FileOption, JsonOption
from agenttrace.trace.sources import LAST

replay = typer.Typer(add_completion=False)

_SELECTOR = "SELECTOR"


@replay.command(name="replay", cls=CommandWithProgram)
def replay_run(  # noqa: PLR0913 -- the options of a command
    ctx: typer.Context,
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]…",
            help=f"{RUN_HELP} Without it, 'last'. What is itself a replay is never 'last', nor "
            "one of the runs of a file. Several, for a program that begins several.",
            show_default=False,
        ),
    ] = None,
    *,
    file: FileOption = None,
    step: Annotated[
        bool,
        typer.Option("--step", help="Step through what was recorded; no code of the agent runs."),
    ] = False,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="STEP",
            help="With --step: begin at this step, a number from 0, a span's id, or a time since "
            "the start such as 1.5s or 200ms.",
        ),
    ] = None,
    breaks: Annotated[
        list[str] | None,
        typer.Option(
            "--break",
            "-b",
            metavar="WHERE",
            help="With --step: stop where this holds, such as error, type:LLM_CALL, name:search*, "
            "'$.output[?length(@)==0]', 'cost>0.1', text:T, regex:R, watch:T, loop:3 or "
            "diverges:RUN. May be given several times.",
        ),
    ] = None,
    mode: Annotated[
        str,
        typer.Option(
            metavar="MODE",
            help="What is done where the program leaves the recording: strict, lenient, "
            "live_after_divergence or cache.",
        ),
    ] = "strict",
    live: Annotated[
        list[str] | None,
        typer.Option(metavar=_SELECTOR, help="Make these calls: LLM_CALL, tool:NAME, span:PATH."),
    ] = None,
    live_from: Annotated[
        str | None,
        typer.Option(metavar="STEP", help="Make all calls from this seq, span or call on."),
    ] = None,
    descend: Annotated[
        list[str] | None,
        typer.Option(metavar=_SELECTOR, help="Run the body of these, and serve what it calls."),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            metavar="EFFECT|SELECTOR",
            help="What calls that are made may do to the world, beside none and read: write, "
            "unknown, or calls that may do anything.",
        ),
    ] = None,
    max_live_calls: Annotated[
        int | None, typer.Option(metavar="N", help="How many calls may be made at most.")
    ] = None,
    max_live_cost: Annotated[
        str | None,
        typer.Option(
            metavar="USD",
            help="Make no more calls once those that were made have cost so much, in US dollars.",
        ),
    ] = None,
    on: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND=ACTION",
            help="What is done about one kind of divergence: raise, warn, serve or live.",
        ),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(metavar="JSONPATH", help="Places in inputs that do not count."),
    ] = None,
    mask: Annotated[
        list[str] | None,
        typer.Option(metavar="REGEX", help="Texts in inputs that do not count."),
    ] = None,
    allow_io: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST[:PORT]|PROGRAM",
            help="What may be reached beside the recording; * turns the guard off.",
        ),
    ] = None,
    stream_timing: Annotated[
        str,
        typer.Option(
            metavar="TIMING", help="When chunks come: zero, original, or so many times faster."
        ),
    ] = "zero",
    freeze: Annotated[
        str | None,
        typer.Option(
            metavar="KINDS",
            help="What is held still: time, random and uuid, with commas between; or none. "
            "Without it, what was when the run was recorded.",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write the new runs there, a JSONL file."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run a program against a recording of it: its calls are served, and none is made.

    The program is as it is; python, python -m and pytest work. What it prints is its own, the
    report goes to standard error; with --json the report is all that standard output has.

    It exits as the program does, or with 10: it left the recording; 11: it reached for the world
    beside it; 12: there is no such recording, or it cannot be replayed; 4: the server cannot be
    reached; 127: the program cannot be started.

    With --step no program runs: keys move through the run, forward and back; ? lists them. Piped,
    it prints a line a step.

    For example:

      agenttrace replay last -- python agent.py

      agenttrace replay 0193a5f0 --from http://localhost:8000/api -- pytest -q tests/test_agent.py

      agenttrace replay run.jsonl --live tool:search -- python agent.py

      agenttrace replay last --step --break 'name:search* & $.output[?length(@)==0]'
    """
    program = get_program(ctx)
    wanted = runs or [LAST]
    if step:
        if program is not None:
            raise typer.BadParameter("with --step no program runs: leave out what follows --")
        from agenttrace.cli.stepping import Stepping, show_steps  # noqa: PLC0415 -- only who steps needs it

        if len(wanted) > 1:
            raise typer.BadParameter(f"--step goes through one run, not {len(wanted)}")
        show_steps(Stepping(wanted[0], file, at, tuple(breaks or ()), as_json=as_json))
        return
    if not program:
        raise typer.BadParameter(
            "give --step, to step through the run; or a program after --, as in: agenttrace replay "
            "last -- python agent.py",
            param_hint="replay",
        )
    options: dict[str, Any] = {
        "mode": mode,
        "live": live,
        "live_from": live_from,
        "descend": descend,
        "allow": allow,
        "max_live_calls": max_live_calls,
        "max_live_cost": max_live_cost,
        "on": on,
        "ignore": ignore,
        "mask": mask,
        "allow_io": allow_io,
        "stream_timing": stream_timing,
        "freeze": freeze,
    }
    from agenttrace.cli.reexecution import Wanted, replay_command  # noqa: PLC0415 -- who steps needs it not

    raise typer.Exit(
        replay_command(Wanted(wanted, file, program, output, as_json=as_json), options)
    )
