"""A login has the address and the client that last used it, for its owner to know it by.

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, String

revision = "0014"
down_revision = "0013"

_COLUMNS = ("address", "agent")


def upgrade() -> None:
    """Add the columns: of logins from before, nothing is known."""
    for name in _COLUMNS:
        op.add_column("refresh_token", Column(name, String, nullable=True))


def downgrade() -> None:
    """Drop the columns."""
    for name in _COLUMNS:
        op.drop_column("refresh_token", name)
