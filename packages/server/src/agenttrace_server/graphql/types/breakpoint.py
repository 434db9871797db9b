"""Breakpoints and filters of steps: from GraphQL's inputs to what a search takes."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal as Number

import strawberry
from strawberry import field

from agenttrace import wire
from agenttrace.steps.breakpoints import (
    MAX_BREAKPOINTS,
    Breakpoint,
    make_breakpoint,
    make_repeats,
    make_watch,
    read_breakpoint,
)
from agenttrace.steps.criteria import (
    Criterion,
    MetricIs,
    MetricName,
    PathSelects,
    SpanIs,
    StatusIs,
    TextOccurs,
)
from agenttrace.steps.errors import BreakpointError
from agenttrace.steps.patterns import TextPattern
from agenttrace.steps.queries import PathQuery
from agenttrace.steps.timeline import StepTimeline
from agenttrace_server.errors import InvalidArgumentError
from agenttrace_server.graphql.types.enums import SpanStatus, SpanType, StepPhase
from agenttrace_server.graphql.types.filters import (
    MAX_VALUES,
    CountRange,
    DecimalRange,
    FloatRange,
    check_text,
)


@strawberry.input(
    description="Where a run is to be looked at. All that is given must hold of one span; "
    "`expression`, `watch` and `diverges` stand alone. It holds at the same steps in both "
    "directions: where the span starts, unless what is asked is known only where it ends."
)
class BreakpointInput:
    """See the description, which is public."""

    expression: str | None = field(
        default=None,
        description="A breakpoint as text, as `agenttrace replay RUN --step --break` takes it: "
        "`error`, `name:search* & $.output[?length(@)==0]`.",
    )
    watch: str | None = field(
        default=None,
        description="A text that is followed: it holds where it first appears in an output or a "
        "chunk, and at the next model call whose input has it. 1 to 1,000 characters.",
    )
    diverges: strawberry.ID | None = field(
        default=None,
        description="The id of another run: it holds where the first difference to it begins. "
        "That is where a span starts, or ends if it gave something else only; of a span that the "
        "other run alone has, where the one around it ends.",
    )
    type: SpanType | None = field(default=None, description="A span of this type.")
    name: str | None = field(
        default=None, description="A span of this name; `*` stands for anything."
    )
    model: str | None = field(
        default=None, description="A span of this model; `*` stands for anything."
    )
    status: SpanStatus | None = field(
        default=None,
        description="A span that ends with this status; STARTED: one that never ends, where it "
        "starts.",
    )
    json_path: str | None = field(
        default=None,
        description='A JSONPath query (RFC 9535) that selects something of `{"input": …, '
        '"output": …}` where a span ends; one that begins with `$.input` is asked where it '
        "starts. At most 512 characters; it may look at 250,000 nodes of one value.",
    )
    text: str | None = field(
        default=None,
        description="A text that appears in an input, an output, an error or an event. 1 to 1,000 "
        "characters.",
    )
    regex: str | None = field(
        default=None,
        description="The same with a regular expression of Rust's `regex`, which has no "
        "look-around and no back-reference. 1 to 256 characters.",
    )
    loop: int | None = field(
        default=None,
        description="The n-th span, and each later one, of one name and equal input; 2 or more.",
    )
    cost_usd: DecimalRange | None = field(
        default=None, description="A span that ends and cost so much, in USD."
    )
    duration_ms: FloatRange | None = field(
        default=None, description="A span that ends and took so long, in milliseconds."
    )
    total_tokens: CountRange | None = field(
        default=None, description="A span that ends and used so many tokens."
    )


@strawberry.input(
    description="Which steps: those for which every given criterion holds, of a list one of its "
    "values."
)
class StepFilter:
    """See the description, which is public."""

    phase: list[StepPhase] | None = field(default=None, description="What happens at them.")
    type: list[SpanType] | None = field(default=None, description="The type of their span.")
    lane: list[int] | None = field(default=None, description="The lane that they are in.")
    span_id: str | None = field(
        default=None, description="The `spanId` of their span, 16 hexadecimal digits."
    )


def read_breakpoints(inputs: list[BreakpointInput]) -> list[Breakpoint]:
    """Return the breakpoints that a search takes; of `diverges` one whose step is to be settled.

    Raises:
        InvalidArgumentError: there is none, or too many, or one cannot be meant.

    """
    if not 1 <= len(inputs) <= MAX_BREAKPOINTS:
        raise InvalidArgumentError(
            f"there are {len(inputs)} breakpoints; give 1 to {MAX_BREAKPOINTS}"
        )
    try:
        return [_read_breakpoint(each, str(place)) for place, each in enumerate(inputs)]
    except BreakpointError as error:
        raise InvalidArgumentError(str(error)) from error


def filter_steps(timeline: StepTimeline, wanted: StepFilter | None, after: int) -> Iterator[int]:
    """Yield the steps after one that a filter lets through.

    Raises:
        InvalidArgumentError: the filter has more values than it may have.

    """
    if wanted is None:
        yield from range(after + 1, len(timeline))
        return
    for name, values in (("phase", wanted.phase), ("type", wanted.type), ("lane", wanted.lane)):
        if values is not None and len(values) > MAX_VALUES:
            raise InvalidArgumentError(f"{name} has {len(values)} values; at most {MAX_VALUES}")
    phases = None if wanted.phase is None else {str(each.value) for each in wanted.phase}
    types = None if wanted.type is None else {str(each.value) for each in wanted.type}
    lanes = None if wanted.lane is None else set(wanted.lane)
    for index in range(after + 1, len(timeline)):
        moment = timeline.moment(index)
        span = moment.span
        if (
            (phases is None or moment.kind in phases)
            and (types is None or (span is not None and span.span_type in types))
            and (lanes is None or (0 if span is None else span.lane) in lanes)
            and (wanted.span_id is None or (span is not None and span.span_id == wanted.span_id))
        ):
            yield index


def _read_breakpoint(given: BreakpointInput, name: str) -> Breakpoint:
    parts = [*_list_criteria(given)]
    asked = (given.expression, given.watch, given.diverges)
    alone = [text for text in asked if text is not None]
    if alone and len(parts) + len(alone) > 1:
        raise InvalidArgumentError(
            "expression, watch and diverges stand alone: give nothing beside them"
        )
    if given.expression is not None:
        return read_breakpoint(check_text(given.expression, "expression"))
    if given.watch is not None:
        return make_watch(given.watch)
    if given.diverges is not None:
        return Breakpoint(f"diverges:{given.diverges}")
    return make_breakpoint(parts, f"breakpoint {name}")


def _list_criteria(given: BreakpointInput) -> Iterator[Criterion]:
    if (given.type, given.name, given.model) != (None, None, None):
        span_type = None if given.type is None else wire.SpanType(str(given.type.value))
        name = None if given.name is None else check_text(given.name, "name")
        model = None if given.model is None else check_text(given.model, "model")
        yield SpanIs(span_type, name, model)
    if given.status is not None:
        yield StatusIs(wire.SpanStatus(str(given.status.value)))
    if given.json_path is not None:
        yield PathSelects(PathQuery(given.json_path))
    if given.text is not None:
        yield TextOccurs(TextPattern(given.text))
    if given.regex is not None:
        yield TextOccurs(TextPattern(given.regex, is_regex=True))
    if given.loop is not None:
        yield make_repeats(given.loop)
    yield from _list_limits("costUsd", given.cost_usd)
    yield from _list_limits("durationMs", given.duration_ms)
    yield from _list_limits("totalTokens", given.total_tokens)


def _list_limits(
    metric: MetricName, limits: DecimalRange | FloatRange | CountRange | None
) -> Iterator[Criterion]:
    if limits is None:
        return
    if limits.min is None and limits.max is None:
        raise InvalidArgumentError(f"{metric} has no end: give min, max or both")
    if limits.min is not None:
        yield MetricIs(metric, ">=", Number(str(limits.min)))
    if limits.max is not None:
        yield MetricIs(metric, "<=", Number(str(limits.max)))
