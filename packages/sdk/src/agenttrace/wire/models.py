"""Checked records: what a line of NDJSON holds, as msgspec structs that one decode fills.

Payloads and flat objects stay JSON text, byte for byte as they came (`…_json`): a struct keeps the
raw bytes of the line, and makes text of them when it is asked. Whoever makes one by hand checks
nothing; `agenttrace.wire.validation` makes those that can be relied on.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta, Raw, Struct

MAX_ATTRIBUTES: Final = 1024
MAX_TAGS: Final = 64
MAX_LINKS: Final = 128
MAX_MRO: Final = 64
MAX_CAUSES: Final = 16
MAX_DROP_REASONS: Final = 32
MAX_COST_USD: Final = Decimal(1_000_000)
MAX_COST_DECIMALS: Final = 40
MAX_INT64: Final = 2**63 - 1

# Plain texts, not the enums of `agenttrace.wire`: SQLite's driver asks an adapter for whatever is
# not exactly a str, and an enum's value is slow to read on Python 3.11.
RunStatusText: TypeAlias = Literal["STARTED", "COMPLETED", "ERROR", "INTERRUPTED"]
SpanStatusText: TypeAlias = Literal["STARTED", "COMPLETED", "ERROR", "CANCELLED", "INTERRUPTED"]
SpanTypeText: TypeAlias = Literal[
    "LLM_CALL", "TOOL_CALL", "DECISION", "RETRIEVAL", "AGENT", "CUSTOM"
]
EffectText: TypeAlias = Literal["none", "read", "write", "unknown"]
OutcomeText: TypeAlias = Literal["ok", "error", "cancelled", "closed", "unfinished"]
FidelityText: TypeAlias = Literal["exact", "structural", "opaque", "truncated", "redacted"]

Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=512)]
Tag: TypeAlias = Annotated[str, Meta(min_length=1, max_length=256)]
CorrelationId: TypeAlias = Annotated[str, Meta(min_length=1, max_length=128)]
Codec: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64)]
# Their digits are looked at in `validation`: a pattern here costs more than all else of a field.
RunId: TypeAlias = Annotated[str, Meta(min_length=32, max_length=32)]
SpanId: TypeAlias = Annotated[str, Meta(min_length=16, max_length=16)]
Sha256Hex: TypeAlias = Annotated[str, Meta(min_length=64, max_length=64)]
Nanoseconds: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_INT64)]
Counter: TypeAlias = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Tokens: TypeAlias = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Drops: TypeAlias = Annotated[
    dict[
        Annotated[str, Meta(min_length=1, max_length=64)],
        Annotated[int, Meta(ge=1, le=2**53 - 1)],
    ],
    Meta(max_length=MAX_DROP_REASONS),
]
FlatValue: TypeAlias = str | int | float | bool | None
FlatObject: TypeAlias = Annotated[
    dict[str, str | int | float | bool | list[FlatValue] | None], Meta(max_length=MAX_ATTRIBUTES)
]

# Decimal() takes more: exponents, underscores, spaces, the digits of any script. What passes here
# must be a number to everyone who reads it later.
_COST: Final = re.compile(rf"[0-9]{{1,7}}(\.[0-9]{{1,{MAX_COST_DECIMALS}}})?")
# Of these none is over the limit: most costs need no Decimal.
_SHORT_COST: Final = re.compile(rf"[0-9]{{1,6}}(\.[0-9]{{1,{MAX_COST_DECIMALS}}})?")

ABSENT: Final = Raw()
"""The raw text of a field that is not there."""


class _Part(Struct, omit_defaults=True, gc=False):
    """What all have in common. Unknown fields are ignored: a newer recorder may say more."""


class ValidPayload(_Part):
    """A captured value."""

    value: Raw
    codec: Codec
    fidelity: FidelityText
    types: Raw = ABSENT
    bytes: Counter | None = None
    sha256: Sha256Hex | None = None

    @property
    def value_json(self) -> str:
        """Return the value's JSON text as it came."""
        return str(self.value, "utf-8")

    @property
    def types_json(self) -> str | None:
        """Return the JSON text of the map of types as it came."""
        return read_raw(self.types)


