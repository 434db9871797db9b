"""The tables. Hot columns apart from texts: a list or a tree never reads a payload.

Sums are kept beside the run, in the commit that changes them. A sum counts as unknown while none
of its parts is known; the `…_known` columns count the spans that know a part, so that a figure
which is taken back can make the sum unknown again.

These are SQLAlchemy Core's tables: rows are tuples and dicts, and nothing maps them to objects.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from agenttrace_server.storage.columns import PicoUsd

RUN_OWNER: Final = ""
"""The `span_id` of payloads and events that belong to the run itself."""

metadata: Final = MetaData()


def _text(name: str, *, optional: bool = False) -> Column[Any]:
    return Column(name, String, nullable=optional)


def _number(name: str, *, optional: bool = False) -> Column[Any]:
    return Column(name, Integer, nullable=optional)


def _big(name: str, *, optional: bool = False) -> Column[Any]:
    return Column(name, BigInteger, nullable=optional)


def _list_merge_columns() -> list[Column[Any]]:
    return [
        # Of the best snapshot seen; of a run -1 until its own record arrives.
        _big("rank"),
        # JSON: the rank of each field that came from a lower snapshot than `rank`.
        Column("older", Text),
        # Which payloads are stored: a bit for each kind.
        _number("payloads"),
    ]


def _list_payload_columns(*, optional: bool) -> list[Column[Any]]:
    # The text is last: what is before it is read without touching the pages that a long one fills.
    return [
        _big("size_bytes", optional=optional),
        _text("codec", optional=optional),
        _text("fidelity", optional=optional),
        _big("whole_bytes", optional=True),
        _text("sha256", optional=True),
        Column("value_json", Text, nullable=optional),
    ]


def _list_sums(*names: str) -> list[Column[Any]]:
    sums: list[Column[Any]] = []
    for name in names:
        sums += [_big(f"{name}_tokens"), _number(f"{name}_known")]
    return [
        *sums,
        _number("estimated"),
        Column("cost_pico", PicoUsd, nullable=False),
        _number("cost_known"),
    ]


# What this database is: one row. The random id is part of every cursor, so that a cursor of
# another database is told apart.
STORE: Final = Table(
    "store", metadata, Column("id", Integer, primary_key=True), _text("database_id")
)

# A run and what it adds up to.
RUN: Final = Table(
    "run",
    metadata,
    Column("run_id", String, primary_key=True),
    *_list_merge_columns(),
    _text("name"),
    _text("status"),
    _text("correlation_id", optional=True),
    Column("tags", Text),
    _big("start_ns"),
    _big("end_ns", optional=True),
    _big("duration_ns", optional=True),
    _text("replayed_from", optional=True),
    _big("forked_at", optional=True),
    _number("spans"),
    _number("llm_calls"),
    _number("tool_calls"),
    _number("errors"),
    *_list_sums("prompt", "completion", "cached", "total"),
    Index("run_by_start", "start_ns", "run_id"),
    Index("run_by_correlation", "correlation_id"),
)

# What the calls of one model in one run add up to.
MODEL_USAGE: Final = Table(
    "model_usage",
    metadata,
    Column("run_id", String, primary_key=True),
    Column("model", String, primary_key=True),
    _number("calls"),
    *_list_sums("prompt", "completion", "total"),
    Index("model_usage_by_model", "model"),
    sqlite_with_rowid=False,
)

# A span without its texts. Clustered by run: a run's tree is one stretch of the file.
SPAN: Final = Table(
    "span",
    metadata,
    Column("run_id", String, primary_key=True),
    Column("span_id", String, primary_key=True),
    *_list_merge_columns(),
    _text("parent_span_id", optional=True),
    _text("name"),
    _text("span_type"),
    _text("status"),
    _big("start_ns"),
    _big("end_ns", optional=True),
    _big("duration_ns", optional=True),
    _number("seq"),
    _number("end_seq", optional=True),
    _number("lane"),
    _text("effect"),
    _text("outcome", optional=True),
    _text("model", optional=True),
    _number("prompt_tokens", optional=True),
    _number("completion_tokens", optional=True),
    _number("total_tokens", optional=True),
    _number("cached_tokens", optional=True),
    _number("cache_write_tokens", optional=True),
    _number("reasoning_tokens", optional=True),
    _text("usage_source", optional=True),
    _text("cost_usd", optional=True),
    _text("cost_source", optional=True),
    _text("replay_key", optional=True),
    _text("input_hash", optional=True),
    _big("hash_version", optional=True),
    _text("fn_hash", optional=True),
    Index("span_by_seq", "run_id", "seq", "span_id"),
    Index("span_by_parent", "run_id", "parent_span_id", "seq", "span_id"),
    sqlite_with_rowid=False,
)

# A text of a run (`span_id` empty) or of a span, byte for byte.
PAYLOAD: Final = Table(
    "payload",
    metadata,
    Column("run_id", String, primary_key=True),
    Column("span_id", String, primary_key=True),
    Column("kind", String, primary_key=True),
    *_list_payload_columns(optional=False),
)

# Something that happened within a span, or within the run (`span_id` empty).
EVENT: Final = Table(
    "event",
    metadata,
    _text("run_id"),
    _number("seq"),
    _text("span_id"),
    _big("t_ns"),
    _text("name"),
    *_list_payload_columns(optional=True),
    PrimaryKeyConstraint("run_id", "seq"),
    Index("event_by_span", "run_id", "span_id", "seq"),
)

# The change log, in commit order: what subscriptions read by cursor.
CHANGE: Final = Table(
    "change",
    metadata,
    Column(
        "position",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    _text("run_id"),
    _text("kind"),
    _text("span_id", optional=True),
    _number("event_seq", optional=True),
    Index("change_by_run", "run_id", "position"),
    sqlite_autoincrement=True,
)
