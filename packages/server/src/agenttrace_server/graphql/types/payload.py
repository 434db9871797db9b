"""Recorded values and errors."""

from __future__ import annotations

from typing import Annotated, Any, Final, Self

import orjson
import strawberry
from strawberry import field
from strawberry.scalars import JSON

from agenttrace_server import records
from agenttrace_server.errors import InvalidArgumentError
from agenttrace_server.graphql.context import Info
from agenttrace_server.graphql.fields import resolver
from agenttrace_server.graphql.types.enums import Fidelity
from agenttrace_server.graphql.types.scalars import Count, to_json

PREVIEW_BYTES: Final = 2 * 1024
MAX_PREVIEW_BYTES: Final = 256 * 1024
_MAX_INT32: Final = 2**31 - 1


@strawberry.type(description="The beginning of a recorded value's JSON text.")
class PayloadPreview:
    """See the description, which is public."""

    text: str = field(
        description="The beginning of `json`, cut between characters: most often no valid JSON."
    )
    bytes: int = field(description="Length in bytes of this beginning, in UTF-8.")
    is_whole: bool = field(description="Whether it is all of `json`.")


@strawberry.type(description="A recorded value.")
class Payload:
    """See the description, which is public."""

    head: strawberry.Private[records.PayloadHead]
    codec: str = field(
        description="How the value was encoded; `json` is plain JSON, `typed` has `types`."
    )
    fidelity: Fidelity = field(description="How much of the value survived its encoding.")
    bytes: int = field(
        description="Length in bytes of the whole value's JSON text, also where it was truncated; "
        "at most 2147483647."
    )
    stored_bytes: Count = field(
        description="Length in bytes of the JSON text that is stored, `json`: less than `bytes` "
        "where the value was truncated."
    )
    sha256: str | None = field(
        description="SHA-256 of the whole value's JSON text, in hexadecimal; null unless truncated."
    )

    @resolver("The value's JSON text, byte for byte as it was recorded.")
    async def json(self, info: Info) -> str:
        """See the description, which is public."""
        return await info.context.loaders.load_text(self.head)

    @resolver(
        "What JSON has no type for, by JSON pointer into the value, such as `tuple` or "
        "`pydantic module:Class`; null for plain JSON."
    )
    def types(self) -> JSON | None:
        """See the description, which is public."""
        return None if self.head.types_json is None else to_json(self.head.types_json)

    @resolver("The value itself: the JSON text, put into the answer as it is.")
    async def value(self, info: Info) -> JSON | None:
        """See the description, which is public."""
        return to_json(await info.context.loaders.load_text(self.head))

    @resolver(
        "The beginning of the JSON text; no more of it is read than that. The text of any size is "
        "at `GET /api/runs/<run>/spans/<span>/input` (or `output`)."
    )
    async def preview(
        self,
        info: Info,
        max_bytes: Annotated[
            int,
            strawberry.argument(description="Of the text, in UTF-8: from 1 to 262144 (256 KiB)."),
        ] = PREVIEW_BYTES,
    ) -> PayloadPreview:
        """See the description, which is public."""
        if not 1 <= max_bytes <= MAX_PREVIEW_BYTES:
            raise InvalidArgumentError(
                f"maxBytes is {max_bytes}; it must be from 1 to {MAX_PREVIEW_BYTES}"
            )
        text = await info.context.loaders.load_beginning(self.head, max_bytes=max_bytes)
        size_bytes = len(text.encode())
        is_whole = size_bytes == self.head.size_bytes
        return PayloadPreview(text=text, bytes=size_bytes, is_whole=is_whole)

    @classmethod
    def from_head(cls, head: records.PayloadHead) -> Self:
        """Return the GraphQL object of a stored text."""
        length = head.size_bytes if head.whole_bytes is None else head.whole_bytes
        return cls(
            head=head,
            codec=head.codec,
            fidelity=Fidelity(head.fidelity),
            bytes=min(length, _MAX_INT32),
            stored_bytes=Count(head.size_bytes),
            sha256=head.sha256,
        )


async def load_payload(info: Info, key: tuple[str, str, str]) -> Payload | None:
    """Return the value of a run or span under this key: run id, span id, kind."""
    head = await info.context.loaders.head_by_key.load(key)
    return None if head is None else Payload.from_head(head)


async def load_text(info: Info, key: tuple[str, str, str]) -> str | None:
    """Return the JSON text of a run or span under this key: run id, span id, kind."""
    head = await info.context.loaders.head_by_key.load(key)
    return None if head is None else await info.context.loaders.load_text(head)


@strawberry.type(description="An exception that ended a run or a span.")
class SpanError:
    """See the description, which is public."""

    type: str = field(description="Its class, as `module.Class`.")
    message: str = field(description="Its text.")
    traceback: str | None = field(description="Its traceback, as Python prints it.")
    cause: SpanError | None = field(description="The exception that it was raised from.")
    notes: list[str] = field(description="Notes that were added to it.")

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the GraphQL object of a stored error, from its JSON text."""
        return cls._build(orjson.loads(text))

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
