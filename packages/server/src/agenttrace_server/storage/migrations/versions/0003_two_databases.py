"""What a store for teams needs, on SQLite and on PostgreSQL.

The log's end is a column that the writer moves; runs keep what else their records say, what
people add to them, and what finds them; long texts are made of parts that a run has once.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import orjson
import sqlalchemy as sa
from alembic import op

from agenttrace_server.storage.migrations.postgres import create_partitioned_tables

revision = "0003"
down_revision = "0002"

# On PostgreSQL texts are compared byte by byte, as SQLite does, whatever the database's locale.
TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")

_MAX_ATTRIBUTE_CHARS = 256

_RUN_INDEXES: dict[str, list[str | sa.TextClause]] = {
    "run_by_correlation": ["correlation_id", "start_ns", "run_id"],
    "run_by_cost": ["cost_pico", "run_id"],
    "run_by_duration": [sa.text("coalesce(duration_ns, -1)"), "run_id"],
    "run_by_errors": ["errors", "run_id"],
    "run_by_name": ["name", "start_ns", "run_id"],
    "run_by_source": ["replayed_from"],
    "run_by_spans": ["spans", "run_id"],
    "run_by_status": ["status", "start_ns", "run_id"],
    "run_by_tokens": ["total_tokens", "run_id"],
}


def upgrade() -> None:
    """Change what is there, and make what is new."""
    if op.get_bind().dialect.name == "postgresql":
        create_partitioned_tables(op.get_bind())
    else:
        _change_span()
        _change_texts()
        _change_log()
    _change_run()
    _create_lookups()
    _create_annotation()
    _fill_lookups()


def downgrade() -> None:
    """Refuse: what 0002 cannot hold would be lost."""
    raise NotImplementedError("0003 cannot be taken back; restore a backup made before it")


def _change_run() -> None:
    connection = op.get_bind()
    counts = ("decisions", "retrievals", "agents")
    for name in counts:
        op.add_column("run", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
    op.add_column("run", sa.Column("recorded_status", TEXT, nullable=False, server_default=""))
    op.add_column("run", sa.Column("seen_ns", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("run", sa.Column("interrupted_ns", sa.BigInteger(), nullable=True))
    op.add_column("run", sa.Column("user_tags", sa.Text(), nullable=True))
    op.add_column("run", sa.Column("links_json", sa.Text(), nullable=True))
    op.add_column("run", sa.Column("end_seq", sa.BigInteger(), nullable=True))
    op.add_column("run", sa.Column("complete", sa.Boolean(), nullable=True))
    connection.execute(sa.text("UPDATE run SET recorded_status = status"))
    for name, kind in zip(counts, ("DECISION", "RETRIEVAL", "AGENT"), strict=True):
        connection.execute(
            sa.text(
                f"UPDATE run SET {name} = (SELECT count(*) FROM span "  # noqa: S608 -- names of ours
                "WHERE span.run_id = run.run_id AND span.span_type = :kind)"
            ),
            {"kind": kind},
        )
    op.drop_index("run_by_correlation", "run")
    for name, columns in _RUN_INDEXES.items():
        op.create_index(name, "run", columns)


def _change_span() -> None:
    op.add_column("span", sa.Column("cost_table", TEXT, nullable=True))
    op.add_column("span", sa.Column("boundary", sa.Boolean(), nullable=True))
    op.add_column("span", sa.Column("links_json", sa.Text(), nullable=True))
    op.create_index(
        "span_failed",
        "span",
        ["span_type", "run_id", "span_id"],
        sqlite_where=sa.text("status = 'ERROR'"),
    )


def _change_texts() -> None:
    op.create_table(
        "content",
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "digest"),
    )
    with op.batch_alter_table("payload") as table:
        table.add_column(sa.Column("parts", sa.LargeBinary(), nullable=True))
        table.alter_column("value_json", existing_type=sa.Text(), nullable=True)
    op.add_column("event", sa.Column("parts", sa.LargeBinary(), nullable=True))
    op.add_column("event", sa.Column("offset_ns", sa.BigInteger(), nullable=True))


def _change_log() -> None:
    op.add_column(
        "store", sa.Column("position", sa.BigInteger(), nullable=False, server_default="0")
    )
    connection = op.get_bind()
    # SQLite's own count: the highest position ever given, also when its row is gone.
    connection.execute(
        sa.text(
            "UPDATE store SET position = coalesce("
            "(SELECT seq FROM sqlite_sequence WHERE name = 'change'), 0)"
        )
    )
    op.rename_table("change", "change_before")
    op.drop_index("change_by_run", "change_before")
    op.create_table(
        "change",
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("span_id", TEXT, nullable=True),
        sa.Column("event_seq", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", "position"),
        sqlite_with_rowid=False,
    )
    connection.execute(
        sa.text(
            "INSERT INTO change SELECT run_id, position, kind, span_id, event_seq "
            "FROM change_before ORDER BY run_id, position"
        )
    )
    op.drop_table("change_before")
    op.create_index("change_by_position", "change", ["position"])


def _create_lookups() -> None:
    op.create_table(
        "run_tag",
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("tag", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "tag"),
        sqlite_with_rowid=False,
    )
    op.create_index("run_tag_by_tag", "run_tag", ["tag", "run_id"])
    op.create_table(
        "run_attribute",
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "key", "value"),
        sqlite_with_rowid=False,
    )
    op.create_index("run_attribute_by_value", "run_attribute", ["key", "value", "run_id"])
    op.create_table(
        "deleted_run",
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("deleted_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run_id"),
    )


def _create_annotation() -> None:
    op.create_table(
        "annotation",
        sa.Column("annotation_id", TEXT, nullable=False),
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("span_id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("label", TEXT, nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("author", TEXT, nullable=True),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.Column("updated_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("annotation_id"),
    )
    op.create_index("annotation_by_span", "annotation", ["run_id", "span_id"])
    op.create_index("annotation_by_name", "annotation", ["name", "score", "run_id"])


def _fill_lookups() -> None:
    connection = op.get_bind()
    tags = connection.execute(sa.text("SELECT run_id, tags FROM run WHERE tags IS NOT NULL"))
    tag_rows = [{"r": r, "t": tag} for r, tags_json in tags for tag in set(orjson.loads(tags_json))]
    if tag_rows:
        connection.execute(sa.text("INSERT INTO run_tag VALUES (:r, :t)"), tag_rows)
    texts = connection.execute(
        sa.text("SELECT run_id, value_json FROM payload WHERE span_id = '' AND kind = 'attributes'")
    )
    found = {
        (run_id, key, value)
        for run_id, text in texts
        for key, values in orjson.loads(text).items()
        for value in _list_values(values)
    }
    rows = [{"r": run_id, "k": key, "v": value} for run_id, key, value in sorted(found)]
    if rows:
        connection.execute(sa.text("INSERT INTO run_attribute VALUES (:r, :k, :v)"), rows)


def _list_values(values: object) -> list[str]:
    """Return a value, or the values of a list, as the texts that are looked for."""
    items = values if isinstance(values, list) else [values]
    texts = [item if isinstance(item, str) else orjson.dumps(item).decode() for item in items]
    return [text for text in texts if len(text) <= _MAX_ATTRIBUTE_CHARS]
