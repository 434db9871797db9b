"""What people and programs add to runs, as use cases: annotations with scores, and tags."""

from __future__ import annotations

import math
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from agenttrace_server.errors import RefusedError
from agenttrace_server.services.runs import parse_run_id
from agenttrace_server.storage import annotations as storage
from agenttrace_server.storage.annotations import refuse_unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from agenttrace_server.records import Annotation
    from agenttrace_server.storage.engine import Database

__all__ = ["AnnotationGiven", "AnnotationService"]

MAX_NAME_CHARS: Final = 128
MAX_LABEL_CHARS: Final = 256
MAX_COMMENT_BYTES: Final = 16 * 1024
MAX_TAG_CHARS: Final = 256


@dataclass(frozen=True, slots=True)
class AnnotationGiven:
    """What is to be said of a run or span. With an id, it replaces what was said under it."""

    name: str
    source: str
    score: float | None = None
    label: str | None = None
    comment: str | None = None
    author: str | None = None
    annotation_id: str | None = None


class AnnotationService:
    """Adds to runs. `on_commit` is called on the event loop with the runs that changed."""

    def __init__(
        self,
        database: Database,
        *,
        on_commit: Callable[[Iterable[str]], None],
        clock_ns: Callable[[], int] = time.time_ns,
        new_id: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._database = database
        self._on_commit = on_commit
        self._clock_ns = clock_ns
        self._new_id = new_id

    async def measure_annotations(self, owners: Sequence[tuple[str, str]]) -> int:
        """Return how many bytes at most the annotations of these have together."""
        return await self._database.read(storage.measure_annotations, owners)

    async def list_annotations(
        self, owners: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], tuple[Annotation, ...]]:
        """Return the annotations of each run (an empty span id) or span, oldest first."""
        return await self._database.read(storage.list_annotations, owners)

    async def annotate(
        self, owner: tuple[str, str] | None, given: AnnotationGiven, *, field: str
    ) -> Annotation:
        """Say something of a run or span; `field` is what the caller calls the id of it.

        Raises:
            RefusedError: there is no such run or span, or what is said is over a limit.

        """
        _check(given)
        if owner is None:
            raise refuse_unknown(field, "run or span")
        said = storage.Said(
            given.name, given.source, given.score, given.label, given.comment, given.author
        )
        made = await self._database.write(
            storage.annotate,
            owner,
            said,
            replaces=given.annotation_id,
            new_id=self._new_id(),
            now_ns=self._clock_ns(),
            field=field,
        )
        self._on_commit([made.run_id])
        return made

    async def delete_annotation(self, annotation_id: str) -> None:
        """Take back what was said.

        Raises:
            RefusedError: there is no such annotation.

        """
        _check_text("id", annotation_id, MAX_NAME_CHARS)
        found = await self._database.write(storage.delete_annotation, annotation_id)
        if found is None:
            raise refuse_unknown("id", "annotation")
        self._on_commit([found.run_id])

    async def change_tags(
        self, run_id: str, *, add: Sequence[str] = (), remove: Sequence[str] = ()
    ) -> None:
        """Add tags to a run, or take added ones away. A tag that was recorded stays.

        Raises:
            RefusedError: the run is unknown, a tag is over its limit, was recorded, or is one
                too many.

        """
        for tag in (*add, *remove):
            _check_text("tags", tag, MAX_TAG_CHARS)
        if parse_run_id(run_id) is None:
            raise refuse_unknown("runId", "run")

        await self._database.write(storage.change_tags, run_id, add=add, remove=remove)
        self._on_commit([run_id])


def _check(given: AnnotationGiven) -> None:
    _check_text("name", given.name, MAX_NAME_CHARS)
    for field, text, limit in (
        ("label", given.label, MAX_LABEL_CHARS),
        ("author", given.author, MAX_NAME_CHARS),
        ("annotationId", given.annotation_id, MAX_NAME_CHARS),
        ("comment", given.comment, MAX_COMMENT_BYTES),
    ):
        if text is not None:
            _check_text(field, text, limit)
    if given.comment is not None and len(given.comment.encode()) > MAX_COMMENT_BYTES:
        raise RefusedError(
            "comment", "too_long", f"a comment has at most {MAX_COMMENT_BYTES} bytes of UTF-8"
        )
    if given.score is not None and not math.isfinite(given.score):
        raise RefusedError("score", "invalid", "a score is a finite number")
    if given.score is None and given.label is None and given.comment is None:
        raise RefusedError("score", "empty", "give a score, a label or a comment")


def _check_text(field: str, text: str, limit_chars: int) -> None:
    if not 0 < len(text) <= limit_chars:
        raise RefusedError(
            field, "too_long" if text else "empty", f"it has 1 to {limit_chars} characters"
        )
    if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in text):
        raise RefusedError(field, "invalid", "it has U+0000 or half of a surrogate pair")
