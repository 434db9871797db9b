"""What the audit log remembers, by name. docs/accounts.md has the same list, and a test both."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """What was done, or tried."""

    LOGIN = "login"
    LOGIN_FAILED = "login_failed"
    LOGIN_HELD_OFF = "login_held_off"
    LOGOUT = "logout"
    SESSIONS_ENDED = "sessions_ended"
    REFRESH_REUSED = "refresh_reused"
    REGISTERED = "registered"
    SETUP_FAILED = "setup_failed"
    REGISTRATION_HELD_OFF = "registration_held_off"
    ACCOUNT_CREATED = "account_created"
    ACCOUNT_DISABLED = "account_disabled"
    ACCOUNT_ENABLED = "account_enabled"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 -- a name
    PASSWORD_CHANGE_FAILED = "password_change_failed"  # noqa: S105 -- a name
    PASSWORD_RESET = "password_reset"  # noqa: S105 -- a name
    OPERATOR_MADE = "operator_made"
    OPERATOR_ENDED = "operator_ended"
    ROLE_CHANGED = "role_changed"
    MEMBER_REMOVED = "member_removed"
    MEMBER_UNKNOWN = "member_unknown"
    MEMBER_HELD_OFF = "member_held_off"
    ADMIN_APPOINTED = "admin_appointed"
    CHANGE_REFUSED = "change_refused"
    PROJECT_CREATED = "project_created"
    PROJECT_RENAMED = "project_renamed"
    KEY_CREATED = "key_created"
    KEY_REVOKED = "key_revoked"
    RETENTION_CHANGED = "retention_changed"
    RUNS_DELETED = "runs_deleted"
    RUN_EXPORTED = "run_exported"
