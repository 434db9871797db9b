"""`agenttrace baseline build`: several runs of one version become what a single run is held to."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from agenttrace.cli.diff_sides import describe_lost_lines
from agenttrace.cli.output import EXIT_NO_DATA, warn, write_text
from agenttrace.cli.run_groups import QUERY_HELP, find_runs, measure_runs
from agenttrace.cli.sources import FileOption, RunFinder
from agenttrace.diff.baselines import learn_baseline, write_baseline
from agenttrace.diff.baselines.model import MIN_RUNS
from agenttrace.trace.visible import show_count

app = typer.Typer(
    add_completion=False,
    help="Learn what several runs of one version vary in.",
    no_args_is_help=True,
)


@app.callback()
def _group() -> None:
    """Learn what several runs of one version vary in."""


@app.command("build")
def build_baseline(
    runs: Annotated[list[str], typer.Argument(metavar="RUNS...", help=QUERY_HELP)],
    *,
    file: FileOption = None,
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="FILE", help="Where to; - is standard output.")
    ] = "-",
) -> None:
    """Learn from runs of one version which calls are optional and how far each figure varies.

    `agenttrace diff BASELINE RUN --gate gates.yaml` holds a single run to it. Ten runs are a good
    number; of fewer than three no figure has a range.

    For example:

      agenttrace baseline build 'tag:main last:10' --out baseline.json

      agenttrace baseline build monday.jsonl tuesday.jsonl --out baseline.json
    """
    with closing(RunFinder(file)) as finder:
        chosen = dict.fromkeys(run for text in runs for run in find_runs(finder, text))
        measured = list(measure_runs(list(chosen), case_key=None))
        lost = describe_lost_lines(chosen)
    if lost:
        for text in lost:
            warn(text)
        warn("no baseline is written: what is learnt from part of a recording holds for no run")
        raise typer.Exit(EXIT_NO_DATA)
    open_runs = [run for run in measured if run.missing is not None]
    for run in open_runs:
        warn(f"run {run.run_id} is left out: {run.missing}")
    whole = [run for run in measured if run.missing is None]
    if not whole:
        warn("no run is whole: a baseline is learnt from runs whose end was recorded")
        raise typer.Exit(EXIT_NO_DATA)
    if len(whole) < MIN_RUNS:
        warn(f"{show_count(len(whole), 'run')}: no figure has a range before there are {MIN_RUNS}")
    text = write_baseline(learn_baseline(whole))
    if out == "-":
        write_text(text)
        return
    try:
        Path(out).expanduser().write_text(text, encoding="utf-8")
    except OSError as error:
        warn(f"cannot write {out}: {error.strerror or error}")
        raise typer.Exit(EXIT_NO_DATA) from None
    warn(f"{out} is learnt from {show_count(len(whole), 'run')}")
