"""The first schema: runs, spans, texts, events, sums by model, and the change log.

Revision ID: 0001
Revises: (none)
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table."""
    _create_change()
    _create_event()
    _create_model_usage()
    _create_payload()
    _create_run()
    _create_span()
    _create_store()


def downgrade() -> None:
    """There is nothing before this one."""
    raise NotImplementedError("0001 is the first schema; to go back, delete the database file")


def _create_change() -> None:
    op.create_table(
        "change",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("span_id", sa.String(), nullable=True),
        sa.Column("event_seq", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("position"),
        sqlite_autoincrement=True,
    )
    op.create_index("change_by_run", "change", ["run_id", "position"], unique=False)


def _create_event() -> None:
    op.create_table(
        "event",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("span_id", sa.String(), nullable=False),
        sa.Column("t_ns", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("codec", sa.String(), nullable=True),
        sa.Column("fidelity", sa.String(), nullable=True),
        sa.Column("whole_bytes", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("value_json", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", "seq"),
    )
    op.create_index("event_by_span", "event", ["run_id", "span_id", "seq"], unique=False)


def _create_model_usage() -> None:
    op.create_table(
        "model_usage",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger(), nullable=False),
        sa.Column("prompt_known", sa.Integer(), nullable=False),
        sa.Column("completion_tokens", sa.BigInteger(), nullable=False),
        sa.Column("completion_known", sa.Integer(), nullable=False),
        sa.Column("total_tokens", sa.BigInteger(), nullable=False),
        sa.Column("total_known", sa.Integer(), nullable=False),
        sa.Column("estimated", sa.Integer(), nullable=False),
        sa.Column("cost_pico", sa.String(30), nullable=False),
        sa.Column("cost_known", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "model"),
        sqlite_with_rowid=False,
    )
    op.create_index("model_usage_by_model", "model_usage", ["model"], unique=False)


def _create_payload() -> None:
    op.create_table(
        "payload",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("span_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("codec", sa.String(), nullable=False),
        sa.Column("fidelity", sa.String(), nullable=False),
        sa.Column("whole_bytes", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("value_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "span_id", "kind"),
    )


def _create_run() -> None:
    op.create_table(
        "run",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("rank", sa.BigInteger(), nullable=False),
        sa.Column("older", sa.Text(), nullable=True),
        sa.Column("payloads", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=True),
        sa.Column("tags", sa.Text(), nullable=True),
        sa.Column("start_ns", sa.BigInteger(), nullable=False),
        sa.Column("end_ns", sa.BigInteger(), nullable=True),
        sa.Column("duration_ns", sa.BigInteger(), nullable=True),
        sa.Column("replayed_from", sa.String(), nullable=True),
        sa.Column("forked_at", sa.BigInteger(), nullable=True),
        sa.Column("spans", sa.Integer(), nullable=False),
        sa.Column("llm_calls", sa.Integer(), nullable=False),
        sa.Column("tool_calls", sa.Integer(), nullable=False),
        sa.Column("errors", sa.Integer(), nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger(), nullable=False),
        sa.Column("prompt_known", sa.Integer(), nullable=False),
        sa.Column("completion_tokens", sa.BigInteger(), nullable=False),
        sa.Column("completion_known", sa.Integer(), nullable=False),
        sa.Column("cached_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_known", sa.Integer(), nullable=False),
        sa.Column("total_tokens", sa.BigInteger(), nullable=False),
        sa.Column("total_known", sa.Integer(), nullable=False),
        sa.Column("estimated", sa.Integer(), nullable=False),
        sa.Column("cost_pico", sa.String(30), nullable=False),
        sa.Column("cost_known", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("run_id"),
    )
    op.create_index("run_by_correlation", "run", ["correlation_id"], unique=False)
    op.create_index("run_by_start", "run", ["start_ns", "run_id"], unique=False)


def _create_span() -> None:
    op.create_table(
        "span",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("span_id", sa.String(), nullable=False),
        sa.Column("rank", sa.BigInteger(), nullable=False),
        sa.Column("older", sa.Text(), nullable=True),
        sa.Column("payloads", sa.Integer(), nullable=False),
        sa.Column("parent_span_id", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("span_type", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("start_ns", sa.BigInteger(), nullable=False),
        sa.Column("end_ns", sa.BigInteger(), nullable=True),
        sa.Column("duration_ns", sa.BigInteger(), nullable=True),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("end_seq", sa.Integer(), nullable=True),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("effect", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("model", sa.String(), nullable=True),
        sa.Column("prompt_tokens", sa.Integer(), nullable=True),
        sa.Column("completion_tokens", sa.Integer(), nullable=True),
        sa.Column("total_tokens", sa.Integer(), nullable=True),
        sa.Column("cached_tokens", sa.Integer(), nullable=True),
        sa.Column("cache_write_tokens", sa.Integer(), nullable=True),
        sa.Column("reasoning_tokens", sa.Integer(), nullable=True),
        sa.Column("usage_source", sa.String(), nullable=True),
        sa.Column("cost_usd", sa.String(), nullable=True),
        sa.Column("cost_source", sa.String(), nullable=True),
        sa.Column("replay_key", sa.String(), nullable=True),
        sa.Column("input_hash", sa.String(), nullable=True),
        sa.Column("hash_version", sa.BigInteger(), nullable=True),
        sa.Column("fn_hash", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", "span_id"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "span_by_parent", "span", ["run_id", "parent_span_id", "seq", "span_id"], unique=False
    )
    op.create_index("span_by_seq", "span", ["run_id", "seq", "span_id"], unique=False)


def _create_store() -> None:
    op.create_table(
        "store",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("database_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
