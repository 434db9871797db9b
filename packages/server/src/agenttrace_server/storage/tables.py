"""The tables. Hot columns apart from texts: a list or a tree never reads a payload.

Sums are kept beside the run, in the commit that changes them. A sum counts as unknown while none
of its parts is known; the `…_known` columns count the spans that know a part, so that a figure
which is taken back can make the sum unknown again.

The models declare the tables. Statements are Core's, over the tables at the end: a row is a tuple
or a dict, and nothing maps rows to objects.
"""

from __future__ import annotations

from typing import ClassVar, Final

from sqlalchemy import (
    BigInteger,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    column,
    func,
    text,
)
from sqlmodel import Field, SQLModel

from agenttrace_server.identity import DEFAULT_PROJECT
from agenttrace_server.storage.columns import COUNTER, PicoUsd

RUN_OWNER: Final = ""
"""The `span_id` of payloads and events that belong to the run itself."""

IN_FIRST: Final = {"server_default": DEFAULT_PROJECT}
"""Of a column: what was stored before there were projects is in the first one."""


class StoreRow(SQLModel, table=True):
    """What this database is: one row."""

    __tablename__ = "store"

    id: int = Field(primary_key=True)
    database_id: str
    """Random; part of every cursor, so that one of another database is told apart."""
    position: int = Field(sa_type=BigInteger)
    """Of the last entry of the change log: whoever writes takes this row first."""


class RunRow(SQLModel, table=True):
    """A run and what it adds up to."""

    __tablename__ = "run"
    __table_args__: ClassVar = (
        Index("run_by_start", "project_id", "start_ns", "run_id"),
        Index("run_by_status", "project_id", "status", "start_ns", "run_id"),
        Index("run_by_name", "project_id", "name", "start_ns", "run_id"),
        Index("run_by_correlation", "project_id", "correlation_id", "start_ns", "run_id"),
        Index(
            "run_by_duration",
            "project_id",
            func.coalesce(column("duration_ns"), text("-1")),
            "run_id",
        ),
        Index("run_by_cost", "project_id", "cost_pico", "run_id"),
        Index("run_by_tokens", "project_id", "total_tokens", "run_id"),
        Index("run_by_spans", "project_id", "spans", "run_id"),
        Index("run_by_errors", "project_id", "errors", "run_id"),
        Index("run_by_source", "project_id", "replayed_from"),
        Index(
            "run_open",
            "run_id",
            sqlite_where=text("status = 'STARTED'"),
            postgresql_where=text("status = 'STARTED'"),
        ),
    )

    run_id: str = Field(primary_key=True)
    project_id: str = Field(sa_column_kwargs=IN_FIRST)
    """That of whoever sent its first record. It never changes."""
    rank: int = Field(sa_type=BigInteger)
    """Of the best snapshot seen: -1 until the run's own record arrives."""
    older: str | None = Field(sa_type=Text)
    """JSON: the rank of each field that came from a lower snapshot than `rank`."""
    payloads: int
    """Which payloads are stored: a bit for each kind."""
    name: str
    status: str
    """As it is shown: a run whose recorder vanished is INTERRUPTED here."""
    recorded_status: str
    seen_ns: int = Field(sa_type=BigInteger)
    """When, by the server's clock, a record of the run last arrived."""
    interrupted_ns: int | None = Field(sa_type=BigInteger)
    """When the run was given up, until a record of it arrives again."""
    correlation_id: str | None
    tags: str | None = Field(sa_type=Text)
    user_tags: str | None = Field(sa_type=Text)
    """JSON: tags that people added, beside those that were recorded."""
    links_json: str | None = Field(sa_type=Text)
    start_ns: int = Field(sa_type=BigInteger)
    end_ns: int | None = Field(sa_type=BigInteger)
    duration_ns: int | None = Field(sa_type=BigInteger)
    replayed_from: str | None
    forked_at: int | None = Field(sa_type=BigInteger)
    end_seq: int | None = Field(sa_type=BigInteger)
    complete: bool | None
    dropped_json: str | None = Field(sa_type=Text)
    """JSON: how many records its recorder dropped, by reason."""
    spans: int
    llm_calls: int
    tool_calls: int
    decisions: int
    retrievals: int
    agents: int
    errors: int
    prompt_tokens: int = Field(sa_type=BigInteger)
    prompt_known: int
    completion_tokens: int = Field(sa_type=BigInteger)
    completion_known: int
    cached_tokens: int = Field(sa_type=BigInteger)
    cached_known: int
    total_tokens: int = Field(sa_type=BigInteger)
    total_known: int
    estimated: int
    cost_pico: int = Field(sa_type=PicoUsd)
    cost_known: int


