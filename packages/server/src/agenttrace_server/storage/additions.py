"""What was added to runs, as lines of the wire format: given away with a run, and taken in.

An annotation is merged by its id: the one that was said last holds. Tags are put together: what
was taken away comes again with an export that still has it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import orjson
from sqlalchemy import Connection, delete, func, select, tuple_, update

from agenttrace.wire import WIRE_VERSION
from agenttrace.wire.additions import ValidAnnotation, ValidTags
from agenttrace_server.records import Annotation, ChangeKind
from agenttrace_server.storage.annotations import MAX_LISTED, MAX_USER_TAGS, has_owner
from agenttrace_server.storage.append import read_tombs
from agenttrace_server.storage.conditions import is_of_project
from agenttrace_server.storage.keys import join_keys, select_by_ids
from agenttrace_server.storage.positions import log_changes
from agenttrace_server.storage.rows import insert_rows, upsert_rows
from agenttrace_server.storage.tables import ANNOTATION, RUN, RUN_OWNER, SPAN, TAG

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace.wire.additions import ValidAddition

LINES_A_STEP: Final = 100
"""Of annotations, whose comments have at most 16 KiB."""

AnnotationPlace: TypeAlias = tuple[str, str]
"""Span id (empty for the run itself) and annotation id."""


class Refusal(NamedTuple):
    """Why one of several additions was not taken."""

    place: int
    """Of the addition among them, from 0."""
    code: str
    reason: str


class Added(NamedTuple):
    """What became of additions."""

    refusals: list[Refusal]
    run_ids: frozenset[str]
    """Runs that changed."""


def read_tag_line(connection: Connection, run_id: str) -> bytes | None:
    """Return the line of the tags that were added to a run; empty when there are none.

    None when the run has been deleted.
    """
    row = connection.execute(select(RUN.c.user_tags).where(RUN.c.run_id == run_id)).first()
    if row is None or row.user_tags is None:
        return None if row is None else b""
    tags = orjson.loads(row.user_tags)
    line = {"v": WIRE_VERSION, "type": "tags", "run_id": run_id, "tags": tags}
    return orjson.dumps(line) + b"\n"


def read_annotation_lines(
    connection: Connection, run_id: str, after: AnnotationPlace
) -> tuple[bytes, AnnotationPlace | None] | None:
    """Return the next annotations of a run and its spans, and where to go on; None at the end.

    None when the run has been deleted.
    """
    if not has_owner(connection, (run_id, RUN_OWNER)):
        return None
    place = tuple_(ANNOTATION.c.span_id, ANNOTATION.c.annotation_id)
    query = select(ANNOTATION).where(ANNOTATION.c.run_id == run_id, place > after)
    query = query.order_by(ANNOTATION.c.span_id, ANNOTATION.c.annotation_id).limit(LINES_A_STEP)
    rows = connection.execute(query).all()
    lines = [_write_annotation(Annotation(*row)) for row in rows]
    is_last = len(rows) < LINES_A_STEP
    return b"".join(lines), None if is_last else (rows[-1].span_id, rows[-1].annotation_id)


def _write_annotation(annotation: Annotation) -> bytes:
    said = annotation._asdict()
    if said["span_id"] == RUN_OWNER:
        del said["span_id"]
    known = {name: value for name, value in said.items() if value is not None}
    return orjson.dumps({"v": WIRE_VERSION, "type": "annotation", **known}) + b"\n"


def take_in(connection: Connection, additions: Sequence[ValidAddition], project_id: str) -> Added:
    """Merge additions to runs of a project into the store, within the caller's transaction.

    Those of runs and spans that are not there, or of which there would be too many, are refused.
    """
    work = _read_work(connection, additions, project_id)
    for index, addition in enumerate(additions):
        work.take(index, addition)
    upsert_rows(connection, ANNOTATION, [*work.new_annotations.values()])
    for run_id in sorted(work.retagged):
        run = work.runs[run_id]
        text = orjson.dumps(run.added).decode()
        connection.execute(update(RUN).where(RUN.c.run_id == run_id).values(user_tags=text))
        connection.execute(delete(TAG).where(TAG.c.run_id == run_id))
        tags = sorted({*run.recorded, *run.added})
        insert_rows(connection, TAG, [(run_id, tag) for tag in tags])
    changed = sorted(work.changed)
    if changed:
        kind = ChangeKind.RUN_UPDATED.value
        log_changes(connection, [(run_id, kind, None, None) for run_id in changed])
    return Added(work.refusals, frozenset(changed))


@dataclass(slots=True)
class _Run:
    recorded: list[str]
    added: list[str]


@dataclass(slots=True)
class _Work:
    """What additions meet in the store, and what they change."""

    deleted: frozenset[str]
    runs: dict[str, _Run]
    spans: set[tuple[str, str]]
    stored: dict[str, Annotation]
    counts: dict[tuple[str, str], int]
    """How many annotations each run or span has."""
    new_annotations: dict[str, Annotation] = field(default_factory=dict)
    retagged: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    refusals: list[Refusal] = field(default_factory=list)

    def take(self, index: int, addition: ValidAddition) -> None:
        """Merge one addition, or note why not."""
        run_id = addition.run_id
        refused: tuple[str, str] | None
        if run_id in self.deleted:
            refused = ("run_deleted", "the run was deleted")
        elif run_id not in self.runs:
            refused = ("not_found", "there is no such run here: send its records first")
        elif isinstance(addition, ValidTags):
            refused = self._take_tags(addition)
        else:
            refused = self._take_annotation(addition)
        if refused is not None:
            self.refusals.append(Refusal(index, *refused))

    def _take_tags(self, given: ValidTags) -> tuple[str, str] | None:
        run = self.runs[given.run_id]
        tags = [*dict.fromkeys([*run.added, *given.tags])]
        if len(tags) > MAX_USER_TAGS:
            return "too_many", f"at most {MAX_USER_TAGS} tags can be added to a run"
        if len(tags) > len(run.added):
            run.added = tags
            self.retagged.add(given.run_id)
            self.changed.add(given.run_id)
        return None

    def _take_annotation(self, given: ValidAnnotation) -> tuple[str, str] | None:
        owner = (given.run_id, given.span_id or RUN_OWNER)
        if given.span_id is not None and owner not in self.spans:
            return "not_found", "there is no such span here: send its record first"
        said = _read_annotation(given)
        before = self.stored.get(said.annotation_id)
        if before is None:
            if self.counts.get(owner, 0) >= MAX_LISTED:
                return "too_many", f"it has {MAX_LISTED} annotations already"
            self.counts[owner] = self.counts.get(owner, 0) + 1
        elif (before.run_id, before.span_id) != owner:
            return "invalid_field", "annotation_id: is of another run or span here"
        elif _rank(said) <= _rank(before):
            return None
        self.stored[said.annotation_id] = self.new_annotations[said.annotation_id] = said
        self.changed.add(given.run_id)
        return None


def _read_work(
    connection: Connection, additions: Sequence[ValidAddition], project_id: str
) -> _Work:
    run_ids = sorted({addition.run_id for addition in additions})
    annotations = [each for each in additions if isinstance(each, ValidAnnotation)]
    owners = sorted({(each.run_id, each.span_id or RUN_OWNER) for each in annotations})
    ids = sorted({each.annotation_id for each in annotations})
    spans = [owner for owner in owners if owner[1] != RUN_OWNER]
    keys = (ANNOTATION.c.run_id, ANNOTATION.c.span_id)
    counted = select(*keys, func.count()).group_by(*keys)
    tombs = read_tombs(connection, run_ids)
    own = select_by_ids(RUN, run_ids, "run_id").where(is_of_project(project_id))
    return _Work(
        deleted=frozenset(run_id for run_id, owner in tombs.items() if owner == project_id),
        runs={
            row.run_id: _Run(*(orjson.loads(text or "[]") for text in (row.tags, row.user_tags)))
            for row in connection.execute(own)
        },
        spans={
            (row.run_id, row.span_id)
            for row in connection.execute(
                select(SPAN.c.run_id, SPAN.c.span_id).select_from(
                    join_keys(SPAN, spans, "run_id", "span_id")
                )
            )
        },
        stored={
            row.annotation_id: Annotation(*row)
            for row in connection.execute(select_by_ids(ANNOTATION, ids, "annotation_id"))
        },
        counts={
            (run_id, span_id): count
            for run_id, span_id, count in connection.execute(
                counted.select_from(join_keys(ANNOTATION, owners, "run_id", "span_id"))
            )
        },
    )


def _read_annotation(given: ValidAnnotation) -> Annotation:
    return Annotation(
        given.annotation_id,
        given.run_id,
        given.span_id or RUN_OWNER,
        given.name,
        given.source,
        given.score,
        given.label,
        given.comment,
        given.author,
        given.created_ns,
        given.updated_ns,
    )


def _rank(annotation: Annotation) -> tuple[int, bytes]:
    """Return what the later one has more of; of two at one time, which no server makes, any."""
    return annotation.updated_ns, orjson.dumps(tuple(annotation))
