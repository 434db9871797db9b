"""The tables of revision 0003 on PostgreSQL, whose first schema it is: partitioned by run id.

A run id is a UUIDv7, so that a range of ids is a range of time: a day's partition is dropped in one
step when it is too old. Texts compare byte by byte ("C"), as they do on SQLite.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy import Connection

PARTITIONED: Final = ("span", "payload", "content", "event", "change")
"""The tables that have a partition for each day, and one (`…_default`) for all other ids.

`search_document` has become one in revision 0006.
"""

_DAYS: Final = """SELECT right(c.relname, 8), pg_get_expr(c.relpartbound, c.oid)
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'change'::regclass AND c.relname ~ '^change_[0-9]{8}$'"""

_T: Final = 'varchar COLLATE "C"'

_STATEMENTS: Final = (
    "DROP TABLE span, payload, event, change, run, model_usage, store",
    f"""CREATE TABLE store (
        id integer PRIMARY KEY, database_id {_T} NOT NULL, position bigint NOT NULL)""",
    f"""CREATE TABLE run (
        run_id {_T} PRIMARY KEY, rank bigint NOT NULL, older text, payloads integer NOT NULL,
        name {_T} NOT NULL, status {_T} NOT NULL, correlation_id {_T}, tags text,
        start_ns bigint NOT NULL, end_ns bigint, duration_ns bigint, replayed_from {_T},
        forked_at bigint, spans integer NOT NULL, llm_calls integer NOT NULL,
        tool_calls integer NOT NULL, errors integer NOT NULL, prompt_tokens bigint NOT NULL,
        prompt_known integer NOT NULL, completion_tokens bigint NOT NULL,
        completion_known integer NOT NULL, cached_tokens bigint NOT NULL,
        cached_known integer NOT NULL, total_tokens bigint NOT NULL, total_known integer NOT NULL,
        estimated integer NOT NULL, cost_pico varchar(30) COLLATE "C" NOT NULL,
        cost_known integer NOT NULL)""",
    "CREATE INDEX run_by_start ON run (start_ns, run_id)",
    "CREATE INDEX run_by_correlation ON run (correlation_id)",
    f"""CREATE TABLE model_usage (
        run_id {_T}, model {_T}, calls integer NOT NULL, prompt_tokens bigint NOT NULL,
        prompt_known integer NOT NULL, completion_tokens bigint NOT NULL,
        completion_known integer NOT NULL, total_tokens bigint NOT NULL,
        total_known integer NOT NULL, estimated integer NOT NULL,
        cost_pico varchar(30) COLLATE "C" NOT NULL, cost_known integer NOT NULL,
        PRIMARY KEY (run_id, model))""",
    "CREATE INDEX model_usage_by_model ON model_usage (model)",
    f"""CREATE TABLE span (
        run_id {_T}, span_id {_T}, rank bigint NOT NULL, older text, payloads integer NOT NULL,
        parent_span_id {_T}, name {_T} NOT NULL, span_type {_T} NOT NULL, status {_T} NOT NULL,
        start_ns bigint NOT NULL, end_ns bigint, duration_ns bigint, seq integer NOT NULL,
        end_seq integer, lane integer NOT NULL, effect {_T} NOT NULL, outcome {_T}, model {_T},
        prompt_tokens integer, completion_tokens integer, total_tokens integer,
        cached_tokens integer, cache_write_tokens integer, reasoning_tokens integer,
        usage_source {_T}, cost_usd {_T}, cost_source {_T}, cost_table {_T}, replay_key {_T},
        input_hash {_T}, hash_version bigint, fn_hash {_T}, boundary boolean, links_json text,
        PRIMARY KEY (run_id, span_id)) PARTITION BY RANGE (run_id)""",
    "CREATE INDEX span_by_seq ON span (run_id, seq, span_id)",
    "CREATE INDEX span_by_parent ON span (run_id, parent_span_id, seq, span_id)",
    "CREATE INDEX span_failed ON span (span_type, run_id, span_id) WHERE status = 'ERROR'",
    f"""CREATE TABLE payload (
        run_id {_T}, span_id {_T}, kind {_T}, size_bytes bigint NOT NULL, codec {_T} NOT NULL,
        fidelity {_T} NOT NULL, whole_bytes bigint, sha256 {_T}, value_json text, types_json text,
        parts bytea, PRIMARY KEY (run_id, span_id, kind)) PARTITION BY RANGE (run_id)""",
    f"""CREATE TABLE content (
        run_id {_T}, digest bytea, size_bytes integer NOT NULL, data bytea NOT NULL,
        PRIMARY KEY (run_id, digest)) PARTITION BY RANGE (run_id)""",
    f"""CREATE TABLE event (
        run_id {_T}, seq integer, span_id {_T} NOT NULL, t_ns bigint NOT NULL, offset_ns bigint,
        name {_T} NOT NULL, size_bytes bigint, codec {_T}, fidelity {_T}, whole_bytes bigint,
        sha256 {_T}, value_json text, types_json text, parts bytea,
        PRIMARY KEY (run_id, seq)) PARTITION BY RANGE (run_id)""",
    "CREATE INDEX event_by_span ON event (run_id, span_id, seq)",
    f"""CREATE TABLE change (
        run_id {_T}, position bigint, kind {_T} NOT NULL, span_id {_T}, event_seq integer,
        PRIMARY KEY (run_id, position)) PARTITION BY RANGE (run_id)""",
    "CREATE INDEX change_by_position ON change (position)",
)


def create_partitioned_tables(connection: Connection) -> None:
    """Make the tables of 0001 and 0002 anew; nothing could be in them before this revision."""
    for statement in _STATEMENTS:
        connection.execute(text(statement))
    for table in PARTITIONED:
        connection.execute(text(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT"))


def create_days(connection: Connection, table: str) -> None:
    """Make the partitions of a partitioned table that has none: those that `change` has."""
    connection.execute(text(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT"))
    for day, bounds in connection.execute(text(_DAYS)).all():
        connection.execute(text(f"CREATE TABLE {table}_{day} PARTITION OF {table} {bounds}"))
