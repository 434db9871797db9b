"""Erasing what deleted runs said from the files, once no row of them is left.

SQLite overwrites deleted rows (`secure_delete`), but FTS5 keeps a word in its older segments until
they are merged, and the journal keeps pages as they were until it is folded into the file.
PostgreSQL keeps dead rows until its vacuum has come by; a day that is dropped is gone at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import exists, select

from agenttrace_server.storage.documents import is_sqlite
from agenttrace_server.storage.tables import DELETED_RUN

if TYPE_CHECKING:
    from sqlalchemy import Connection

MERGE_PAGES: Final = 64
"""Of the index of words, some 256 KiB, that one step writes anew."""
# Below zero: all segments that there are now are to become one, in which nothing of a deleted row
# is. After that the same above zero goes on with it; below, what came since would begin it anew.
_MERGE: Final = "INSERT INTO search_words (search_words, rank) VALUES ('merge', ?)"
_COUNT: Final = "SELECT total_changes()"
_NOTHING_DONE: Final = 2


def has_deleted_runs(connection: Connection) -> bool:
    """Tell whether a run was ever deleted."""
    return connection.execute(select(exists().select_from(DELETED_RUN))).scalar_one()


def begin_merge(connection: Connection) -> bool:
    """Begin to write SQLite's index of words anew, without deleted words; tell if there is more."""
    return _merge(connection, -MERGE_PAGES)


def go_on_merging(connection: Connection) -> bool:
    """Write a part of it; tell whether there is more.

    When there is no more, no word is in it of a run that was deleted before the beginning.
    """
    return _merge(connection, MERGE_PAGES)


def _merge(connection: Connection, pages: int) -> bool:
    if not is_sqlite(connection):
        return False
    before = int(connection.exec_driver_sql(_COUNT).scalar_one())
    connection.exec_driver_sql(_MERGE, (pages,))
    after = int(connection.exec_driver_sql(_COUNT).scalar_one())
    return after - before >= _NOTHING_DONE