class ValidError(_Part):
    """An exception as the wire carries it."""

    type: Name
    message: str
    traceback: str | None = None
    cause: ValidError | None = None
    cause_is_context: bool | None = None
    context: ValidError | None = None
    context_is_cause: bool | None = None
    suppress_context: bool | None = None
    notes: list[str] | None = None
    module: Name | None = None
    qualname: Name | None = None
    mro: Annotated[list[str], Meta(max_length=MAX_MRO)] | None = None
    args: Raw = ABSENT
    attributes: Raw = ABSENT


class ValidUsage(_Part, kw_only=True):
    """Tokens of a model call; None is unknown."""

    prompt_tokens: Tokens | None = None
    completion_tokens: Tokens | None = None
    total_tokens: Tokens | None = None
    cached_tokens: Tokens | None = None
    cache_write_tokens: Tokens | None = None
    reasoning_tokens: Tokens | None = None
    source: Literal["reported", "estimated"]


class ValidCost(_Part):
    """Money as decimal text in US dollars."""

    usd: str
    source: Literal["reported", "price_table", "rates"]
    table: Name | None = None


class ValidLink(_Part):
    """Another run, or a span of one."""

    run_id: RunId
    span_id: SpanId | None = None
    attributes: FlatObject | None = None


Links: TypeAlias = Annotated[list[ValidLink], Meta(max_length=MAX_LINKS)]


class _Record(_Part, tag_field="type"):
    v: Literal[1]


class ValidRun(_Record, tag="run"):
    """A checked snapshot of a run."""

    run_id: RunId
    rev: Counter
    name: Name
    status: RunStatusText
    start_ns: Nanoseconds
    correlation_id: CorrelationId | None = None
    end_ns: Nanoseconds | None = None
    duration_ns: Nanoseconds | None = None
    input: ValidPayload | None = None
    output: ValidPayload | None = None
    error: ValidError | None = None
    tags: Annotated[list[Tag], Meta(max_length=MAX_TAGS)] | None = None
    attributes: Raw = ABSENT
    resource: Raw = ABSENT
    links: Links | None = None
    end_seq: Counter | None = None
    complete: bool | None = None
    dropped: Drops | None = None
    replayed_from: RunId | None = None
    forked_at: Counter | None = None

    @property
    def attributes_json(self) -> str | None:
        """Return the flat object's JSON text as it came."""
        return read_raw(self.attributes)

    @property
    def resource_json(self) -> str | None:
        """Return the flat object's JSON text as it came."""
        return read_raw(self.resource)


class ValidSpan(_Record, tag="span"):
    """A checked snapshot of a span."""

    run_id: RunId
    span_id: SpanId
    rev: Counter
    name: Name
    span_type: SpanTypeText
    status: SpanStatusText
    start_ns: Nanoseconds
    seq: Counter
    lane: Counter
    effect: EffectText
    parent_span_id: SpanId | None = None
    end_ns: Nanoseconds | None = None
    duration_ns: Nanoseconds | None = None
    end_seq: Counter | None = None
    outcome: OutcomeText | None = None
    input: ValidPayload | None = None
    output: ValidPayload | None = None
    error: ValidError | None = None
    model: Name | None = None
    usage: ValidUsage | None = None
    cost: ValidCost | None = None
    attributes: Raw = ABSENT
    replay_key: Name | None = None
    input_hash: Sha256Hex | None = None
    hash_version: Counter | None = None
    fn_hash: Sha256Hex | None = None
    links: Links | None = None
    boundary: bool | None = None

    @property
    def attributes_json(self) -> str | None:
        """Return the flat object's JSON text as it came."""
        return read_raw(self.attributes)


class ValidEvent(_Record, tag="event"):
    """A checked event. Without `span_id` it belongs to the run itself."""

    run_id: RunId
    seq: Counter
    t_ns: Nanoseconds
    name: Name
    span_id: SpanId | None = None
    offset_ns: Nanoseconds | None = None
    body: ValidPayload | None = None


ValidRecord: TypeAlias = ValidRun | ValidSpan | ValidEvent


def read_raw(raw: Raw) -> str | None:
    """Return the JSON text of a raw field; None when it is absent or null, which mean the same."""
    text = str(raw, "utf-8")
    return None if text in {"", "null"} else text


def is_plain_cost(usd: str) -> bool:
    """Tell whether a text is a plain decimal number of US dollars within the limits."""
    if _SHORT_COST.fullmatch(usd):
        return True
    return _COST.fullmatch(usd) is not None and Decimal(usd) <= MAX_COST_USD