class SpanRow(SQLModel, table=True):
    """A span without its texts. Clustered by run: a run's tree is one stretch of the file."""

    __tablename__ = "span"
    __table_args__: ClassVar = (
        Index("span_by_seq", "run_id", "seq", "span_id"),
        Index("span_by_parent", "run_id", "parent_span_id", "seq", "span_id"),
        Index(
            "span_failed",
            "span_type",
            "run_id",
            "span_id",
            sqlite_where=text("status = 'ERROR'"),
            postgresql_where=text("status = 'ERROR'"),
        ),
        {"sqlite_with_rowid": False},
    )

    run_id: str = Field(primary_key=True)
    span_id: str = Field(primary_key=True)
    rank: int = Field(sa_type=BigInteger)
    older: str | None = Field(sa_type=Text)
    payloads: int
    parent_span_id: str | None
    name: str
    span_type: str
    status: str
    start_ns: int = Field(sa_type=BigInteger)
    end_ns: int | None = Field(sa_type=BigInteger)
    duration_ns: int | None = Field(sa_type=BigInteger)
    seq: int = Field(sa_type=COUNTER)
    end_seq: int | None = Field(sa_type=COUNTER)
    lane: int = Field(sa_type=COUNTER)
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
    replay_key: str | None
    input_hash: str | None
    hash_version: int | None = Field(sa_type=BigInteger)
    fn_hash: str | None
    boundary: bool | None
    links_json: str | None = Field(sa_type=Text)


class PayloadRow(SQLModel, table=True):
    """A text of a run (`span_id` empty) or of a span, byte for byte.

    A short one stands here, a long one as parts: rows of `content`.
    """

    __tablename__ = "payload"

    run_id: str = Field(primary_key=True)
    span_id: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    size_bytes: int = Field(sa_type=BigInteger)
    codec: str
    fidelity: str
    whole_bytes: int | None = Field(sa_type=BigInteger)
    sha256: str | None
    value_json: str | None = Field(sa_type=Text)
    """After what is read without it: a long text fills pages of its own."""
    types_json: str | None = Field(sa_type=Text)
    parts: bytes | None = Field(sa_type=LargeBinary)
    """Digests of 16 bytes each: the text is what these contents of the run are together."""


class ContentRow(SQLModel, table=True):
    """A piece of a text, once in a run however often the run has it."""

    __tablename__ = "content"

    run_id: str = Field(primary_key=True)
    digest: bytes = Field(primary_key=True, sa_type=LargeBinary)
    """BLAKE2b of the piece, 16 bytes."""
    size_bytes: int
    """Of the piece; when `data` is shorter it is compressed (zstd, RFC 8878)."""
    data: bytes = Field(sa_type=LargeBinary)


