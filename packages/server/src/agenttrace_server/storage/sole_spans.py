"""Rows of spans that are new and have one snapshot: nothing to merge, nothing to look up.

That is most of what a busy recorder sends. The rows are those that the merge would lead to
(`snapshots`), made from the record without a state between.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from agenttrace_server.storage.merge import rank_of
from agenttrace_server.storage.rollups import Figures
from agenttrace_server.storage.snapshots import (
    FIRST_COLUMNS,
    LAST_COLUMNS,
    NO_COST,
    NO_USAGE,
    PAYLOAD_BITS,
    dump_error,
    dump_links,
    flatten_cost,
    flatten_usage,
)

if TYPE_CHECKING:
    from agenttrace.wire.models import ValidPayload, ValidSpan

_get_first: Final = attrgetter(*FIRST_COLUMNS)
_get_last: Final = attrgetter(*(name for name in LAST_COLUMNS if name != "links_json"))
assert LAST_COLUMNS[-1] == "links_json"

_INPUT: Final = PAYLOAD_BITS["input"]
_OUTPUT: Final = PAYLOAD_BITS["output"]
_ERROR: Final = PAYLOAD_BITS["error"]
_ATTRIBUTES: Final = PAYLOAD_BITS["attributes"]


def dump_sole_rows(span: ValidSpan) -> tuple[tuple[Any, ...], list[tuple[Any, ...]]]:
    """Return the row of `span`, and the rows of `payload`, in the order of their columns."""
    texts, bits = [], 0
    key = (span.run_id, span.span_id)
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
    row = (
        *key,
        rank_of(span.status, span.rev),
        None,
        bits,
        *_get_first(span),
        *(NO_USAGE if span.usage is None else flatten_usage(span.usage)),
        *(NO_COST if span.cost is None else flatten_cost(span.cost)),
        *_get_last(span),
        None if span.links is None else dump_links(span.links),
    )
    return row, texts


def read_figures(span: ValidSpan) -> Figures:
    """Return what the snapshot adds to the sums of its run."""
    return Figures(
        span.span_type,
        span.status == "ERROR",
        span.start_ns,
        span.model or "",
        None if span.usage is None else flatten_usage(span.usage),
        None if span.cost is None else flatten_cost(span.cost).cost_usd,
    )


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
