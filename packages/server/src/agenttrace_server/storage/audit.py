"""The audit log: rows that are added, in the transaction of what they tell of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Concatenate, Generic, NamedTuple, ParamSpec, TypeVar

from sqlalchemy import insert, or_, select

from agenttrace_server.members import AuditEntry
from agenttrace_server.records import Page
from agenttrace_server.storage.account_tables import AUDIT

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from agenttrace_server.deeds import Action

P = ParamSpec("P")
R = TypeVar("R")


class Deed(NamedTuple):
    """What is to be remembered. No text that was recorded is in it."""

    at_ns: int
    project_id: str | None
    actor_kind: str
    actor_id: str
    actor_name: str
    action: Action
    target: str
    address: str
    request_id: str


def append_deed(connection: Connection, deed: Deed) -> None:
    """Remember what was done."""
    connection.execute(insert(AUDIT), {**deed._asdict(), "action": deed.action.value})


def append_change(connection: Connection, deed: Deed, *, default: str) -> None:
    """Remember what a setting of the server is, if it is not what was remembered of it last.

    Before it was ever remembered it was the default. Of several workers that start at once, one
    writes it: changes take turns.
    """
    query = (
        select(AUDIT.c.target)
        .where(AUDIT.c.project_id.is_(None), AUDIT.c.action == deed.action.value)
        .order_by(AUDIT.c.position.desc())
        .limit(1)
    )
    if (connection.execute(query).scalar() or default) != deed.target:
        append_deed(connection, deed)


def list_deeds(
    connection: Connection,
    *,
    project_id: str,
    with_server: bool,
    before: int | None,
    count: int,
) -> Page[AuditEntry]:
    """Return what was done in a project, the latest first.

    `with_server` adds what was done to the server as a whole. `before` is a position.
    """
    seen = AUDIT.c.project_id == project_id
    query = select(*(AUDIT.c[name] for name in AuditEntry._fields))
    query = query.where(or_(seen, AUDIT.c.project_id.is_(None)) if with_server else seen)
    if before is not None:
        query = query.where(AUDIT.c.position < before)
    rows = connection.execute(query.order_by(AUDIT.c.position.desc()).limit(count + 1)).all()
    items = tuple(AuditEntry._make(row) for row in rows[:count])
    return Page(items, has_next=len(rows) > count, has_previous=before is not None)


class Unchanged(Generic[R]):
    """What a change answers that had nothing to do: there is nothing to remember of it."""

    def __init__(self, value: R) -> None:
        self.value = value


def remember(
    deed: Deed,
    change: Callable[Concatenate[Connection, P], R | Unchanged[R]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> Callable[[Connection], R]:
    """Return a transaction: the change, and what is to be remembered of it.

    Nothing is, when the change answers False, that it was not made, or `Unchanged`.
    """

    def run(connection: Connection) -> R:
        result = change(connection, *args, **kwargs)
        if isinstance(result, Unchanged):
            return result.value
        if result is not False:
            append_deed(connection, deed)
        return result

    return run
