"""The steps of a run as lines, as JSON, or as a view to walk around in."""

from __future__ import annotations

import re
import sys
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from agenttrace.cli.output import Screen
from agenttrace.cli.shapes import print_json
from agenttrace.cli.sources import RunFinder
from agenttrace.cli.step_shapes import shape_replay, shape_step, shape_whole_step
from agenttrace.cli.step_text import describe_step, list_details
from agenttrace.steps.breakpoints import MAX_BREAKPOINTS, Breakpoint, read_breakpoint, settle
from agenttrace.steps.cursor import StepCursor
from agenttrace.steps.errors import BreakpointError, StepError
from agenttrace.trace.sources import LAST, RecordingError, RunNotFoundError
from agenttrace.trace.text import write_head

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agenttrace.trace.run import RecordedRun

_OFFSET: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)(ms|s)\Z")
_NUMBER: Final = re.compile(r"(?:0|[1-9][0-9]{0,11})\Z")
_DIVERGES: Final = "diverges:"
_SPAN_ID: Final = re.compile(r"(?:[0-9a-f]{32}:)?([0-9a-f]{4,16})\Z")


@dataclass(frozen=True)
class Stepping:
    """What the command was asked for: as its options have it."""

    run: str
    file: str | None
    at: str | None
    breaks: tuple[str, ...]
    as_json: bool


def show_steps(wanted: Stepping) -> None:
    """Show the steps of a run: to people in a terminal, else as lines or JSON.

    Raises:
        RecordingError: the run cannot be read, or has no step.
        StepError: a breakpoint or a place is none.

    """
    with closing(RunFinder(wanted.file)) as finder:
        source, run_id = finder.find_recording(wanted.run)
        run = source.load_run(run_id)
        try:
            cursor = StepCursor.of_run(run)
        except ValueError as error:
            raise RecordingError(f"run {run_id} cannot be stepped through: {error}") from error
        reader = BreakpointReader(run, cursor, finder)
        _show(wanted, reader, reader.read_all(wanted.breaks))


def _show(wanted: Stepping, reader: BreakpointReader, breakpoints: list[Breakpoint]) -> None:
    run, cursor = reader.run, reader.cursor
    if wanted.at is not None:
        go_to(cursor, wanted.at)
    if wanted.as_json:
        _print_json(run, cursor, breakpoints, is_one=wanted.at is not None)
    elif wanted.at is None and not _is_interactive():
        _print_lines(run, cursor, breakpoints)
    elif not _is_interactive():
        screen = Screen()
        screen.write([describe_step(screen, cursor.step), *list_details(screen, run, cursor)])
    else:
        from agenttrace.cli.stepper import Walker, walk  # noqa: PLC0415 -- only a terminal needs it

        walk(run, Walker(cursor, breakpoints, reader.read))


class BreakpointReader:
    """Reads breakpoints, one that names another run too: `diverges:RUN`."""

    def __init__(self, run: RecordedRun, cursor: StepCursor, finder: RunFinder) -> None:
        self.run = run
        self.cursor = cursor
        self._finder = finder

    def read(self, text: str) -> Breakpoint:
        """Return the breakpoint that a text means.

        Raises:
            BreakpointError: it means none.
            RecordingError: the other run cannot be read.

        """
        if not text.startswith(_DIVERGES):
            return read_breakpoint(text)
        from agenttrace.steps.divergence import find_divergence  # noqa: PLC0415 -- only who compares needs it

        source, run_id = self._finder.find(text.removeprefix(_DIVERGES).strip() or LAST)
        found = find_divergence(self.cursor.timeline, self.run, source.load_run(run_id))
        return settle(Breakpoint(text), () if found is None else (found,))

    def read_all(self, texts: tuple[str, ...]) -> list[Breakpoint]:
        """Return the breakpoints that texts mean.

        Raises:
            BreakpointError: one means none, or there are too many.
            RecordingError: another run cannot be read.

        """
        if len(texts) > MAX_BREAKPOINTS:
            raise BreakpointError(
                f"{len(texts)} breakpoints are too many; at most {MAX_BREAKPOINTS}"
            )
        return [self.read(text) for text in texts]


def go_to(cursor: StepCursor, place: str) -> None:
    """Go to a step: a number, the beginning of a span's id, or a time such as `1.5s`.

    Digits alone are a number where there is such a step.

    Raises:
        StepError: it is none of these.
        RunNotFoundError: there is no such step, or more than one such span.

    """
    text = place.strip().lower()
    last = len(cursor.timeline) - 1
    if found := _OFFSET.match(text):
        cursor.seek_offset(float(found[1]) * (1_000 if found[2] == "s" else 1))
        return
    if _NUMBER.match(text) and int(text) <= last:
        cursor.seek(int(text))
        return
    named = _SPAN_ID.match(text)
    if named is None:
        if _NUMBER.match(text):
            raise RunNotFoundError(f"there is no step {text}; they go from 0 to {last}")
        raise StepError(
            f"{place!r} is no step: give a number from 0 to {last}, the beginning of a span's id, "
            "or a time such as 1.5s"
        )
    spans = [span_id for span_id in cursor.timeline.starts if span_id.startswith(named[1])]
    if len(spans) != 1:
        what = "no span" if not spans else f"{len(spans)} spans"
        raise RunNotFoundError(f"{what} of the run begin with {named[1]!r}; steps go to {last}")
    cursor.seek_span(spans[0])


def find_hits(
    cursor: StepCursor, breakpoints: list[Breakpoint]
) -> Iterator[tuple[int, Breakpoint | None]]:
    """Yield the steps where a breakpoint holds, from the cursor on; without any, all steps."""
    if not breakpoints:
        yield from ((index, None) for index in range(cursor.index, len(cursor.timeline)))
        return
    settled = cursor.settle(breakpoints)
    start = cursor.index - 1
    while hit := cursor.find(settled, start=start):
        start = hit.index
        yield hit.index, hit.breakpoint


def _print_json(
    run: RecordedRun, cursor: StepCursor, breakpoints: list[Breakpoint], *, is_one: bool
) -> None:
    shape = shape_replay(run, len(cursor.timeline))
    if is_one and not breakpoints:
        shape["step"] = shape_whole_step(run, cursor)
    else:
        shape["steps"] = [
            shape_step(cursor.timeline.step(index))
            | ({} if found is None else {"breakpoint": found.text})
            for index, found in find_hits(cursor, breakpoints)
        ]
    print_json(shape)


def _print_lines(run: RecordedRun, cursor: StepCursor, breakpoints: list[Breakpoint]) -> None:
    screen = Screen()
    screen.write(write_head(run))
    for index, found in find_hits(cursor, breakpoints):
        line = describe_step(screen, cursor.timeline.step(index))
        screen.write([line if found is None else f"{line}  [{found.text}]"])


def _is_interactive() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()
