"""The kinds of span, each with the fields that its convention gives it (docs/wire-format.md)."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec
import strawberry
from strawberry import field
from strawberry.scalars import JSON

from agenttrace import semconv
from agenttrace_server import records
from agenttrace_server.graphql.context import Info
from agenttrace_server.graphql.fields import resolver
from agenttrace_server.graphql.types.enums import (
    CostSource,
    SpanEffect,
    SpanOutcome,
    SpanPlacement,
    SpanStatus,
    SpanType,
)
from agenttrace_server.graphql.types.event import NS_PER_MS
from agenttrace_server.graphql.types.payload import Payload
from agenttrace_server.graphql.types.scalars import Count, DateTime, Decimal, to_count, to_json
from agenttrace_server.graphql.types.span import Span
from agenttrace_server.graphql.types.usage import Usage

T = TypeVar("T")


@strawberry.type(description="A message of a conversation with a model.")
class ChatMessage:
    """See the description, which is public."""

    role: str = field(description="Who speaks: `system`, `user`, `assistant`, `tool`, …")
    content: str | None = field(description="The text; null when the content is no plain text.")
    json: JSON = field(description="The whole message as recorded.")


@strawberry.type(description="A document that a retrieval found.")
class RetrievedDocument:
    """See the description, which is public."""

    id: str | None = field(description="The document's own id.")
    content: str | None = field(description="Its text.")
    score: float | None = field(description="How well it answers, in the retriever's own measure.")
    json: JSON = field(description="The whole document as recorded.")


@strawberry.type(description="A call of a language model.")
class LlmCall(Span):
    """See the description, which is public."""

    @resolver("The conversation it was called with; null when it was given none.")
    async def messages(self, info: Info) -> list[ChatMessage] | None:
        """See the description, which is public."""
        parts = await _load_part(self, info, records.PayloadKind.INPUT, semconv.LLM_MESSAGES)
        messages = _read_list(parts)
        return None if messages is None else [_make_message(raw) for raw in messages]

    @resolver("The definitions of tools that the model was offered.")
    async def tools(self, info: Info) -> JSON | None:
        """See the description, which is public."""
        return _to_json(await _load_part(self, info, records.PayloadKind.INPUT, "tools"))


@strawberry.type(description="A call of a tool.")
class ToolCall(Span):
    """See the description, which is public."""

    @resolver("The arguments by name: another word for `input`.")
    async def arguments(self, info: Info) -> Payload | None:
        """See the description, which is public."""
        return await self.load_payload(info, records.PayloadKind.INPUT)

    @resolver("What the tool returned: another word for `output`.")
    async def result(self, info: Info) -> Payload | None:
        """See the description, which is public."""
        return await self.load_payload(info, records.PayloadKind.OUTPUT)


@strawberry.type(description="A choice between options.")
class Decision(Span):
    """See the description, which is public."""

    @resolver("What there was to choose from.")
    async def options(self, info: Info) -> JSON | None:
        """See the description, which is public."""
        part = _load_part(self, info, records.PayloadKind.INPUT, semconv.DECISION_OPTIONS)
        return _to_json(await part)

    @resolver("What was chosen.")
    async def chosen(self, info: Info) -> JSON | None:
        """See the description, which is public."""
        part = _load_part(self, info, records.PayloadKind.OUTPUT, semconv.DECISION_CHOSEN)
        return _to_json(await part)

    @resolver("Why.")
    async def reason(self, info: Info) -> str | None:
        """See the description, which is public."""
        part = _load_part(self, info, records.PayloadKind.OUTPUT, semconv.DECISION_REASON)
        return _read_as(await part, str)


@strawberry.type(description="A search for documents.")
class Retrieval(Span):
    """See the description, which is public."""

    @resolver("What was asked.")
    async def query(self, info: Info) -> str | None:
        """See the description, which is public."""
        part = _load_part(self, info, records.PayloadKind.INPUT, semconv.RETRIEVAL_QUERY)
        return _read_as(await part, str)

    @resolver("What was found, as the retriever ordered it.")
    async def documents(self, info: Info) -> list[RetrievedDocument] | None:
        """See the description, which is public."""
        found = await self.load_text(info, records.PayloadKind.OUTPUT)
        documents = _read_documents(found) if found else None
        return None if documents is None else [_make_document(raw) for raw in documents]


@strawberry.type(description="An agent at work; its steps are within it.")
class AgentSpan(Span):
    """See the description, which is public."""


@strawberry.type(description="A step of no particular kind.")
class CustomSpan(Span):
    """See the description, which is public."""


SPAN_KINDS: Final[dict[str, type[Span]]] = {
    "LLM_CALL": LlmCall,
    "TOOL_CALL": ToolCall,
    "DECISION": Decision,
    "RETRIEVAL": Retrieval,
    "AGENT": AgentSpan,
    "CUSTOM": CustomSpan,
}


def make_span(record: records.Span) -> Span:
    """Return the GraphQL object of a span, of its kind."""
    return SPAN_KINDS[record.span_type](
        record=record,
        id=strawberry.ID(f"{record.run_id}:{record.span_id}"),
        span_id=record.span_id,
        parent_span_id=record.parent_span_id,
        name=record.name,
        type=SpanType(record.span_type),
        status=SpanStatus(record.status),
        start_time=DateTime(record.start_ns),
        end_time=None if record.end_ns is None else DateTime(record.end_ns),
        offset_ms=(record.start_ns - record.run_start_ns) / NS_PER_MS,
        duration_ms=None if record.duration_ns is None else record.duration_ns / NS_PER_MS,
        depth=record.depth,
        placement=SpanPlacement(record.placement),
        seq=Count(record.seq),
        end_seq=to_count(record.end_seq),
        lane=Count(record.lane),
        effect=SpanEffect(record.effect),
        outcome=None if record.outcome is None else SpanOutcome(record.outcome),
        model=record.model,
        usage=None if record.usage is None else Usage.from_record(record.usage),
        cost_usd=None if record.cost_usd is None else Decimal(record.cost_usd),
        cost_source=None if record.cost_source is None else CostSource(record.cost_source),
        replay_key=record.replay_key,
        input_hash=record.input_hash,
        cost_table=record.cost_table,
        boundary=record.boundary,
    )


async def _load_part(
    span: Span, info: Info, kind: records.PayloadKind, name: str
) -> msgspec.Raw | None:
    """Return the text of one member of a payload that is an object."""
    found = await span.load_text(info, kind)
    members = _read_as(found.encode(), dict[str, msgspec.Raw]) if found else None
    return members.get(name) if members else None


def _read_as(text: msgspec.Raw | bytes | None, kind: type[T]) -> T | None:
    """Return the value of a JSON text if it is of this kind."""
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError:  # another kind of value: the convention was not followed
        return None


def _read_list(text: msgspec.Raw | None) -> list[msgspec.Raw] | None:
    return _read_as(text, list[msgspec.Raw])


def _read_documents(text: str) -> list[msgspec.Raw] | None:
    listed = _read_as(text.encode(), list[msgspec.Raw])
    if listed is not None:
        return listed
    members = _read_as(text.encode(), dict[str, msgspec.Raw]) or {}
    return _read_list(members.get(semconv.RETRIEVAL_DOCUMENTS))


def _to_json(text: msgspec.Raw | None) -> JSON | None:
    return None if text is None else to_json(bytes(text).decode())


def _make_message(raw: msgspec.Raw) -> ChatMessage:
    members: dict[str, Any] = _read_as(raw, dict[str, msgspec.Raw]) or {}
    return ChatMessage(
        role=_read_as(members.get("role"), str) or "unknown",
        content=_read_as(members.get("content"), str),
        json=to_json(bytes(raw).decode()),
    )


def _make_document(raw: msgspec.Raw) -> RetrievedDocument:
    members: dict[str, Any] = _read_as(raw, dict[str, msgspec.Raw]) or {}
    own_id = _read_as(members.get(semconv.DOCUMENT_ID), str | int)  # type: ignore[arg-type] # a union is a type to msgspec
    return RetrievedDocument(
        id=None if own_id is None else str(own_id),
        content=_read_as(members.get(semconv.DOCUMENT_CONTENT), str),
        score=_read_as(members.get(semconv.DOCUMENT_SCORE), float),
        json=to_json(bytes(raw).decode()),
    )
