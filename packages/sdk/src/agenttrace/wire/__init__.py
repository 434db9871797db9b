"""The wire format, version 1: the records that files, HTTP ingest, export and import share.

One JSON object a line (NDJSON), UTF-8. `docs/wire-format.md` holds every field with its unit and
limit. This module is what the hot path needs: names, the types of records as plain dicts, and the
merge law. Validation lives in `agenttrace.wire.validation`, which capture never imports.
"""

# Without `from __future__ import annotations`: a TypedDict compiles every annotation that is a
# text, one by one, which was a third of what importing the SDK took.

from enum import StrEnum
from typing import Any, Final, Literal, NotRequired, TypeAlias, TypedDict

WIRE_VERSION: Final = 1
"""The value of `v` in every record of this format."""

ADDITION_TYPES: Final = frozenset({"annotation", "tags"})
"""Types of lines that hold what was added to a run on a server; no recorder writes them."""

HASH_VERSION: Final = 1
"""The version of the canonical form that `input_hash` is taken over."""

JsonValue: TypeAlias = Any
"""A value as JSON can hold it; the one place where types end (the JSON edge)."""


class SpanType(StrEnum):
    """What kind of step a span is."""

    LLM_CALL = "LLM_CALL"
    TOOL_CALL = "TOOL_CALL"
    DECISION = "DECISION"
    RETRIEVAL = "RETRIEVAL"
    AGENT = "AGENT"
    CUSTOM = "CUSTOM"


class SpanStatus(StrEnum):
    """Where a span is in its life; all but STARTED are terminal."""

    STARTED = "STARTED"
    COMPLETED = "COMPLETED"
    ERROR = "ERROR"
    CANCELLED = "CANCELLED"
    INTERRUPTED = "INTERRUPTED"


class RunStatus(StrEnum):
    """Where a run is in its life; all but STARTED are terminal."""

    STARTED = "STARTED"
    COMPLETED = "COMPLETED"
    ERROR = "ERROR"
    INTERRUPTED = "INTERRUPTED"


class Effect(StrEnum):
    """What a span does to the world, so that a replay knows what may run again."""

    NONE = "none"
    READ = "read"
    WRITE = "write"
    UNKNOWN = "unknown"


class Outcome(StrEnum):
    """How a span's body ended: finer than its status, as a replay needs it."""

    OK = "ok"
    ERROR = "error"
    CANCELLED = "cancelled"
    CLOSED = "closed"
    UNFINISHED = "unfinished"


class Fidelity(StrEnum):
    """How much of the recorded value survived its encoding."""

    EXACT = "exact"
    STRUCTURAL = "structural"
    OPAQUE = "opaque"
    TRUNCATED = "truncated"
    REDACTED = "redacted"


class Payload(TypedDict):
    """A captured value. `bytes` and `sha256` describe the whole value where it was truncated.

    `types` says, by JSON pointer, what JSON has no type for; present with the codec `typed`.
    """

    value: JsonValue
    codec: str
    fidelity: str
    types: NotRequired[dict[str, str | dict[str, JsonValue]]]
    bytes: NotRequired[int]
    sha256: NotRequired[str]


class ErrorRecord(TypedDict):
    """An exception: its class as `module.Class`, its text, and what led to it.

    The fields from `module` on are what a replay makes it again from; `mro` holds its classes,
    each as `module:Qualname`.
    """

    type: str
    message: str
    traceback: NotRequired[str]
    cause: NotRequired["ErrorRecord"]
    cause_is_context: NotRequired[bool]
    context: NotRequired["ErrorRecord"]
    context_is_cause: NotRequired[bool]
    suppress_context: NotRequired[bool]
    notes: NotRequired[list[str]]
    module: NotRequired[str]
    qualname: NotRequired[str]
    mro: NotRequired[list[str]]
    args: NotRequired[Payload]
    attributes: NotRequired[Payload]


class UsageRecord(TypedDict):
    """Tokens of a model call. What is unknown is absent, never 0."""

    prompt_tokens: NotRequired[int]
    completion_tokens: NotRequired[int]
    total_tokens: NotRequired[int]
    cached_tokens: NotRequired[int]
    cache_write_tokens: NotRequired[int]
    reasoning_tokens: NotRequired[int]
    source: Literal["reported", "estimated"]


class CostRecord(TypedDict):
    """Money as decimal text in US dollars, and where the figure comes from.

    `table` names the price table and its version, with `source` `price_table`.
    """

    usd: str
    source: Literal["reported", "price_table", "rates"]
    table: NotRequired[str]


class LinkRecord(TypedDict):
    """Another run, or a span of one, that a run or span has to do with."""

    run_id: str
    span_id: NotRequired[str]
    attributes: NotRequired[dict[str, JsonValue]]


class RunRecord(TypedDict):
    """A snapshot of a run."""

    v: int
    type: Literal["run"]
    run_id: str
    rev: int
    name: str
    status: str
    start_ns: int
    correlation_id: NotRequired[str]
    end_ns: NotRequired[int]
    duration_ns: NotRequired[int]
    input: NotRequired[Payload]
    output: NotRequired[Payload]
    error: NotRequired[ErrorRecord]
    tags: NotRequired[list[str]]
    attributes: NotRequired[dict[str, JsonValue]]
    resource: NotRequired[dict[str, JsonValue]]
    links: NotRequired[list[LinkRecord]]
    end_seq: NotRequired[int]
    complete: NotRequired[bool]
    dropped: NotRequired[dict[str, int]]
    replayed_from: NotRequired[str]
    forked_at: NotRequired[int]


class SpanRecord(TypedDict):
    """A snapshot of a span."""

    v: int
    type: Literal["span"]
    run_id: str
    span_id: str
    rev: int
    name: str
    span_type: str
    status: str
    start_ns: int
    seq: int
    lane: int
    effect: str
    parent_span_id: NotRequired[str]
    end_ns: NotRequired[int]
    duration_ns: NotRequired[int]
    end_seq: NotRequired[int]
    outcome: NotRequired[str]
    input: NotRequired[Payload]
    output: NotRequired[Payload]
    error: NotRequired[ErrorRecord]
    model: NotRequired[str]
    usage: NotRequired[UsageRecord]
    cost: NotRequired[CostRecord]
    attributes: NotRequired[dict[str, JsonValue]]
    replay_key: NotRequired[str]
    input_hash: NotRequired[str]
    hash_version: NotRequired[int]
    fn_hash: NotRequired[str]
    links: NotRequired[list[LinkRecord]]
    boundary: NotRequired[bool]


class EventRecord(TypedDict):
    """Something that happened within a span (or within a run, without `span_id`)."""

    v: int
    type: Literal["event"]
    run_id: str
    seq: int
    t_ns: int
    name: str
    span_id: NotRequired[str]
    offset_ns: NotRequired[int]
    body: NotRequired[Payload]


Record: TypeAlias = RunRecord | SpanRecord | EventRecord
"""What exporters receive and what a line of a file holds."""


def is_terminal(status: str) -> bool:
    """Tell whether a run or span of this status has ended."""
    return status != SpanStatus.STARTED


def rank_snapshot(status: str, rev: int) -> tuple[bool, int]:
    """Return the order of a snapshot among the snapshots of its id: the greatest one wins.

    A terminal snapshot wins over a STARTED one, then the higher `rev` wins. Records are merged
    field by field: the winner's fields hold, and what it lacks comes from the next. Applying a
    snapshot twice, or in another order, therefore changes nothing (a join-semilattice), given
    that a recorder never sends two different snapshots of one id with equal rank.
    """
    return (is_terminal(status), rev)
