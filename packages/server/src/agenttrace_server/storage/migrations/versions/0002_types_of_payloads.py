"""Payloads keep what JSON has no type for.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add a column to both tables of texts; what they hold already is plain JSON."""
    for table in ("event", "payload"):
        op.add_column(table, sa.Column("types_json", sa.Text(), nullable=True))


def downgrade() -> None:
    """Drop them; what was recorded with types can then only be read as JSON."""
    for table in ("event", "payload"):
        op.drop_column(table, "types_json")
