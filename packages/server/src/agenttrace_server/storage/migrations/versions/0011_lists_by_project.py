"""Lists of runs go along indexes of their project, and open runs of all projects have their own.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_COLUMNS = {
    "run_by_start": ("start_ns", "run_id"),
    "run_by_status": ("status", "start_ns", "run_id"),
    "run_by_name": ("name", "start_ns", "run_id"),
    "run_by_correlation": ("correlation_id", "start_ns", "run_id"),
    "run_by_duration": (sa.text("coalesce(duration_ns, -1)"), "run_id"),
    "run_by_cost": ("cost_pico", "run_id"),
    "run_by_tokens": ("total_tokens", "run_id"),
    "run_by_spans": ("spans", "run_id"),
    "run_by_errors": ("errors", "run_id"),
    "run_by_source": ("replayed_from",),
}
_OPEN = sa.text("status = 'STARTED'")


def upgrade() -> None:
    """Make the indexes anew: with 100,000 runs that is a matter of seconds."""
    for name, columns in _COLUMNS.items():
        op.drop_index(name, "run")
        op.create_index(name, "run", ["project_id", *columns])
    op.create_index("run_open", "run", ["run_id"], sqlite_where=_OPEN, postgresql_where=_OPEN)


def downgrade() -> None:
    """Make the indexes of all projects together."""
    op.drop_index("run_open", "run")
    for name, columns in _COLUMNS.items():
        op.drop_index(name, "run")
        op.create_index(name, "run", [*columns])
