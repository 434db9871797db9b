"""The criteria of a list of one run's spans: in SQL as far as both databases agree.

A cost is text as it was recorded, and attributes are JSON byte for byte. Neither is read alike by
both: SQLite has no decimals and writes numbers anew, PostgreSQL refuses U+0000. So these two are
read here, by the same functions that make the sums and the lookups of runs, stretch by stretch in
the order of the list until the page is full.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, cast, func, or_

from agenttrace_server.money import parse_pico
from agenttrace_server.storage.columns import COUNTER
from agenttrace_server.storage.conditions import contains_text, list_within, match_span
from agenttrace_server.storage.lookups import list_attributes
from agenttrace_server.storage.payloads import read_payloads
from agenttrace_server.storage.tables import PAYLOAD, SPAN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import ColumnElement, Connection, Row

    from agenttrace_server.storage.criteria import AttributeCondition, NumberRange, SpanFilter

MAX_TEXT_BYTES: Final = 1024 * 1024
"""Attributes that are held at once, unless those of one span are longer."""

ATTRIBUTES_KIND: Final = "attributes"
HAS_ATTRIBUTES: Final = and_(
    PAYLOAD.c.run_id == SPAN.c.run_id,
    PAYLOAD.c.span_id == SPAN.c.span_id,
    PAYLOAD.c.kind == ATTRIBUTES_KIND,
)


# Two figures of 31 bits: on PostgreSQL their sum, and what it is compared with, need more.
_PROMPT: Final = cast(SPAN.c.prompt_tokens, COUNTER)
_COMPLETION: Final = cast(SPAN.c.completion_tokens, COUNTER)
_TOTAL_TOKENS: Final = func.coalesce(
    cast(SPAN.c.total_tokens, COUNTER), _PROMPT + _COMPLETION, _PROMPT, _COMPLETION
)
"""Null where no figure is known."""


def list_span_conditions(span_filter: SpanFilter) -> list[ColumnElement[bool]]:
    """Return the criteria that SQL can tell, on a row of `span` joined with its run."""
    conditions = [match_span(SPAN, span_filter.condition)]
    if span_filter.text:
        places = (SPAN.c.name, SPAN.c.model, SPAN.c.span_id)
        conditions.append(or_(*(contains_text(place, span_filter.text) for place in places)))
    if span_filter.started_from_ns is not None:
        conditions.append(SPAN.c.start_ns >= span_filter.started_from_ns)
    if span_filter.started_before_ns is not None:
        conditions.append(SPAN.c.start_ns < span_filter.started_before_ns)
    if span_filter.duration_ns is not None:
        conditions.extend(list_within(SPAN.c.duration_ns, span_filter.duration_ns))
    if span_filter.total_tokens is not None:
        conditions.extend(list_within(_TOTAL_TOKENS, span_filter.total_tokens))
    if span_filter.cost_pico is not None:
        conditions.append(SPAN.c.cost_usd.is_not(None))
    if any(attribute.exists for attribute in span_filter.attributes):
        conditions.append(PAYLOAD.c.size_bytes.is_not(None))
    return conditions


def needs_reading(span_filter: SpanFilter) -> bool:
    """Tell whether a criterion looks at texts, which SQL does not."""
    return span_filter.cost_pico is not None or bool(span_filter.attributes)


def choose_rows(
    connection: Connection, rows: Sequence[Row[Any]], span_filter: SpanFilter
) -> Iterator[Row[Any]]:
    """Yield the rows of spans that meet the criteria on texts, in their order.

    A row has the columns of a span, and `attribute_bytes`: null for a span without attributes.
    """
    cost_pico = span_filter.cost_pico
    if cost_pico is not None:
        rows = [row for row in rows if _is_within(row.cost_usd, cost_pico)]
    if not span_filter.attributes:
        yield from rows
        return
    for part in _cut_rows(rows):
        keys = [
            (row.run_id, row.span_id, ATTRIBUTES_KIND)
            for row in part
            if row.attribute_bytes is not None
        ]
        texts = read_payloads(connection, keys) if keys else {}
        for row in part:
            payload = texts.get((row.run_id, row.span_id, ATTRIBUTES_KIND))
            found = list_attributes("{}" if payload is None else payload.value_json)
            if all(_has_attribute(found, each) for each in span_filter.attributes):
                yield row


def _cut_rows(rows: Sequence[Row[Any]]) -> Iterator[list[Row[Any]]]:
    """Yield the rows in parts whose attributes may be held at once."""
    part: list[Row[Any]] = []
    held_bytes = 0
    for row in rows:
        size_bytes = row.attribute_bytes or 0
        if part and held_bytes + size_bytes > MAX_TEXT_BYTES:
            yield part
            part, held_bytes = [], 0
        part.append(row)
        held_bytes += size_bytes
    yield part


def _is_within(cost_usd: str, limits: NumberRange) -> bool:
    pico = parse_pico(cost_usd)
    return (limits.low is None or limits.low <= pico) and (
        limits.high is None or pico <= limits.high
    )


def _has_attribute(found: Sequence[tuple[str, str]], condition: AttributeCondition) -> bool:
    has = any(
        key == condition.key and (condition.values is None or value in condition.values)
        for key, value in found
    )
    return has == condition.exists
