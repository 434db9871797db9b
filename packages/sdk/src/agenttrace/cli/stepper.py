"""Walking through a run in a terminal: keys move, the view follows."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from agenttrace.cli.keys import CLOSED, RESIZED, Keyboard
from agenttrace.cli.step_view import StepView
from agenttrace.cli.stepping import go_to
from agenttrace.errors import AgentTraceError
from agenttrace.steps.breakpoints import MAX_BREAKPOINTS, read_breakpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace.steps.breakpoints import Breakpoint
    from agenttrace.steps.cursor import StepCursor
    from agenttrace.trace.run import RecordedRun

PAGE_STEPS: Final = 10
HELP: Final = """\
→ n       next step                    ←  p      step before
⇧→ o      over: to the span's end      ↑  u      out: to the end of the span around it
↓         next step of this lane       ⇧↓        the step of this lane before
PgDn/PgUp ten steps                    Home/End  first and last step
c         go on to a breakpoint        C         back to a breakpoint
e         next error                   E         error before
b         set a breakpoint, or take the last one away with an empty line
g         go to a step: its number, a span's id, or a time such as 1.5s
/         find a text in what comes after
q         quit                         ?         this help

A breakpoint is error, type:LLM_CALL, name:search*, model:gpt-*, status:ERROR, text:T, regex:R,
watch:T, loop:3, cost>0.1, durationMs>5000, diverges:RUN or a JSONPath query such as
$.output[?length(@)==0].
Several joined with ' & ' must all hold of one span."""
_TITLES: Final = {"b": "breakpoint", "g": "go to", "/": "find"}


class Walker:
    """What the keys do. It knows no terminal: `press` takes names of keys."""

    def __init__(
        self,
        cursor: StepCursor,
        breakpoints: list[Breakpoint],
        read: Callable[[str], Breakpoint] = read_breakpoint,
    ) -> None:
        self.cursor = cursor
        self._read = read
        self.breakpoints = cursor.settle(breakpoints)
        self.message = "? for help"
        self.prompt: str | None = None
        """The key that asked for a line, while it is typed."""
        self.line = ""
        self.shows_help = False
        move = cursor
        self._moves: dict[str, Callable[[], object]] = {
            "right": move.next,
            "n": move.next,
            "left": move.prev,
            "p": move.prev,
            "shift-right": move.step_over,
            "o": move.step_over,
            "up": move.step_out,
            "u": move.step_out,
            "down": move.next_in_lane,
            "shift-down": lambda: move.next_in_lane(backward=True),
            "page-down": lambda: move.seek(min(move.index + PAGE_STEPS, len(move.timeline) - 1)),
            "page-up": lambda: move.seek(max(move.index - PAGE_STEPS, 0)),
            "home": lambda: move.seek(0),
            "end": lambda: move.seek(len(move.timeline) - 1),
            "e": move.next_error,
            "E": lambda: move.next_error(backward=True),
            "c": lambda: self._continue(backward=False),
            "C": lambda: self._continue(backward=True),
        }

    def press(self, key: str) -> bool:
        """Do what a key means; return whether to go on."""
        if self.prompt is not None:
            self._type(key)
            return key != CLOSED
        if key in {"q", "interrupt", CLOSED}:
            return False
        self.message = ""
        if self.shows_help or key == "?":
            self.shows_help = not self.shows_help
        elif key in _TITLES:
            self.prompt, self.line = key, ""
        elif key in self._moves:
            self._try(self._moves[key])
        elif key not in {RESIZED, "escape", "unknown"}:
            self.message = f"{key!r} means nothing; ? for help"
        return True

    def _type(self, key: str) -> None:
        if key == "enter":
            asked, self.prompt = self.prompt, None
            self._try(lambda: self._take(asked, self.line.strip()))
        elif key in {"escape", "interrupt"}:
            self.prompt = None
        elif key == "backspace":
            self.line = self.line[:-1]
        elif len(key) == 1 and key.isprintable():
            self.line += key

    def _take(self, asked: str | None, line: str) -> object:
        if asked == "b":
            self._set_breakpoint(line)
        elif line and asked == "g":
            go_to(self.cursor, line)
        elif line:
            found = self.cursor.continue_([read_breakpoint(f"text:{line}")])
            self.message = f"no step after this one has {line!r}" if found is None else ""
        return True

    def _set_breakpoint(self, line: str) -> None:
        if not line:
            gone = self.breakpoints.pop() if self.breakpoints else None
            self.message = "there was no breakpoint" if gone is None else f"gone: {gone.text}"
        elif len(self.breakpoints) >= MAX_BREAKPOINTS:
            self.message = f"there are {MAX_BREAKPOINTS} breakpoints: take one away first"
        else:
            (found,) = self.cursor.settle([self._read(line)])
            self.breakpoints.append(found)
            self.message = f"set: {found.text}; c goes on to it, C back"

    def _continue(self, *, backward: bool) -> object:
        if not self.breakpoints:
            self.message = "no breakpoint is set: b sets one"
            return True
        go = self.cursor.reverse_continue if backward else self.cursor.continue_
        hit = go(self.breakpoints)
        where = "before" if backward else "after"
        self.message = (
            f"no breakpoint holds {where} this step"
            if hit is None
            else f"stopped: {hit.breakpoint.text}"
        )
        return True

    def _try(self, move: Callable[[], object]) -> None:
        try:
            if move() is None:
                self.message = "there is nothing further that way"
        except AgentTraceError as error:
            self.message = str(error)


def walk(run: RecordedRun, walker: Walker) -> None:
    """Show a run in the terminal and move through it until the user leaves."""
    view = StepView(run, walker)
    with Keyboard(sys.stdin.fileno()).listen() as wait, view.show():
        going = True
        while going:
            view.draw()
            going = walker.press(wait())
