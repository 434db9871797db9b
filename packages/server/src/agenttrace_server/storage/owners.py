"""Whose a run is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from agenttrace_server.storage.append import read_tombs
from agenttrace_server.storage.keys import select_by_ids
from agenttrace_server.storage.tables import ANNOTATION, RUN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection


def read_owners(connection: Connection, run_ids: Sequence[str]) -> dict[str, str]:
    """Return the projects of these runs by run id, also of those that were deleted."""
    query = select_by_ids(RUN, run_ids, "run_id").with_only_columns(RUN.c.run_id, RUN.c.project_id)
    found = {str(run_id): str(owner) for run_id, owner in connection.execute(query)}
    left = [run_id for run_id in run_ids if run_id not in found]
    return found | (read_tombs(connection, left) if left else {})


def find_annotated(connection: Connection, annotation_id: str) -> str | None:
    """Return the run that an annotation is of; None when there is no such annotation."""
    query = select(ANNOTATION.c.run_id).where(ANNOTATION.c.annotation_id == annotation_id)
    return connection.execute(query).scalar_one_or_none()
