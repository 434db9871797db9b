"""Domain records: what the store hands out and services pass on. No SQL, no GraphQL.

Times are integer nanoseconds since the Unix epoch, durations integer nanoseconds, money integer
pico-dollars (10^-12 USD) in sums and decimal text on a span. None is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

UNNAMED_RUN = "(unnamed run)"
"""The name of a run of which spans or events arrived, and not yet its own record."""


class PayloadKind(StrEnum):
    """Which of the texts of a run or span a payload is."""

    INPUT = "input"
    OUTPUT = "output"
    ERROR = "error"
    ATTRIBUTES = "attributes"
    RESOURCE = "resource"


class Placement(StrEnum):
    """Why a span stands where it does in the tree of its run."""

    ROOT = "root"
    CHILD = "child"
    MISSING_PARENT = "missing_parent"
    CYCLE = "cycle"


class ChangeKind(StrEnum):
    """What a row of the change log tells."""

    RUN_CREATED = "run_created"
    RUN_UPDATED = "run_updated"
    RUN_ENDED = "run_ended"
    SPAN_STARTED = "span_started"
    SPAN_UPDATED = "span_updated"
    SPAN_ENDED = "span_ended"
    EVENT = "event"
    RUN_DELETED = "run_deleted"


class Payload(NamedTuple):
    """A stored text. `value_json` is the JSON text byte for byte as it was recorded."""

    size_bytes: int
    """Of this text."""
    codec: str
    fidelity: str
    whole_bytes: int | None
    """Of the whole value's text, where this one was cut."""
    sha256: str | None
    """Of the whole value's text, where this one was cut."""
    value_json: str
    types_json: str | None = None
    """What JSON has no type for, by JSON pointer, as it was recorded; None for plain JSON."""


class PayloadHead(NamedTuple):
    """What is known of a stored text before it is read."""

    run_id: str
    size_bytes: int
    """Of the text."""
    codec: str
    fidelity: str
    whole_bytes: int | None
    """Of the whole value's text, where this one was cut."""
    sha256: str | None
    """Of the whole value's text, where this one was cut."""
    value_json: str | None
    """The text, where it is short; None: it is still to be read."""
    types_json: str | None
    """What JSON has no type for, by JSON pointer, as it was recorded; None for plain JSON."""
    parts: bytes | None
    """Where the store has the rest of a text that is not here: for the store alone."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as recorded on a span."""

    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    cached_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    source: str

    def count_total(self) -> int | None:
        """Return the recorded total, or else the sum of what is known of prompt and completion."""
        if self.total_tokens is not None:
            return self.total_tokens
        known = [n for n in (self.prompt_tokens, self.completion_tokens) if n is not None]
        return sum(known) if known else None


class Span(NamedTuple):
    """A span's hot columns: everything but its texts.

    A tuple, since trees are made of tens of thousands: making one costs 0.3 microseconds, a frozen
    dataclass of this size 3.
    """

    run_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    span_type: str
    status: str
    start_ns: int
    end_ns: int | None
    duration_ns: int | None
    seq: int
    end_seq: int | None
    lane: int
    effect: str
    outcome: str | None
    model: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    cached_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    usage_source: str | None
    cost_usd: str | None
    cost_source: str | None
    cost_table: str | None
    """The price table and its version."""
    replay_key: str | None
    input_hash: str | None
    boundary: bool | None
    """Whether a replay serves it from the record; None: as its type says."""
    links_json: str | None
    """A list of links as the wire has it."""
    run_start_ns: int
    depth: int
    """How many spans it is within, as a tree of the run shows it."""
    placement: str
    """Why it stands where it does in that tree: a `Placement`."""

    @property
    def usage(self) -> Usage | None:
        """Its tokens; None when nothing is known."""
        if self.usage_source is None:
            return None
        return Usage(
            self.prompt_tokens,
            self.completion_tokens,
            self.total_tokens,
            self.cached_tokens,
            self.cache_write_tokens,
            self.reasoning_tokens,
            self.usage_source,
        )


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened within a span, or within a run when `span_id` is None."""

    run_id: str
    span_id: str | None
    seq: int
    t_ns: int
    offset_ns: int | None
    """Monotonic, since the start of its span."""
    name: str
    body: PayloadHead | None
    run_start_ns: int


@dataclass(frozen=True, slots=True)
class Totals:
    """What a run adds up to."""

    spans: int
    llm_calls: int
    tool_calls: int
    decisions: int
    retrievals: int
    agents: int
    errors: int
    prompt_tokens: int | None
    completion_tokens: int | None
    cached_tokens: int | None
    total_tokens: int | None
    tokens_estimated: bool
    cost_pico: int | None


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """What the calls of one model in a run add up to."""

    model: str
    calls: int
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    tokens_estimated: bool
    cost_pico: int | None


@dataclass(frozen=True, slots=True)
class Run:
    """A run's hot columns and its totals: everything but its texts."""

    run_id: str
    name: str
    status: str
    correlation_id: str | None
    tags: tuple[str, ...]
    """As recorded."""
    user_tags: tuple[str, ...]
    """That people added."""
    start_ns: int
    end_ns: int | None
    duration_ns: int | None
    replayed_from: str | None
    forked_at: int | None
    """The `seq` at which it left the run that it replays."""
    end_seq: int | None
    complete: bool | None
    """Of an ended run: False when a record of it is known to be lost."""
    links_json: str | None
    """A list of links as the wire has it."""
    dropped: tuple[tuple[str, int], ...]
    """How many of its records its recorder dropped: (reason, count), by reason."""
    seen_ns: int
    """When, by the server's clock, a record of it last arrived; 0: before that was noted."""
    interrupted_ns: int | None
    """When it was given up, because its recorder gave no sign of life."""
    totals: Totals
    position: int
    """The change log's end when this was read: what comes after is not in this record."""