class EventRow(SQLModel, table=True):
    """Something that happened within a span, or within the run (`span_id` empty)."""

    __tablename__ = "event"
    __table_args__: ClassVar = (
        PrimaryKeyConstraint("run_id", "seq"),
        Index("event_by_span", "run_id", "span_id", "seq"),
    )

    run_id: str
    seq: int = Field(sa_type=COUNTER)
    span_id: str
    t_ns: int = Field(sa_type=BigInteger)
    offset_ns: int | None = Field(sa_type=BigInteger)
    name: str
    size_bytes: int | None = Field(sa_type=BigInteger)
    codec: str | None
    fidelity: str | None
    whole_bytes: int | None = Field(sa_type=BigInteger)
    sha256: str | None
    value_json: str | None = Field(sa_type=Text)
    types_json: str | None = Field(sa_type=Text)
    parts: bytes | None = Field(sa_type=LargeBinary)


class ChangeRow(SQLModel, table=True):
    """The change log, in commit order: what subscriptions read by cursor."""

    __tablename__ = "change"
    __table_args__: ClassVar = (
        PrimaryKeyConstraint("run_id", "position"),
        Index("change_by_position", "position"),
        {"sqlite_with_rowid": False},
    )

    run_id: str
    position: int = Field(sa_type=BigInteger)
    kind: str
    span_id: str | None
    event_seq: int | None = Field(sa_type=COUNTER)


class TagRow(SQLModel, table=True):
    """A tag of a run, recorded or added, to find runs by it."""

    __tablename__ = "run_tag"
    __table_args__: ClassVar = (
        Index("run_tag_by_tag", "tag", "run_id"),
        {"sqlite_with_rowid": False},
    )

    run_id: str = Field(primary_key=True)
    tag: str = Field(primary_key=True)


class AttributeRow(SQLModel, table=True):
    """An attribute of a run, to find runs by it: one row for each value of a list."""

    __tablename__ = "run_attribute"
    __table_args__: ClassVar = (
        Index("run_attribute_by_value", "key", "value", "run_id"),
        {"sqlite_with_rowid": False},
    )

    run_id: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    value: str = Field(primary_key=True)
    """As text, at most 256 characters: a longer one cannot be looked for."""


class AnnotationRow(SQLModel, table=True):
    """What a person or a program says of a run (`span_id` empty) or of a span."""

    __tablename__ = "annotation"
    __table_args__: ClassVar = (
        Index("annotation_by_span", "run_id", "span_id"),
        Index("annotation_by_name", "name", "score", "run_id"),
    )

    annotation_id: str = Field(primary_key=True)
    run_id: str
    span_id: str
    name: str
    source: str
    score: float | None
    label: str | None
    comment: str | None = Field(sa_type=Text)
    author: str | None
    created_ns: int = Field(sa_type=BigInteger)
    updated_ns: int = Field(sa_type=BigInteger)


class DeletedRunRow(SQLModel, table=True):
    """A run that was deleted: what its recorder sends later is refused."""

    __tablename__ = "deleted_run"

    run_id: str = Field(primary_key=True)
    deleted_ns: int = Field(sa_type=BigInteger)
    project_id: str = Field(sa_column_kwargs=IN_FIRST)


class LeftoverRow(SQLModel, table=True):
    """A deleted run of which rows may be left: a task takes them out, then its row here."""

    __tablename__ = "leftover"
    __table_args__: ClassVar = {"sqlite_with_rowid": False}

    run_id: str = Field(primary_key=True)


def table_of(model: type[SQLModel]) -> Table:
    """Return the table that a model declares."""
    table = model.metadata.tables[str(model.__tablename__)]
    assert isinstance(table, Table)
    return table


STORE: Final = table_of(StoreRow)
RUN: Final = table_of(RunRow)
SPAN: Final = table_of(SpanRow)
PAYLOAD: Final = table_of(PayloadRow)
CONTENT: Final = table_of(ContentRow)
EVENT: Final = table_of(EventRow)
CHANGE: Final = table_of(ChangeRow)
TAG: Final = table_of(TagRow)
ATTRIBUTE: Final = table_of(AttributeRow)
ANNOTATION: Final = table_of(AnnotationRow)
DELETED_RUN: Final = table_of(DeletedRunRow)
LEFTOVER: Final = table_of(LeftoverRow)
metadata: Final = SQLModel.metadata
