"""A run keeps how many of its records its recorder dropped, by reason.

Of runs that were stored before, nobody knows: null.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the column; no row is rewritten."""
    op.add_column("run", sa.Column("dropped_json", sa.Text(), nullable=True))


def downgrade() -> None:
    """Drop the column with the counts that are in it."""
    op.drop_column("run", "dropped_json")
