"""Protections of the server, each with a way to take it out of a child's own process.

A fault test proves nothing until it was seen failing without what it tests. Nothing of this is in
the product: the child patches its own copy, and a name that is no longer there is an error.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

OFF: Final = "LEDGER_OFF"
"""The variable that names what a server is to do without, with commas between."""


def main() -> None:
    """Run the server without these protections."""
    for name in filter(None, os.environ.get(OFF, "").split(",")):
        if name not in SWITCHES:
            raise ValueError(f"no protection {name!r}; expected one of {sorted(SWITCHES)}")
        SWITCHES[name]()
    from agenttrace_server.cli import main as run

    run()


def _replace(owner: Any, name: str, value: object) -> None:
    if not hasattr(owner, name):
        raise AttributeError(f"the server has no {name} any more: mend faults/switches.py")
    setattr(owner, name, value)


def _acknowledge_early() -> None:
    """Answer when the records are in the queue, as if that were a disk."""
    from agenttrace_server.storage.writer import Refusal, Writer

    original = Writer.append
    behind = set()

    async def append(self: Writer, records: Sequence[Any], project_id: str) -> tuple[Refusal, ...]:
        import asyncio

        task = asyncio.create_task(original(self, records, project_id))
        behind.add(task)  # a task that nobody holds may vanish
        task.add_done_callback(behind.discard)
        return ()

    _replace(Writer, "append", append)


def _forget_rows() -> None:
    """Commit only every other group."""
    from agenttrace_server.storage import writer
    from agenttrace_server.storage.append import Appended, append_records

    count = 0

    def append(connection: Any, records: Sequence[Any], **own: Any) -> Appended:
        nonlocal count
        count += 1
        if count % 2:
            return append_records(connection, records, **own)
        savepoint = connection.begin_nested()
        appended = append_records(connection, records, **own)
        savepoint.rollback()
        return appended

    _replace(writer, "append_records", append)


def _sync_never() -> None:
    """Let SQLite leave the syncing to the system."""
    from sqlalchemy import event
    from sqlalchemy.pool import Pool

    def set_up(raw: Any, _record: object) -> None:
        cursor = raw.cursor()
        cursor.execute("PRAGMA synchronous=OFF")
        cursor.close()

    event.listen(Pool, "checkout", lambda raw, record, _proxy: set_up(raw, record))


SWITCHES: Final[dict[str, Callable[[], None]]] = {
    "commit_first": _acknowledge_early,
    "commit_all": _forget_rows,
    "sync": _sync_never,
}
