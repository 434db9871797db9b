"""Storage's functions for the one project that most tests are about."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from agenttrace_server.identity import DEFAULT_PROJECT
from agenttrace_server.storage import append, deletion
from agenttrace_server.storage.append import Appended
from agenttrace_server.storage.sole_spans import Incoming


def append_records(
    connection: Connection,
    records: Sequence[Incoming],
    *,
    project_id: str = DEFAULT_PROJECT,
    now_ns: int | None = None,
) -> Appended:
    """Store records."""
    return append.append_records(connection, records, project_id=project_id, now_ns=now_ns)


def delete_runs(connection: Connection, run_ids: Sequence[str], *, now_ns: int) -> Appended:
    """Delete runs."""
    return deletion.delete_runs(connection, run_ids, project_id=DEFAULT_PROJECT, now_ns=now_ns)
