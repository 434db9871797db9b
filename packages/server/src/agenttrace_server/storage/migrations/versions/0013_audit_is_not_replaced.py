"""On SQLite, `INSERT OR REPLACE` fires no trigger of a deletion: the audit log refuses it, too.

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Refuse a row in the place of another. On PostgreSQL `ON CONFLICT` is an update already."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit "
            "WHEN EXISTS (SELECT 1 FROM audit WHERE position = NEW.position) "
            "BEGIN SELECT RAISE(ABORT, 'the audit log takes new rows only'); END"
        )


def downgrade() -> None:
    """Drop the trigger."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER audit_no_replace")
