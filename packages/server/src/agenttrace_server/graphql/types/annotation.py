"""Annotations: what people and programs say of runs and spans."""

from __future__ import annotations

from typing import Self

import strawberry
from strawberry import Private, field

from agenttrace_server import records
from agenttrace_server.graphql.types.enums import AnnotationSource
from agenttrace_server.graphql.types.scalars import DateTime


@strawberry.type(description="What a person or a program says of a run, or of a span.")
class Annotation:
    """See the description, which is public."""

    record: Private[records.Annotation]
    id: strawberry.ID = field(description="Unique in the store.")
    run_id: str = field(description="The run, 32 hexadecimal digits.")
    span_id: str | None = field(
        description="The span within the run, 16 hexadecimal digits; null: of the run itself."
    )
    name: str = field(description="What is judged, such as `correctness`; 1 to 128 characters.")
    source: AnnotationSource = field(description="Who says it.")
    score: float | None = field(description="How much, in the annotator's own measure.")
    label: str | None = field(description="In one word, such as `correct`.")
    comment: str | None = field(description="In many words; at most 16 KiB.")
    author: str | None = field(description="A name of whoever says it.")
    created_at: DateTime = field(description="When it was said, by the server's clock.")
    updated_at: DateTime = field(description="When it was last changed, by the server's clock.")

    @classmethod
    def from_record(cls, record: records.Annotation) -> Self:
        """Return the GraphQL object of an annotation."""
        return cls(
            record=record,
            id=strawberry.ID(record.annotation_id),
            run_id=record.run_id,
            span_id=record.span_id or None,
            name=record.name,
            source=AnnotationSource(record.source),
            score=record.score,
            label=record.label,
            comment=record.comment,
            author=record.author,
            created_at=DateTime(record.created_ns),
            updated_at=DateTime(record.updated_ns),
        )
