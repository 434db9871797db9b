"""A run is of a project, and so is what is kept of it: its part of the usage, its tombstone.

All that was stored before is of the first project, `default`.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_KEY = ("hour_ns", "model", "project_id")


def _make_column() -> sa.Column[str]:
    return sa.Column("project_id", _TEXT, nullable=False, server_default="default")


def upgrade() -> None:
    """Add the columns: no row of a run is rewritten."""
    op.add_column("run", _make_column())
    op.add_column("deleted_run", _make_column())
    if op.get_bind().dialect.name == "postgresql":
        op.add_column("usage_hour", _make_column())
        op.drop_constraint("usage_hour_pkey", "usage_hour", type_="primary")
        op.create_primary_key("usage_hour_pkey", "usage_hour", [*_KEY])
        return
    # SQLite changes no key: the table is made anew. It has a row for each hour and model.
    columns = [row[1] for row in op.get_bind().execute(sa.text("PRAGMA table_info(usage_hour)"))]
    op.rename_table("usage_hour", "usage_hour_before")
    definition = ", ".join(_define(name) for name in columns)
    op.execute(
        f"CREATE TABLE usage_hour (project_id VARCHAR DEFAULT 'default' NOT NULL, {definition}, "
        f"PRIMARY KEY ({', '.join(_KEY)})) WITHOUT ROWID"
    )
    listed = ", ".join(columns)
    op.execute(f"INSERT INTO usage_hour ({listed}) SELECT {listed} FROM usage_hour_before")  # noqa: S608 -- names of columns
    op.drop_table("usage_hour_before")


def _define(name: str) -> str:
    kinds = {"model": "VARCHAR", "cost_pico": "VARCHAR(30)"}
    is_large = name == "hour_ns" or name.endswith("_tokens")
    return f"{name} {kinds.get(name, 'BIGINT' if is_large else 'INTEGER')} NOT NULL"


def downgrade() -> None:
    """Refuse: runs of several projects would become everybody's."""
    raise NotImplementedError("a store with projects is not taken back to one without")