@dataclass(frozen=True, slots=True)
class Change:
    """A row of the change log."""

    position: int
    run_id: str
    kind: ChangeKind
    span_id: str | None
    event_seq: int | None


@dataclass(frozen=True, slots=True)
class RunChanges:
    """Changes of one run after a position, with the state they led to."""

    end: int
    """The position of the last change here; the log's end when there was none."""
    has_more: bool
    changes: tuple[Change, ...]
    run: Run | None
    spans: dict[str, Span]
    events: dict[int, Event]
    is_deleted: bool
    """Nothing of the run is there any more, nor will be."""


@dataclass(frozen=True, slots=True)
class ChangedRun:
    """A run that changed, as it is now. `matches` tells whether the filter still lets it in."""

    kind: ChangeKind
    run_id: str
    run: Run | None
    """None when it was deleted."""
    matches: bool


@dataclass(frozen=True, slots=True)
class ChangedRuns:
    """Runs that changed after a position, one entry a run, in the order of their last change."""

    end: int
    has_more: bool
    changes: tuple[ChangedRun, ...]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A slice of a list, with what a Relay connection says about it."""

    items: tuple[T, ...]
    has_next: bool
    has_previous: bool


class Annotation(NamedTuple):
    """What a person or a program says of a run (`span_id` empty) or of a span."""

    annotation_id: str
    run_id: str
    span_id: str
    name: str
    source: str
    score: float | None
    label: str | None
    comment: str | None
    author: str | None
    created_ns: int
    updated_ns: int


class UsageSums(NamedTuple):
    """What the calls of a group add up to. Tokens are None when none is known."""

    calls: int
    errors: int
    prompt_tokens: int | None
    completion_tokens: int | None
    cached_tokens: int | None
    total_tokens: int | None
    tokens_estimated: bool
    cost_pico: int | None


class UsageBucket(NamedTuple):
    """The usage of one group within one interval. None: not grouped by that."""

    start_ns: int
    model: str | None
    name: str | None
    status: str | None
    tag: str | None
    runs: int | None
    """How many runs called; None when that was not counted."""
    sums: UsageSums


@dataclass(frozen=True, slots=True)
class Workflow:
    """What the runs that share a correlation id add up to."""

    correlation_id: str
    start_ns: int
    end_ns: int | None
    """None while one of them runs."""
    totals: Totals


@dataclass(frozen=True, slots=True)
class StoreFigures:
    """What is to be known of the store at the moment."""

    size_bytes: int
    """Of the SQLite file and its journal, or of the database."""
    free_bytes: int | None
    """Of the disk that the file is on; None: it is another server's."""
    search_lag: int
    """Changes that the index of words does not know yet."""
    leftover_runs: int
    """Deleted runs whose rows are still to be taken out."""
