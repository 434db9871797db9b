"""Accounts, projects, keys and the audit log. Of them all a store has the one project `default`.

The audit log takes new rows only: the database itself refuses to change or delete one.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TABLES = (
    "audit",
    "login_attempt",
    "revoked_token",
    "refresh_token",
    "api_key",
    "membership",
    "account",
    "project",
)


def _column(
    name: str, kind: sa.types.TypeEngine[Any] = _TEXT, *, null: bool = False
) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=null)


def _moment(name: str, *, null: bool = False) -> sa.Column[Any]:
    return _column(name, sa.BigInteger(), null=null)


def upgrade() -> None:
    """Make the tables, and the project that all runs so far are of."""
    _create_people()
    _create_credentials()
    _create_audit()
    projects = sa.table(
        "project", *(sa.column(name) for name in ("project_id", "slug", "name", "created_ns"))
    )
    row = {"project_id": "default", "slug": "default", "name": "Default", "created_ns": 0}
    op.bulk_insert(projects, [row])


def _create_people() -> None:
    op.create_table(
        "project",
        *(_column(name) for name in ("project_id", "slug", "name")),
        _moment("created_ns"),
        sa.PrimaryKeyConstraint("project_id"),
        sa.UniqueConstraint("slug"),
    )
    op.create_table(
        "account",
        *(_column(name) for name in ("account_id", "email", "password_hash")),
        _column("is_operator", sa.Boolean()),
        _column("is_disabled", sa.Boolean()),
        _column("token_version", sa.Integer()),
        _moment("created_ns"),
        _moment("last_login_ns", null=True),
        sa.PrimaryKeyConstraint("account_id"),
        sa.UniqueConstraint("email"),
    )
    op.create_table(
        "membership",
        *(_column(name) for name in ("account_id", "project_id", "role")),
        sa.PrimaryKeyConstraint("account_id", "project_id"),
    )
    op.create_index("membership_by_project", "membership", ["project_id", "account_id"])


def _create_credentials() -> None:
    names = ("key_id", "project_id", "name", "scope", "secret_sha256", "prefix", "created_by")
    op.create_table(
        "api_key",
        *(_column(name) for name in names),
        _moment("created_ns"),
        *(_moment(name, null=True) for name in ("expires_ns", "last_used_ns", "revoked_ns")),
        sa.PrimaryKeyConstraint("key_id"),
    )
    op.create_index("api_key_by_project", "api_key", ["project_id", "created_ns"])
    op.create_table(
        "refresh_token",
        *(_column(name) for name in ("token_sha256", "family_id", "account_id")),
        _moment("expires_ns"),
        *(_moment(name, null=True) for name in ("used_ns", "revoked_ns")),
        sa.PrimaryKeyConstraint("token_sha256"),
    )
    op.create_index("refresh_token_by_family", "refresh_token", ["family_id"])
    op.create_index("refresh_token_by_account", "refresh_token", ["account_id"])
    op.create_index("refresh_token_by_end", "refresh_token", ["expires_ns"])
    op.create_table(
        "revoked_token", _column("jti"), _moment("expires_ns"), sa.PrimaryKeyConstraint("jti")
    )
    op.create_index("revoked_token_by_end", "revoked_token", ["expires_ns"])
    op.create_table(
        "login_attempt",
        *(_column(name) for name in ("attempt_id", "kind", "name")),
        _moment("at_ns"),
        sa.PrimaryKeyConstraint("attempt_id"),
    )
    op.create_index("login_attempt_by_name", "login_attempt", ["kind", "name", "at_ns"])
    op.create_index("login_attempt_by_time", "login_attempt", ["at_ns"])


def _create_audit() -> None:
    names = ("actor_kind", "actor_id", "actor_name", "action", "target", "address", "request_id")
    op.create_table(
        "audit",
        sa.Column("position", _SERIAL, primary_key=True, autoincrement=True),
        _moment("at_ns"),
        _column("project_id", null=True),
        *(_column(name) for name in names),
        sqlite_autoincrement=True,
    )
    op.create_index("audit_by_project", "audit", ["project_id", "position"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the audit log takes new rows only'; END $$"
        )
        op.execute(
            "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()"
        )
        return
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER audit_no_{change.lower()} BEFORE {change} ON audit "
            "BEGIN SELECT RAISE(ABORT, 'the audit log takes new rows only'); END"
        )


def downgrade() -> None:
    """Drop the tables with all that is in them."""
    for name in _TABLES:
        op.drop_table(name)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_refuse()")
