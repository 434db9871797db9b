"""The criteria of a list of runs as SQL.

Each is a condition on one row of `run`, by itself or by a lookup among the rows of that run: so a
page, a count and a follower's "does it still match" are one and the same condition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, case, exists, false, func, literal, not_, or_, select, text, true

from agenttrace.wire import SpanStatus
from agenttrace_server.storage.tables import ANNOTATION, ATTRIBUTE, RUN, SPAN, TAG
from agenttrace_server.storage.usage_tables import MODEL_USAGE

if TYPE_CHECKING:
    from sqlalchemy import FromClause
    from sqlalchemy.sql import ColumnElement

    from agenttrace_server.storage.criteria import (
        AttributeCondition,
        NumberRange,
        RunFilter,
        ScoreCondition,
        SpanCondition,
    )

COUNTS: Final[dict[str, ColumnElement[int]]] = {
    "LLM_CALL": RUN.c.llm_calls,
    "TOOL_CALL": RUN.c.tool_calls,
    "DECISION": RUN.c.decisions,
    "RETRIEVAL": RUN.c.retrievals,
    "AGENT": RUN.c.agents,
    "CUSTOM": RUN.c.spans
    - RUN.c.llm_calls
    - RUN.c.tool_calls
    - RUN.c.decisions
    - RUN.c.retrievals
    - RUN.c.agents,
}
DURATION: Final[ColumnElement[int]] = func.coalesce(RUN.c.duration_ns, text("-1"))
"""Spelt as in its index, which serves no other spelling."""

HAS_ERROR: Final = or_(RUN.c.status == "ERROR", RUN.c.errors > 0)

_LOWER_ASCII: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def list_fixed_conditions(run_filter: RunFilter) -> list[ColumnElement[bool]]:
    """Return the project and the criteria whose answer hardly changes while a run goes on."""
    return [is_of_project(run_filter.project_id), *list_lasting_criteria(run_filter)]


def is_of_project(project_id: str) -> ColumnElement[bool]:
    """Return the condition that a run is of a project."""
    return RUN.c.project_id == project_id


def list_lasting_criteria(run_filter: RunFilter) -> list[ColumnElement[bool]]:
    """Return the criteria whose answer hardly changes while a run goes on, without its project."""
    conditions: list[ColumnElement[bool]] = []
    if run_filter.names is not None:
        conditions.append(is_any(RUN.c.name, run_filter.names))
    if run_filter.correlation_ids is not None:
        conditions.append(is_any(RUN.c.correlation_id, run_filter.correlation_ids))
    if run_filter.text:
        places = (RUN.c.name, RUN.c.correlation_id, RUN.c.run_id)
        conditions.append(or_(*(contains_text(place, run_filter.text) for place in places)))
    conditions.extend(list_start_conditions(run_filter))
    return conditions


def list_start_conditions(run_filter: RunFilter) -> list[ColumnElement[bool]]:
    """Return the criteria of when a run started."""
    conditions: list[ColumnElement[bool]] = []
    if run_filter.started_from_ns is not None:
        conditions.append(RUN.c.start_ns >= run_filter.started_from_ns)
    if run_filter.started_before_ns is not None:
        conditions.append(RUN.c.start_ns < run_filter.started_before_ns)
    return conditions


def list_state_conditions(run_filter: RunFilter) -> list[ColumnElement[bool]]:
    """Return the criteria that a run may begin or cease to meet while it goes on."""
    conditions: list[ColumnElement[bool]] = []
    if run_filter.statuses is not None:
        conditions.append(is_any(RUN.c.status, run_filter.statuses))
    if run_filter.has_error is not None:
        conditions.append(HAS_ERROR if run_filter.has_error else not_(HAS_ERROR))
    if run_filter.types is not None:
        conditions.append(or_(*(COUNTS[kind] > 0 for kind in run_filter.types), false()))
    conditions.extend(list_range_conditions(run_filter))
    conditions.extend(_list_lookups(run_filter))
    return conditions


def list_range_conditions(run_filter: RunFilter) -> list[ColumnElement[bool]]:
    """Return the criteria of figures. An unknown figure is outside of every range."""
    conditions: list[ColumnElement[bool]] = []
    if run_filter.cost_pico is not None:
        conditions.extend(list_within(RUN.c.cost_pico, run_filter.cost_pico))
    if run_filter.duration_ns is not None:
        conditions.extend(list_within(DURATION, run_filter.duration_ns))
    if run_filter.total_tokens is not None:
        conditions.extend(list_within(RUN.c.total_tokens, run_filter.total_tokens))
        conditions.append(RUN.c.total_known > 0)
    return conditions


def _list_lookups(run_filter: RunFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if run_filter.tags is not None:
        conditions.append(_has_row(TAG, is_any(TAG.c.tag, run_filter.tags)))
    if run_filter.models is not None:
        conditions.append(_has_model(run_filter.models))
    for attribute in run_filter.attributes:
        found = _has_row(ATTRIBUTE, match_attribute(attribute))
        conditions.append(found if attribute.exists else not_(found))
    conditions.extend(_has_row(ANNOTATION, match_score(score)) for score in run_filter.scores)
    for number, span in enumerate(run_filter.spans):
        conditions.extend(_list_hints(span))
        conditions.append(_has_span(span, f"up_{number}"))
    return conditions


def is_any(column: ColumnElement[Any], values: tuple[Any, ...]) -> ColumnElement[bool]:
    """Return the condition that the column has one of the values."""
    return column == values[0] if len(values) == 1 else column.in_(values)


def contains_text(column: ColumnElement[Any], part: str) -> ColumnElement[bool]:
    """Return the condition that the column contains the text, the case of ASCII letters apart."""
    # Lowered here: a database would lower what its locale calls letters, in the text alone.
    lowered = part.translate(_LOWER_ASCII)
    return func.lower(column).contains(lowered, autoescape=True)


def match_attribute(attribute: AttributeCondition) -> ColumnElement[bool]:
    """Return the condition on a row of `run_attribute`."""
    has_key = ATTRIBUTE.c.key == attribute.key
    if attribute.values is None:
        return has_key
    return and_(has_key, is_any(ATTRIBUTE.c.value, attribute.values))


def match_score(score: ScoreCondition) -> ColumnElement[bool]:
    """Return the condition on a row of `annotation`."""
    conditions: list[ColumnElement[bool]] = [ANNOTATION.c.name == score.name]
    if score.low is not None:
        conditions.append(ANNOTATION.c.score >= score.low)
    if score.high is not None:
        conditions.append(ANNOTATION.c.score <= score.high)
    if score.labels is not None:
        conditions.append(is_any(ANNOTATION.c.label, score.labels))
    return and_(*conditions)


def match_span(source: FromClause, condition: SpanCondition) -> ColumnElement[bool]:
    """Return the condition on a row of `span` of the run in `run`, but for what it is below of."""
    conditions: list[ColumnElement[bool]] = [true()]
    columns = source.c
    if condition.types is not None:
        conditions.append(is_any(columns.span_type, condition.types))
    if condition.statuses is not None:
        conditions.append(_match_status(columns.status, condition.statuses))
    if condition.names is not None:
        conditions.append(is_any(columns.name, condition.names))
    if condition.models is not None:
        conditions.append(is_any(columns.model, condition.models))
    if condition.has_error is not None:
        failed = columns.status == "ERROR"
        conditions.append(failed if condition.has_error else not_(failed))
    return and_(*conditions)


def _match_status(recorded: ColumnElement[str], shown: tuple[str, ...]) -> ColumnElement[bool]:
    """Return the condition that a span is shown so: an open one of a run given up as INTERRUPTED.

    Other statuses are looked for as they were recorded: the index of failures serves no other
    spelling.
    """
    conditions: list[ColumnElement[bool]] = [false()]
    plain = tuple(status for status in shown if status != SpanStatus.STARTED.value)
    if plain:
        conditions.append(is_any(recorded, plain))
    is_open = recorded == SpanStatus.STARTED.value
    if SpanStatus.STARTED.value in shown:
        conditions.append(and_(is_open, RUN.c.interrupted_ns.is_(None)))
    if SpanStatus.INTERRUPTED.value in shown:
        conditions.append(and_(is_open, RUN.c.interrupted_ns.is_not(None)))
    return or_(*conditions)


def _has_row(table: FromClause, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(table.c.run_id == RUN.c.run_id, condition).correlate(RUN)


def _has_model(models: tuple[str, ...]) -> ColumnElement[bool]:
    called = and_(is_any(MODEL_USAGE.c.model, models), MODEL_USAGE.c.calls > 0)
    return _has_row(MODEL_USAGE, called)


def list_within(column: ColumnElement[Any], limits: NumberRange) -> list[ColumnElement[bool]]:
    """Return the conditions that a figure is known and within the limits."""
    # Unknown sorts below 0: as the empty text (cost) or as -1 (duration).
    conditions = [column >= max(0, limits.low or 0)]
    if limits.high is not None:
        # Nothing is below 0, and the text of a negative cost would not sort so.
        conditions.append(column <= limits.high if limits.high >= 0 else false())
    return conditions


def _list_hints(condition: SpanCondition) -> list[ColumnElement[bool]]:
    """Return what a run with such a span must add up to: most runs are out at once."""
    hints: list[ColumnElement[bool]] = []
    part: SpanCondition | None = condition
    while part is not None:
        if part.types is not None:
            hints.append(or_(*(COUNTS[kind] > 0 for kind in part.types), false()))
        if part.has_error or part.statuses == ("ERROR",):
            hints.append(RUN.c.errors > 0)
        if part.models is not None and part.types == ("LLM_CALL",):
            hints.append(_has_model(part.models))
        part = part.below
    return hints


def _has_span(condition: SpanCondition, name: str) -> ColumnElement[bool]:
    """Return the condition that a run has such a span.

    For "below", one walk goes up from all spans that match: `level` is how many of the conditions
    were met on the way, each as early as it can be, which misses no way. A pair of span and level
    is gone from but once, so a walk ends in a circle, too, and is never longer than the run.
    """
    if condition.below is None:
        found = exists().where(SPAN.c.run_id == RUN.c.run_id, match_span(SPAN, condition))
        return found.correlate(RUN)
    ancestors = _list_ancestors(condition)
    start = select(SPAN.c.parent_span_id.label("ancestor"), literal(1).label("level"))
    start = start.where(SPAN.c.run_id == RUN.c.run_id, match_span(SPAN, condition)).correlate(RUN)
    up = start.cte(name, recursive=True, nesting=True)
    above = SPAN.alias("above")
    met = case(
        *(
            (and_(up.c.level == level, match_span(above, part)), literal(1))
            for level, part in enumerate(ancestors, start=1)
        ),
        else_=literal(0),
    )
    step = select(above.c.parent_span_id, up.c.level + met).select_from(up, above)
    step = step.where(above.c.run_id == RUN.c.run_id, above.c.span_id == up.c.ancestor)
    step = step.where(up.c.level <= len(ancestors)).correlate(RUN)
    up = up.union(step)
    return exists().where(up.c.level > len(ancestors))


def _list_ancestors(condition: SpanCondition) -> list[SpanCondition]:
    found = []
    part = condition.below
    while part is not None:
        found.append(part)
        part = part.below
    return found
