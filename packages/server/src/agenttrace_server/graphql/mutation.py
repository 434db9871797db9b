"""The root of mutations. Each answers with what became of it, and what was wrong."""

from __future__ import annotations

import strawberry
from strawberry import field
from strawberry.scalars import JSON

from agenttrace_server.errors import RefusedError
from agenttrace_server.graphql.account_mutation import AccountMutation
from agenttrace_server.graphql.context import Info
from agenttrace_server.graphql.fields import mutation
from agenttrace_server.graphql.types.annotation import Annotation
from agenttrace_server.graphql.types.enums import AnnotationSource
from agenttrace_server.graphql.types.filters import RunFilterInput, read_filter
from agenttrace_server.graphql.types.ingest import IngestResult, store_records
from agenttrace_server.graphql.types.run import Run
from agenttrace_server.graphql.types.user_error import UserError
from agenttrace_server.services.annotations import AnnotationGiven
from agenttrace_server.services.deletion import MAX_RUNS
from agenttrace_server.services.runs import parse_run_id, parse_span_key


@strawberry.type(description="What became of an annotation. With errors, nothing was changed.")
class AnnotationResult:
    """See the description, which is public."""

    annotation: Annotation | None = field(
        default=None, description="As it is now; null with errors, and when it was deleted."
    )
    errors: list[UserError] = field(default_factory=list, description="What was wrong.")


@strawberry.type(description="What became of a run's tags. With errors, nothing was changed.")
class TagResult:
    """See the description, which is public."""

    run: Run | None = field(default=None, description="The run as it is now; null with errors.")
    errors: list[UserError] = field(default_factory=list, description="What was wrong.")


@strawberry.type(description="What became of runs to delete. With errors, nothing was deleted.")
class DeleteResult:
    """See the description, which is public."""

    count: int = field(default=0, description="How many runs there were, and are no more.")
    has_more: bool = field(
        default=False,
        description="Whether more runs match the filter than one request deletes: ask again.",
    )
    errors: list[UserError] = field(default_factory=list, description="What was wrong.")


@strawberry.input(description="What to say: at least one of score, label and comment.")
class AnnotationInput:
    """See the description, which is public."""

    name: str = field(description="What is judged, such as `correctness`; 1 to 128 characters.")
    source: AnnotationSource = field(default=AnnotationSource.HUMAN, description="Who says it.")
    score: float | None = field(
        default=None, description="How much, in the annotator's own measure; finite."
    )
    label: str | None = field(
        default=None, description="In one word, such as `correct`; 1 to 256 characters."
    )
    comment: str | None = field(default=None, description="In many words; at most 16 KiB.")
    author: str | None = field(
        default=None, description="A name of whoever says it; 1 to 128 characters."
    )
    annotation_id: strawberry.ID | None = field(
        default=None, description="Of an annotation of the same run or span that this replaces."
    )

    def read(self) -> AnnotationGiven:
        """Return what the service takes."""
        return AnnotationGiven(
            self.name,
            str(self.source.value),
            self.score,
            self.label,
            self.comment,
            self.author,
            self.annotation_id,
        )


