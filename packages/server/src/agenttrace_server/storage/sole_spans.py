"""Rows of spans that are new and have one snapshot: nothing to merge, nothing to look up.

That is most of what a busy recorder sends. The rows are those that the merge would lead to
(`snapshots`), made from the record without a state between: and since they hang on nothing but the
record, before its turn to be written comes, while the store writes what came before it.
"""

from __future__ import annotations

from collections import Counter
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from agenttrace.wire.models import ValidRecord, ValidSpan
from agenttrace_server.storage.merge import rank_of
from agenttrace_server.storage.pieces import Pieces
from agenttrace_server.storage.rollups import Figures
from agenttrace_server.storage.snapshots import (
    FIRST_COLUMNS,
    LAST_COLUMNS,
    NO_COST,
    NO_USAGE,
    PAYLOAD_BITS,
    UNBILLED_BIT,
    dump_error,
    dump_links,
    flatten_cost,
    flatten_usage,
    is_unbilled,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace.wire.models import ValidPayload

_get_first: Final = attrgetter(*FIRST_COLUMNS)
_get_last: Final = attrgetter(*(name for name in LAST_COLUMNS if name != "links_json"))
assert LAST_COLUMNS[-1] == "links_json"

_INPUT: Final = PAYLOAD_BITS["input"]
_OUTPUT: Final = PAYLOAD_BITS["output"]
_ERROR: Final = PAYLOAD_BITS["error"]
_ATTRIBUTES: Final = PAYLOAD_BITS["attributes"]


class SoleSpan(NamedTuple):
    """A snapshot of a span, and what the store has of a span that it is all that is known of."""

    run_id: str
    span_id: str
    record: ValidSpan
    row: tuple[Any, ...]
    """Of `span`, in the order of its columns."""
    texts: list[tuple[Any, ...]]
    """Rows of `payload`, in the order of its columns."""
    pieces: Pieces
    """Of the texts that are long."""
    figures: Figures


Incoming: TypeAlias = ValidRecord | SoleSpan
"""A record, prepared or not: the two are stored alike."""


def prepare_records(records: Sequence[ValidRecord]) -> list[Incoming]:
    """Prepare the spans that have one snapshot among the records.

    One that cannot be prepared is left as it is: it is refused when its turn comes, alone.
    """
    counts = Counter((each.run_id, each.span_id) for each in records if isinstance(each, ValidSpan))
    prepared: list[Incoming] = []
    for record in records:
        if isinstance(record, ValidSpan) and counts[record.run_id, record.span_id] == 1:
            try:
                prepared.append(prepare_span(record))
            except Exception:  # noqa: BLE001 -- it is raised again where a record fails alone
                prepared.append(record)
        else:
            prepared.append(record)
    return prepared


def prepare_span(span: ValidSpan) -> SoleSpan:
    """Make of a snapshot what it is in the store if it is all that is known of its span."""
    usage = NO_USAGE if span.usage is None else flatten_usage(span.usage)
    cost = NO_COST if span.cost is None else flatten_cost(span.cost)
    key = (span.run_id, span.span_id)
    texts, bits = _list_texts(key, span)
    unbilled = is_unbilled(span.attributes_json)
    row = (
        *key,
        rank_of(span.status, span.rev),
        None,
        bits | UNBILLED_BIT if unbilled else bits,
        *_get_first(span),
        *usage,
        *cost,
        *_get_last(span),
        None if span.links is None else dump_links(span.links),
    )
    figures = Figures(
        span.span_type,
        span.status == "ERROR",
        span.start_ns,
        span.model or "",
        None if span.usage is None else usage,
        cost.cost_usd,
        unbilled,
    )
    pieces = Pieces()
    return SoleSpan(*key, span, row, pieces.take_out(texts), pieces, figures)


def _list_texts(key: tuple[str, str], span: ValidSpan) -> tuple[list[tuple[Any, ...]], int]:
    """Return rows of `payload`, and the bits of their kinds."""
    texts, bits = [], 0
    if span.input is not None:
        bits |= _INPUT
        texts.append((*key, "input", *_list_payload(span.input)))
    if span.output is not None:
        bits |= _OUTPUT
        texts.append((*key, "output", *_list_payload(span.output)))
    if span.error is not None:
        bits |= _ERROR
        texts.append((*key, "error", *_list_plain(dump_error(span.error))))
    attributes_json = span.attributes_json
    if attributes_json is not None:
        bits |= _ATTRIBUTES
        texts.append((*key, "attributes", *_list_plain(attributes_json)))
    return texts, bits


def _list_payload(payload: ValidPayload) -> tuple[Any, ...]:
    value = payload.value
    return (
        memoryview(value).nbytes,
        payload.codec,
        payload.fidelity,
        payload.bytes,
        payload.sha256,
        str(value, "utf-8"),
        payload.types_json,
        None,
    )


def _list_plain(value_json: str) -> tuple[Any, ...]:
    return (len(value_json.encode()), "json", "exact", None, None, value_json, None, None)
