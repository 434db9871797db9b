"""What runs are found by: a row for each tag and for each attribute of a run.

The rows follow the run's own record, and the tags that people added: they are replaced when a
better snapshot says something else.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import Connection, bindparam, delete

from agenttrace_server.storage.rows import insert_rows
from agenttrace_server.storage.snapshots import STORED
from agenttrace_server.storage.statements import Statement
from agenttrace_server.storage.tables import ATTRIBUTE, TAG

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Table

    from agenttrace_server.storage.batch import RunWork

MAX_ATTRIBUTE_CHARS: Final = 256
"""A longer key or value cannot be looked for."""
_UNFINDABLE: Final = " " * (MAX_ATTRIBUTE_CHARS + 1)
"""In place of a value that cannot be looked for: nobody can ask for it, but the key is there."""


def write_lookups(connection: Connection, runs: Sequence[tuple[str, RunWork]]) -> None:
    """Write the rows of these runs by id, where their tags or attributes have changed."""
    tagged = [(run_id, work) for run_id, work in runs if _has_other_tags(work)]
    _forget(connection, TAG, tagged)
    insert_rows(
        connection, TAG, [row for run_id, work in tagged for row in _list_tags(run_id, work)]
    )
    described = [(i, work) for i, work in runs if _get_attributes(work) is not None]
    _forget(connection, ATTRIBUTE, described)
    rows = [
        (run_id, key, value)
        for run_id, work in described
        for key, value in list_attributes(_get_attributes(work) or "{}")
    ]
    insert_rows(connection, ATTRIBUTE, rows)


def list_attributes(attributes_json: str) -> list[tuple[str, str]]:
    """Return keys and values of a flat object, as the texts that are looked for, each once.

    A list has a row for each element. A number is the text that it was recorded as. A key whose
    values are all too long, or an empty list, has a row that is found by the key alone.
    """
    found: dict[str, Any] = json.loads(
        attributes_json, parse_int=str, parse_float=str, parse_constant=str
    )
    pairs: set[tuple[str, str]] = set()
    for key, values in found.items():
        texts = [text for text in _list_texts(values) if len(text) <= MAX_ATTRIBUTE_CHARS]
        pairs.update((_clean(key), text) for text in texts or [_UNFINDABLE])
    return sorted(pair for pair in pairs if len(pair[0]) <= MAX_ATTRIBUTE_CHARS)


def _list_texts(values: Any) -> Iterator[str]:
    for value in values if isinstance(values, list) else [values]:
        yield _clean(value) if isinstance(value, str) else orjson.dumps(value).decode()


def _clean(text: str) -> str:
    """Return the text with U+FFFD for U+0000, which PostgreSQL does not take."""
    return text.replace("\0", "\ufffd")


def _has_other_tags(work: RunWork) -> bool:
    return work.state.fields.get("tags") != (work.row["tags"] if work.row else None)


def _list_tags(run_id: str, work: RunWork) -> Iterator[tuple[str, str]]:
    texts = (work.state.fields.get("tags"), work.row["user_tags"] if work.row else None)
    tags = {tag for text in texts if text for tag in orjson.loads(text)}
    return ((run_id, tag) for tag in sorted(tags))


def _get_attributes(work: RunWork) -> str | None:
    """Return the attributes that this batch brought, as JSON; None when it brought none."""
    payload = work.state.fields.get("attributes")
    return None if payload is None or payload is STORED else str(payload.value_json)


def _forget(connection: Connection, table: Table, runs: Iterable[tuple[str, RunWork]]) -> None:
    known = [{"id": run_id} for run_id, work in runs if work.row is not None]
    _FORGET[table.name].run(connection, known)


_FORGET: Final = {
    table.name: Statement(delete(table).where(table.c.run_id == bindparam("id")))
    for table in (TAG, ATTRIBUTE)
}
