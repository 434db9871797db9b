"""Breakpoints: where a run is to be looked at, given as text or as parts.

    type:LLM_CALL            a model call starts
    name:search*             a span of such a name starts
    model:gpt-*              a span of such a model starts
    status:ERROR, error      a span ends so
    $.output.results[?…]     a JSONPath query (RFC 9535) selects something of input or output
    cost>0.1, durationMs>5000, tokens>=1000
    text:refund              a text appears in an input, output, error or event
    regex:order-[0-9]+       the same with a regular expression
    watch:refund             the first output with the text, and the next model call given it
    loop:3                   the third span, and each later one, of one name and input

Joined with ` & ` all must hold of one span, as in `name:search & $.output[?length(@)==0]`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from agenttrace.steps.criteria import (
    START,
    Criterion,
    IsAt,
    PathSelects,
    Phases,
    Repeats,
    SpanIs,
    StatusIs,
    TextOccurs,
    read_metric,
)
from agenttrace.steps.errors import BreakpointError
from agenttrace.steps.patterns import TextPattern
from agenttrace.steps.queries import PathQuery
from agenttrace.wire import SpanStatus, SpanType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MAX_BREAKPOINTS: Final = 20
MIN_REPEATS: Final = 2
_METRIC: Final = re.compile(r"([A-Za-z]+)\s*(>=|<=|>|<)\s*(\S+)\Z")


@dataclass(frozen=True)
class Watch:
    """Follows a text: where it first appears in an output, and the next model call that has it."""

    pattern: TextPattern


@dataclass(frozen=True)
class Breakpoint:
    """Holds at a step where all of its criteria do. `text` is what people call it."""

    text: str
    criteria: tuple[Criterion, ...] = ()
    watch: Watch | None = None

    @cached_property
    def phases(self) -> Phases:
        """The phases in which it can hold: where its span starts, unless a criterion says."""
        said = [each.phases for each in self.criteria if each.phases is not None]
        return frozenset.intersection(*said) if said else START


def read_breakpoint(text: str) -> Breakpoint:
    """Return the breakpoint that a text means.

    Raises:
        BreakpointError: it means none.

    """
    parts = [part.strip() for part in text.split(" & ")]
    if not any(parts):
        raise BreakpointError("a breakpoint is empty; give one such as error, or type:LLM_CALL")
    if len(parts) == 1 and parts[0].startswith("watch:"):
        return make_watch(parts[0].removeprefix("watch:"))
    return make_breakpoint([_read_criterion(part) for part in parts], text.strip())


def make_breakpoint(criteria: Iterable[Criterion], text: str) -> Breakpoint:
    """Return the breakpoint of these criteria.

    Raises:
        BreakpointError: there is none, or they can never hold of one step.

    """
    made = Breakpoint(text, (*criteria,))
    if not made.criteria:
        raise BreakpointError("a breakpoint asks nothing; give it a type, a name or another part")
    if not made.phases:
        raise BreakpointError(
            f"{text!r} never holds: one part is of where a span starts, another of where it ends"
        )
    return made


def make_watch(wanted: str) -> Breakpoint:
    """Return the breakpoint that follows a text.

    Raises:
        BreakpointError: the text is empty or too long.

    """
    return Breakpoint(f"watch:{wanted}", (), Watch(TextPattern(wanted)))


def make_repeats(times: int) -> Repeats:
    """Return the criterion of a loop.

    Raises:
        BreakpointError: once is no loop.

    """
    if times < MIN_REPEATS:
        raise BreakpointError(f"loop:{times} is no loop; it must be {MIN_REPEATS} or more")
    return Repeats(times)


def settle(breakpoint_: Breakpoint, indexes: Iterable[int]) -> Breakpoint:
    """Return a breakpoint whose steps were found, in its place."""
    return Breakpoint(breakpoint_.text, (IsAt(frozenset(indexes), breakpoint_.text),))


def _read_criterion(part: str) -> Criterion:
    if part == "error":
        return StatusIs(SpanStatus.ERROR)
    if part.startswith("$"):
        return PathSelects(PathQuery(part))
    kind, colon, rest = part.partition(":")
    if colon and kind in _READERS:
        return _READERS[kind](rest.strip())
    if found := _METRIC.match(part):
        return read_metric(*found.groups())
    known = ", ".join(f"{name}:" for name in _READERS)
    raise BreakpointError(
        f"{part!r} is no breakpoint; give error, watch:TEXT, one of {known} a JSONPath query that "
        "begins with $, or a figure such as durationMs>5000"
    )


def _read_type(text: str) -> Criterion:
    if text.upper() not in SpanType.__members__:
        raise BreakpointError(f"{text!r} is no type of span; there are {', '.join(SpanType)}")
    return SpanIs(span_type=SpanType(text.upper()))


def _read_status(text: str) -> Criterion:
    if text.upper() not in SpanStatus.__members__:
        raise BreakpointError(f"{text!r} is no status of a span; there are {', '.join(SpanStatus)}")
    return StatusIs(SpanStatus(text.upper()))


def _read_loop(text: str) -> Criterion:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise BreakpointError(f"loop:{text} needs a whole number, such as loop:3")
    return make_repeats(int(text))


_READERS: Final[dict[str, Callable[[str], Criterion]]] = {
    "type": _read_type,
    "name": lambda text: SpanIs(name=text),
    "model": lambda text: SpanIs(model=text),
    "status": _read_status,
    "text": lambda text: TextOccurs(TextPattern(text)),
    "regex": lambda text: TextOccurs(TextPattern(text, is_regex=True)),
    "loop": _read_loop,
}
