"""What is left of deleted runs is kept in a list, so that nobody has to look for it.

Of older deletions nobody knows which were cut short: all are looked through once.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the list, of every run that was ever deleted."""
    op.create_table(
        "leftover",
        sa.Column("run_id", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("run_id"),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO leftover SELECT run_id FROM deleted_run")


def downgrade() -> None:
    """Drop the list; 0006 looks for what is left by itself."""
    op.drop_table("leftover")