@strawberry.type(description="What can be changed.")
class Mutation(AccountMutation):
    """See the description, which is public."""

    @mutation(
        "Store records of the wire format: a list of objects, as the lines of `POST /api/ingest` "
        "are; answered once they are on disk. A request is at most 1 MiB here, and a JSON variable "
        "does not keep how a number was spelt: `1.0e1` may become `10.0`. NDJSON keeps it. Without "
        "room or disk for them the error has the code `OVERLOADED` and `retryAfterS`, in seconds."
    )
    async def ingest(self, info: Info, records: JSON) -> IngestResult:
        """See the description, which is public."""
        return await store_records(info, records)

    @mutation("Say something of a run.")
    async def annotate_run(
        self, info: Info, run_id: strawberry.ID, annotation: AnnotationInput
    ) -> AnnotationResult:
        """See the description, which is public."""
        known = parse_run_id(run_id)
        owner = (known, "") if known else None
        return await _annotate(info, owner, annotation, field="runId")

    @mutation("Say something of a span, whose id is `<run>:<span>`.")
    async def annotate_span(
        self, info: Info, span_id: strawberry.ID, annotation: AnnotationInput
    ) -> AnnotationResult:
        """See the description, which is public."""
        owner = parse_span_key(span_id)
        return await _annotate(info, owner, annotation, field="spanId")

    @mutation("Take back what was said.")
    async def delete_annotation(self, info: Info, id: strawberry.ID) -> AnnotationResult:  # noqa: A002 -- Relay's name
        """See the description, which is public."""
        try:
            await info.context.annotations.delete_annotation(_get_project(info), id)
        except RefusedError as error:
            return AnnotationResult(errors=[UserError.from_error(error)])
        return AnnotationResult()

    @mutation("Add tags to a run, of 1 to 256 characters; at most 64 beside the recorded ones.")
    async def tag_run(self, info: Info, run_id: strawberry.ID, tags: list[str]) -> TagResult:
        """See the description, which is public."""
        return await _change_tags(info, run_id, add=tags)

    @mutation("Take tags away from a run that were added to it. Recorded ones stay.")
    async def untag_run(self, info: Info, run_id: strawberry.ID, tags: list[str]) -> TagResult:
        """See the description, which is public."""
        return await _change_tags(info, run_id, remove=tags)

    @mutation(
        "Delete a run, with its spans, texts, events and annotations, for ever. Once this is "
        "answered no reader sees anything of it, records of it that come later are refused, and "
        "its rows are taken out in the background, also over failures and restarts. After an error "
        "the run is either gone or whole: ask again."
    )
    async def delete_run(self, info: Info, run_id: strawberry.ID) -> DeleteResult:
        """See the description, which is public."""
        known = parse_run_id(run_id)
        deletion, actor = info.context.deletion, info.context.actor
        if known is None or not await deletion.delete_run(known, _get_project(info), actor):
            return DeleteResult(errors=[_refuse("runId", "not_found", "there is no such run")])
        return DeleteResult(count=1)

    @mutation(
        "Delete runs for ever: those of `runIds` (at most 1,000), or those that match `filter`, "
        "which must have a criterion: of these the newest 1,000, and `hasMore` says whether there "
        "are others. They are gone together, for every reader, when this is answered; after an "
        "error, either all of them are or none: ask again. For the rest see `deleteRun`."
    )
    async def delete_runs(
        self,
        info: Info,
        run_ids: list[strawberry.ID] | None = None,
        filter: RunFilterInput | None = None,  # noqa: A002 -- the schema's name
    ) -> DeleteResult:
        """See the description, which is public."""
        if (run_ids is None) == (filter is None):
            return DeleteResult(errors=[_refuse("runIds", "invalid", "give runIds or filter")])
        deletion, actor = info.context.deletion, info.context.actor
        if run_ids is not None:
            if len(run_ids) > MAX_RUNS:
                text = f"at most {MAX_RUNS} runs at once"
                return DeleteResult(errors=[_refuse("runIds", "too_many", text)])
            known = [run_id for text in run_ids if (run_id := parse_run_id(text))]
            return DeleteResult(count=await deletion.delete_runs(known, _get_project(info), actor))
        run_filter = read_filter(info, filter)
        if not run_filter.leaves_out():
            text = "the filter has no criterion that says anything: it would delete every run"
            return DeleteResult(errors=[_refuse("filter", "empty", text)])
        gone = await deletion.delete_matching(run_filter, actor)
        return DeleteResult(count=gone.count, has_more=gone.has_more)


def _get_project(info: Info) -> str:
    return info.context.actor.principal.project_id


def _refuse(name: str, code: str, message: str) -> UserError:
    return UserError(field=name, code=code, message=message)


async def _annotate(
    info: Info, owner: tuple[str, str] | None, annotation: AnnotationInput, *, field: str
) -> AnnotationResult:
    try:
        made = await info.context.annotations.annotate(
            _get_project(info), owner, annotation.read(), field=field
        )
    except RefusedError as error:
        return AnnotationResult(errors=[UserError.from_error(error)])
    return AnnotationResult(annotation=Annotation.from_record(made))


async def _change_tags(
    info: Info, run_id: str, *, add: list[str] | None = None, remove: list[str] | None = None
) -> TagResult:
    try:
        await info.context.annotations.change_tags(
            _get_project(info), run_id, add=add or (), remove=remove or ()
        )
    except RefusedError as error:
        return TagResult(errors=[UserError.from_error(error)])
    found = await info.context.loaders.run_by_id.load(run_id)
    return TagResult(run=Run.from_record(found) if found else None)
