"""What a breakpoint asks of a step.

A criterion is a question about one step and the recorded texts of it: it remembers nothing, so
that it holds at the same steps whichever way they are gone through.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from fnmatch import translate
from re import Pattern
from re import compile as compile_re
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

from agenttrace.steps.errors import BreakpointError
from agenttrace.steps.texts import TextKey
from agenttrace.trace.timeline import MomentKind
from agenttrace.trace.totals import count_tokens
from agenttrace.wire import SpanStatus, SpanType

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agenttrace.steps.patterns import TextPattern
    from agenttrace.steps.queries import PathQuery
    from agenttrace.steps.timeline import StepTimeline
    from agenttrace.trace.timeline import Moment

Phases: TypeAlias = frozenset[MomentKind]
Texts: TypeAlias = "Sequence[str | None]"

START: Final[Phases] = frozenset({MomentKind.START})
END: Final[Phases] = frozenset({MomentKind.END})
ALL: Final[Phases] = frozenset(MomentKind)
_NS_PER_MS: Final = 1_000_000


class Criterion(Protocol):
    """One question.

    `phases` are those in which it can hold; None: in any, as far as its span is concerned.
    """

    @property
    def phases(self) -> Phases | None:
        """The phases in which it can hold."""

    def takes(self, timeline: StepTimeline, index: int) -> bool:
        """Tell whether it holds, or may hold once the texts are read."""

    def list_texts(self, timeline: StepTimeline, index: int) -> Sequence[TextKey]:
        """Return the texts that decide it; none where `takes` said all."""

    def matches(self, texts: Texts) -> bool:
        """Tell whether it holds of these texts, which are as `list_texts` has them."""


class _Plain:
    """A criterion that looks into no text."""

    phases: Phases | None = None

    def list_texts(self, timeline: StepTimeline, index: int) -> Sequence[TextKey]:  # noqa: ARG002 -- as Criterion has it
        return ()

    def matches(self, texts: Texts) -> bool:  # noqa: ARG002 -- as Criterion has it
        return True


@dataclass(frozen=True)
class SpanIs(_Plain):
    """Of a type, of a name, of a model; `*` in a name stands for anything. None: any."""

    span_type: SpanType | None = None
    name: str | None = None
    model: str | None = None
    _patterns: tuple[Pattern[str] | None, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        patterns = tuple(_compile_name(text) for text in (self.name, self.model))
        object.__setattr__(self, "_patterns", patterns)

    def takes(self, timeline: StepTimeline, index: int) -> bool:
        """Tell whether its span is so."""
        span = timeline.moment(index).span
        if span is None or self.span_type not in {None, span.span_type}:
            return False
        name, model = self._patterns
        return (name is None or name.match(span.name) is not None) and (
            model is None or (span.model is not None and model.match(span.model) is not None)
        )


@dataclass(frozen=True)
class StatusIs(_Plain):
    """The span ends with a status; with STARTED: it starts, and never ends."""

    status: SpanStatus

    @property
    def phases(self) -> Phases | None:  # type: ignore[override]  # what it holds in depends on it
        """The phases in which it can hold."""
        return START if self.status is SpanStatus.STARTED else END

    def takes(self, timeline: StepTimeline, index: int) -> bool:
        """Tell whether its span is so."""
        span = timeline.moment(index).span
        return span is not None and span.status is self.status


MetricName: TypeAlias = Literal["costUsd", "durationMs", "totalTokens", "promptTokens"]
Operator: TypeAlias = Literal[">", ">=", "<", "<="]
METRICS: Final[dict[str, MetricName]] = {
    "cost": "costUsd",
    "costusd": "costUsd",
    "duration": "durationMs",
    "durationms": "durationMs",
    "tokens": "totalTokens",
    "totaltokens": "totalTokens",
    "prompttokens": "promptTokens",
}
_COMPARE: Final[dict[str, Callable[[Decimal, Decimal], bool]]] = {
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
}


@dataclass(frozen=True)
class MetricIs(_Plain):
    """A figure of the span that ends is beyond a limit; unknown ones are beyond none."""

    metric: MetricName
    operator: Operator
    limit: Decimal
    phases: Phases | None = END

    def takes(self, timeline: StepTimeline, index: int) -> bool:
        """Tell whether its span is so."""
        figure = _measure(timeline.moment(index), self.metric)
        return figure is not None and _COMPARE[self.operator](figure, self.limit)


@dataclass(frozen=True)
class PathSelects:
    """A query selects something of `{"input": …}` where a span starts, or of that and `output`.

    A query that begins with `$.input` is asked where the span starts, any other where it ends.
    """

    query: PathQuery

    @property
    def phases(self) -> Phases | None:
        """The phases in which it can hold."""
        return START if self.query.text.startswith(_AT_START) else END

    def takes(self, timeline: StepTimeline, index: int) -> bool:
        """Tell whether there is a span."""
        return timeline.moment(index).span is not None

    def list_texts(self, timeline: StepTimeline, index: int) -> Sequence[TextKey]:
        """Return the texts that decide it."""
        moment = timeline.moment(index)
        own = "" if moment.span is None else moment.span.span_id
        if moment.kind is MomentKind.START:
            return (TextKey("input", own),)
        return (TextKey("input", own), TextKey("output", own))

    def matches(self, texts: Texts) -> bool:
        """Tell whether it holds of these texts."""
        names = ("input", "output")
        document = {n: _parse(text) for n, text in zip(names, texts, strict=False) if text}
        return self.query.selects(document)


_AT_START: Final = ("$.input", "$['input']", '$["input"]')


@dataclass(frozen=True)
class TextOccurs:
    """A text appears.

    In the input of a span that starts, the output or error of one that ends, or in what an event
    carries.
    """

    pattern: TextPattern
    phases: Phases | None = ALL

    def takes(self, timeline: StepTimeline, index: int) -> bool:  # noqa: ARG002 -- as Criterion has it
        """Tell that its texts must be read."""
        return True

    def list_texts(self, timeline: StepTimeline, index: int) -> Sequence[TextKey]:
        """Return what appears at the step."""
        return list_new_texts(timeline.moment(index))

    def matches(self, texts: Texts) -> bool:
        """Tell whether it holds of these texts."""
        return any(text is not None and self.pattern.occurs_in(text) for text in texts)


@dataclass(frozen=True)
class Repeats(_Plain):
    """The span is at least the n-th of its name and input: a loop, most often."""

    times: int
    phases: Phases | None = START

    def takes(self, timeline: StepTimeline, index: int) -> bool:
        """Tell whether its span is so."""
        return timeline.count_repeat(index) >= self.times


@dataclass(frozen=True)
class IsAt(_Plain):
    """The step is one of these, which were found by other means; `why` says what they are."""

    indexes: frozenset[int]
    why: str
    phases: Phases | None = ALL

    def takes(self, timeline: StepTimeline, index: int) -> bool:  # noqa: ARG002 -- as Criterion has it
        """Tell whether it is."""
        return index in self.indexes


def list_new_texts(moment: Moment) -> Sequence[TextKey]:
    """Return the texts that appear at a step."""
    if moment.event is not None:
        return (TextKey("body", seq=moment.event.seq),)
    if moment.span is None:
        return ()
    own = moment.span.span_id
    if moment.kind is MomentKind.START:
        return (TextKey("input", own),)
    return (TextKey("output", own), TextKey("error", own))


def read_metric(name: str, operator: str, limit: str) -> MetricIs:
    """Return the criterion of a figure.

    Raises:
        BreakpointError: there is no such figure, or the limit is no number.

    """
    metric = METRICS.get(name.lower())
    if metric is None or operator not in _COMPARE:
        known = ", ".join(sorted(set(METRICS.values())))
        raise BreakpointError(f"{name}{operator} is no figure of a span; there are {known}")
    try:
        number = Decimal(limit)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise BreakpointError(f"{limit!r} is no number to compare {metric} with")
    return MetricIs(metric, operator, number)  # type: ignore[arg-type]  # one of _COMPARE's


def _measure(moment: Moment, metric: MetricName) -> Decimal | None:
    span = moment.span
    if span is None:
        return None
    if metric == "costUsd":
        return None if span.cost is None else Decimal(span.cost.usd)
    if metric == "durationMs":
        return None if span.duration_ns is None else Decimal(span.duration_ns) / _NS_PER_MS
    if span.usage is None:
        return None
    figure = count_tokens(span.usage) if metric == "totalTokens" else span.usage.prompt_tokens
    return None if figure is None else Decimal(figure)


def _compile_name(text: str | None) -> Pattern[str] | None:
    # Only * is special: names have brackets, and `translate` of * never tries a text again.
    if text is None:
        return None
    return compile_re(translate(text.replace("[", "[[]").replace("?", "[?]")))


def _parse(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
