"""What people and programs add to a run: annotations, scores and tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import orjson
from sqlalchemy import (
    Connection,
    LargeBinary,
    Row,
    cast,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from agenttrace.wire.models import MAX_INT64
from agenttrace_server.errors import RefusedError
from agenttrace_server.records import Annotation, ChangeKind
from agenttrace_server.storage.keys import join_keys
from agenttrace_server.storage.positions import log_changes
from agenttrace_server.storage.rows import insert_rows
from agenttrace_server.storage.tables import ANNOTATION, RUN, SPAN, TAG

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

OwnerKey = tuple[str, str]
"""Run id and span id (empty for the run itself)."""

MAX_LISTED: Final = 1_000
"""Annotations of one run or span; more are refused."""


ROW_BYTES: Final = 128
"""Of an annotation beside its texts: ids, times, a score."""

MAX_USER_TAGS: Final = 64


class Said(NamedTuple):
    """What is said of a run or span: the middle of an `Annotation`."""

    name: str
    source: str
    score: float | None
    label: str | None
    comment: str | None
    author: str | None


def has_owner(connection: Connection, owner: OwnerKey) -> bool:
    """Tell whether there is such a run, or such a span of it."""
    run_id, span_id = owner
    query = select(RUN.c.run_id).where(RUN.c.run_id == run_id)
    if span_id:
        query = query.join(SPAN, SPAN.c.run_id == RUN.c.run_id).where(SPAN.c.span_id == span_id)
    return connection.execute(query).first() is not None


def measure_annotations(connection: Connection, owners: Sequence[OwnerKey]) -> int:
    """Return how many bytes at most the annotations of these runs and spans have together.

    A character has up to four; of the comments, which may be long, the bytes are counted.
    """
    texts = (ANNOTATION.c.name, ANNOTATION.c.label, ANNOTATION.c.author)
    rest = sum((4 * func.coalesce(func.length(text), 0) for text in texts), literal(ROW_BYTES))
    comment = func.coalesce(func.length(cast(ANNOTATION.c.comment, LargeBinary)), 0)
    if connection.dialect.name == "postgresql":
        comment = func.coalesce(func.octet_length(ANNOTATION.c.comment), 0)
    query = select(func.sum(rest + comment))
    source = join_keys(ANNOTATION, owners, "run_id", "span_id")
    return int(connection.execute(query.select_from(source)).scalar_one() or 0)


def list_annotations(
    connection: Connection, owners: Sequence[OwnerKey]
) -> dict[OwnerKey, tuple[Annotation, ...]]:
    """Return the annotations of each run or span, oldest first."""
    query = select(ANNOTATION).select_from(join_keys(ANNOTATION, owners, "run_id", "span_id"))
    query = query.order_by(ANNOTATION.c.created_ns, ANNOTATION.c.annotation_id)
    found: dict[OwnerKey, list[Annotation]] = {owner: [] for owner in owners}
    for row in connection.execute(query):
        found[row.run_id, row.span_id].append(_make_annotation(row))
    return {owner: tuple(annotations) for owner, annotations in found.items()}


def read_annotation(connection: Connection, annotation_id: str) -> Annotation | None:
    """Return an annotation; None when there is none."""
    query = select(ANNOTATION).where(ANNOTATION.c.annotation_id == annotation_id)
    row = connection.execute(query).first()
    return None if row is None else _make_annotation(row)


def annotate(  # noqa: PLR0913 -- what is of the server comes by name
    connection: Connection,
    owner: OwnerKey,
    said: Said,
    *,
    replaces: str | None,
    new_id: str,
    now_ns: int,
    field: str,
) -> Annotation:
    """Add an annotation to a run or span, or put it in the place of another of it.

    A refusal of the owner names `field`: what the caller calls the id of it.

    Raises:
        RefusedError: there is no such run or span, no such annotation of it, or there are too many.

    """
    if not has_owner(connection, owner):
        raise refuse_unknown(field, "run or span")
    before = None if replaces is None else read_annotation(connection, replaces)
    if replaces is not None and (before is None or (before.run_id, before.span_id) != owner):
        raise refuse_unknown("annotationId", "annotation of it")
    if before is None and _count(connection, owner) >= MAX_LISTED:
        raise RefusedError(field, "too_many", f"it has {MAX_LISTED} annotations already")
    created_ns, updated_ns = now_ns, now_ns
    if before is not None:
        # Later than what it replaces, whatever the clocks say: the later one holds where both meet.
        created_ns = before.created_ns
        updated_ns = min(max(now_ns, before.updated_ns + 1), MAX_INT64)
    made = Annotation(
        replaces or new_id,
        *owner,
        said.name,
        said.source,
        said.score,
        said.label,
        said.comment,
        said.author,
        created_ns,
        updated_ns,
    )
    if before is not None:
        same = ANNOTATION.c.annotation_id == before.annotation_id
        connection.execute(delete(ANNOTATION).where(same))
    connection.execute(insert(ANNOTATION).values(made._asdict()))
    _note_change(connection, made.run_id)
    return made


def delete_annotation(connection: Connection, annotation_id: str) -> Annotation | None:
    """Take an annotation out, and return it; None when there was none."""
    found = read_annotation(connection, annotation_id)
    if found is not None:
        where = ANNOTATION.c.annotation_id == annotation_id
        connection.execute(delete(ANNOTATION).where(where))
        _note_change(connection, found.run_id)
    return found


def read_tags(connection: Connection, run_id: str) -> tuple[list[str], list[str]] | None:
    """Return the tags of a run, as recorded and as added; None for an unknown run."""
    query = select(RUN.c.tags, RUN.c.user_tags).where(RUN.c.run_id == run_id)
    row = connection.execute(query).first()
    if row is None:
        return None
    recorded, added = (orjson.loads(text) if text else [] for text in row)
    return recorded, added


def change_tags(
    connection: Connection, run_id: str, *, add: Sequence[str], remove: Sequence[str]
) -> None:
    """Add tags to a run, and take added ones away.

    Raises:
        RefusedError: the run is unknown, a tag to take away was recorded, or there are too many.

    """
    found = read_tags(connection, run_id)
    if found is None:
        raise refuse_unknown("runId", "run")
    recorded, added = found
    if fixed := sorted(set(remove) & set(recorded)):
        raise RefusedError(
            "tags", "recorded", f"the tag {fixed[0]!r} was recorded with the run: it stays"
        )
    wanted = [*added, *(tag for tag in add if tag not in recorded)]
    tags = [tag for tag in dict.fromkeys(wanted) if tag not in remove]
    if len(tags) > MAX_USER_TAGS:
        raise RefusedError("tags", "too_many", f"at most {MAX_USER_TAGS} tags can be added")
    if tags == added:
        return
    text = orjson.dumps(tags).decode() if tags else None
    connection.execute(update(RUN).where(RUN.c.run_id == run_id).values(user_tags=text))
    connection.execute(delete(TAG).where(TAG.c.run_id == run_id))
    insert_rows(connection, TAG, [(run_id, tag) for tag in sorted({*recorded, *tags})])
    _note_change(connection, run_id)


def refuse_unknown(field: str, what: str) -> RefusedError:
    """Return the refusal of what is not there."""
    return RefusedError(field, "not_found", f"there is no such {what}")


def _count(connection: Connection, owner: OwnerKey) -> int:
    run_id, span_id = owner
    query = select(func.count()).select_from(ANNOTATION)
    query = query.where(ANNOTATION.c.run_id == run_id, ANNOTATION.c.span_id == span_id)
    return int(connection.execute(query).scalar_one())


def _note_change(connection: Connection, run_id: str) -> None:
    log_changes(connection, [(run_id, ChangeKind.RUN_UPDATED.value, None, None)])


def _make_annotation(row: Row[Any]) -> Annotation:
    return Annotation(*(getattr(row, name) for name in Annotation._fields))
