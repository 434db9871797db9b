"""Recorded values and errors."""

from __future__ import annotations

from typing import Any, Self

import orjson
import strawberry
from strawberry import field
from strawberry.scalars import JSON

from agenttrace_server import records
from agenttrace_server.graphql.fields import resolver
from agenttrace_server.graphql.types.enums import Fidelity
from agenttrace_server.graphql.types.scalars import to_json

_MAX_INT32 = 2**31 - 1


@strawberry.type(description="A recorded value.")
class Payload:
    """See the description, which is public."""

    json: str = field(description="The value's JSON text, byte for byte as it was recorded.")
    codec: str = field(
        description="How the value was encoded; `json` is plain JSON, `typed` has `types`."
    )
    fidelity: Fidelity = field(description="How much of the value survived its encoding.")
    bytes: int = field(
        description="Length in bytes of the whole value's JSON text, also where it was truncated; "
        "at most 2147483647."
    )
    sha256: str | None = field(
        description="SHA-256 of the whole value's JSON text, in hexadecimal; null unless truncated."
    )

    types_json: strawberry.Private[str | None] = None

    @resolver(
        "What JSON has no type for, by JSON pointer into the value, such as `tuple` or "
        "`pydantic module:Class`; null for plain JSON."
    )
    def types(self) -> JSON | None:
        """See the description, which is public."""
        return None if self.types_json is None else to_json(self.types_json)

    @resolver("The value itself: the JSON text, put into the answer as it is.")
    def value(self) -> JSON | None:
        """See the description, which is public."""
        return to_json(self.json)

    @classmethod
    def from_record(cls, record: records.Payload) -> Self:
        """Return the GraphQL object of a stored text."""
        length = record.size_bytes if record.whole_bytes is None else record.whole_bytes
        return cls(
            json=record.value_json,
            codec=record.codec,
            fidelity=Fidelity(record.fidelity),
            bytes=min(length, _MAX_INT32),
            sha256=record.sha256,
            types_json=record.types_json,
        )


@strawberry.type(description="An exception that ended a run or a span.")
class SpanError:
    """See the description, which is public."""

    type: str = field(description="Its class, as `module.Class`.")
    message: str = field(description="Its text.")
    traceback: str | None = field(description="Its traceback, as Python prints it.")
    cause: SpanError | None = field(description="The exception that it was raised from.")
    notes: list[str] = field(description="Notes that were added to it.")

    @classmethod
    def from_record(cls, record: records.Payload) -> Self:
        """Return the GraphQL object of a stored error."""
        return cls._build(orjson.loads(record.value_json))

    @classmethod
    def _build(cls, error: dict[str, Any]) -> Self:
        cause = error.get("cause")
        return cls(
            type=error["type"],
            message=error["message"],
            traceback=error.get("traceback"),
            cause=cls._build(cause) if cause else None,
            notes=error.get("notes", []),
        )
