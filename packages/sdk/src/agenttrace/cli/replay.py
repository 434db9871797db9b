"""`agenttrace replay`: a recorded run once more."""

from __future__ import annotations

from typing import Annotated

import typer

from agenttrace.cli.sources import RUN_HELP, FileOption, JsonOption
from agenttrace.trace.sources import LAST


def replay_run(  # noqa: PLR0913 -- the options of a command
    run: Annotated[str, typer.Argument(metavar="RUN", help=RUN_HELP)] = LAST,
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
            "'$.output[?length(@)==0]', 'cost>0.1', text:T, regex:R, watch:T or loop:3. May be "
            "given several times.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Go through a run step by step, forward and back.

    In a terminal, keys move; ? lists them. Piped, it prints a line a step: with --break only those
    where a breakpoint holds, with --at one step whole.

    For example:

      agenttrace replay last --step

      agenttrace replay last --step --break 'name:search* & $.output[?length(@)==0]'

      agenttrace replay run.jsonl --step --at 42 --json | jq .step.state
    """
    if not step:
        raise typer.BadParameter("give --step, to step through the run", param_hint="replay")
    from agenttrace.cli.stepping import Stepping, show_steps  # noqa: PLC0415 -- only who steps needs it

    show_steps(Stepping(run, file, at, tuple(breaks or ()), as_json=as_json))
