"""On PostgreSQL, `seq` and `lane` have 64 bits: another process of a run counts from its own range.

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"

_COLUMNS = {"span": ("seq", "end_seq", "lane"), "event": ("seq",), "change": ("event_seq",)}


def upgrade() -> None:
    """Write the three tables anew, each once. SQLite's integers have had 64 bits all along."""
    if op.get_bind().dialect.name != "postgresql":
        return
    # 0004 reads spans through a cursor, which lives as long as the transaction they share.
    op.execute("CLOSE ALL")
    for table, columns in _COLUMNS.items():
        changes = ", ".join(f"ALTER COLUMN {column} TYPE bigint" for column in columns)
        op.execute(f"ALTER TABLE {table} {changes}")


def downgrade() -> None:
    """Refuse: what other processes recorded would not fit."""
    raise NotImplementedError("0012 cannot be taken back; restore a backup made before it")
