"""What a terminal shows of a run that is stepped through."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich.console import Console, Group
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from agenttrace.cli.output import Screen
from agenttrace.cli.step_text import describe_replayable, describe_step, list_details
from agenttrace.trace.visible import show_duration, show_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agenttrace.cli.stepper import Walker
    from agenttrace.trace.run import RecordedRun

_HEAD_ROWS: Final = 2
_FOOT_ROWS: Final = 2
_MIN_BAR: Final = 10
_PROMPTS: Final = {"b": "breakpoint", "g": "go to step, span or time", "/": "find text"}


class StepView:
    """The steps around the one that a walker stands at, and what there is to know of that one."""

    def __init__(self, run: RecordedRun, walker: Walker) -> None:
        self._run = run
        self._walker = walker
        self._console = Console(highlight=False)
        self._screen = Screen()
        self._replayable = describe_replayable(run)
        self._live = Live(console=self._console, screen=True, auto_refresh=False)

    @contextmanager
    def show(self) -> Iterator[None]:
        """Take the terminal's whole screen, and give it back as it was."""
        with self._live:
            yield

    def draw(self) -> None:
        """Show where the walker stands."""
        self._live.update(self._lay_out(), refresh=True)

    def _lay_out(self) -> Layout:
        from agenttrace.cli.stepper import HELP  # noqa: PLC0415 -- a circle: the keys know the view

        layout = Layout()
        middle = Layout(name="middle")
        if self._walker.shows_help:
            middle.update(Panel(Text(HELP), title="keys", border_style="dim"))
        else:
            middle.split_column(
                Layout(self._list_steps(), name="steps"), Layout(self._describe(), name="step")
            )
        layout.split_column(
            Layout(self._write_head(), size=_HEAD_ROWS),
            middle,
            Layout(self._write_foot(), size=_FOOT_ROWS),
        )
        return layout

    def _write_head(self) -> Group:
        cursor = self._walker.cursor
        step, last = cursor.step, len(cursor.timeline) - 1
        name = show_text(self._run.name, max_chars=60)
        took = show_duration(step.elapsed_ns)
        title = f"{name}  {self._run.status.value}  step {step.index} of {last}  {took}  "
        width = max(_MIN_BAR, self._console.width - 2)
        done = round(width * step.index / last) if last else width
        bar = Text("━" * done, style="green").append("─" * (width - done), style="dim")
        head = Text(title, style="bold", no_wrap=True, overflow="ellipsis")
        return Group(head.append(self._replayable, style="dim"), bar)

    def _list_steps(self) -> Panel:
        cursor = self._walker.cursor
        rows = max(1, (self._console.height - _HEAD_ROWS - _FOOT_ROWS) // 2 - 2)
        first = max(0, min(cursor.index - rows // 2, len(cursor.timeline) - rows))
        text = Text(no_wrap=True, overflow="ellipsis")
        for index in range(first, min(first + rows, len(cursor.timeline))):
            line = describe_step(self._screen, cursor.timeline.step(index))
            is_here = index == cursor.index
            shown = Text.from_ansi(("> " if is_here else "  ") + line)
            text.append_text(shown if not is_here else Text(shown.plain, style="reverse"))
            text.append("\n")
        return Panel(text, title="steps", border_style="dim", padding=0)

    def _describe(self) -> Panel:
        lines = list_details(self._screen, self._run, self._walker.cursor)
        return Panel(_join(lines), title="this step", border_style="dim", padding=0)

    def _write_foot(self) -> Group:
        walker = self._walker
        texts = [show_text(each.text, max_chars=40) for each in walker.breakpoints]
        first = f"breakpoints: {', '.join(texts) or 'none'}"
        if walker.prompt is not None:
            second = f"{_PROMPTS[walker.prompt]}: {show_text(walker.line, max_chars=500)}_"
        else:
            second = show_text(walker.message, max_chars=500)
        return Group(
            Text(first, style="dim", no_wrap=True, overflow="ellipsis"),
            Text(second, style="bold", no_wrap=True, overflow="ellipsis"),
        )


def _join(lines: Iterable[str]) -> Text:
    text = Text()
    for line in lines:
        text.append_text(Text.from_ansi(line)).append("\n")
    return text
