"""What differs within recorded values, read from the store when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Self, TypeAlias

import strawberry
from strawberry import field
from strawberry.scalars import JSON

from agenttrace.diff import Rules
from agenttrace.diff.contents import describe_error, show_value
from agenttrace.diff.fields import Change
from agenttrace.diff.normalise import MAX_NORMALISED_BYTES
from agenttrace.wire import JsonValue
from agenttrace_server.graphql.context import Info
from agenttrace_server.graphql.types.diff_enums import DiffChangeKind, DiffMessageOutcome
from agenttrace_server.records import PayloadKind
from agenttrace_server.services.diffs import StoredValue, compare_values, read_error

MAX_CHANGES: Final = 100
"""Of a part of a row, or of a run."""

Owner: TypeAlias = "tuple[str, str]"
"""The ids of a run and a span; of the run itself the span's is empty."""


@strawberry.type(description="One difference within a recorded value.")
class DiffChange:
    """See the description, which is public."""

    kind: DiffChangeKind = field(description="What it is.")
    path: str = field(
        description="Where it is: in head, or of what is gone in base. It begins with `input`, "
        "`output`, `error` or `attributes`; texts that hold JSON are gone through."
    )
    base: JSON | None = field(
        description="What base has there, long values cut to a text of 2,000 characters; null also "
        "for nothing, and the old place of what was moved."
    )
    head: JSON | None = field(description="What head has there, as `base`.")
    message: DiffMessageOutcome | None = field(
        description="Within a list of chat messages: what became of the message."
    )

    @classmethod
    def from_change(cls, change: Change) -> Self:
        """Return a difference as the library lists it."""
        message = change.message
        return cls(
            kind=DiffChangeKind(change.kind.value),
            path=change.path,
            base=_show_value(change.base),
            head=_show_value(change.head),
            message=None if message is None else DiffMessageOutcome(message.value),
        )


async def load_changes(
    info: Info, owners: tuple[Owner, Owner], parts: Sequence[str], rules: Rules
) -> list[DiffChange]:
    """Return what differs within parts of two spans, or of two runs."""
    found: list[DiffChange] = []
    for part in parts:
        base, head = [await _load_value(info, (*owner, part)) for owner in owners]
        changes = await compare_values(part, base, head, rules)
        found += [DiffChange.from_change(change) for change in changes[:MAX_CHANGES]]
    return found


async def load_failure(info: Info, owner: Owner) -> str:
    """Return the error of a span as a short text."""
    found = await _load_value(info, (*owner, PayloadKind.ERROR.value))
    return describe_error(None if found is None or found.text is None else read_error(found.text))


async def _load_value(info: Info, key: tuple[str, str, str]) -> StoredValue | None:
    """Return a recorded value; None where there is none."""
    head = await info.context.loaders.head_by_key.load(key)
    if head is None:
        return None
    if head.size_bytes > MAX_NORMALISED_BYTES:
        return StoredValue(None)
    return StoredValue(await info.context.loaders.load_text(head), head.types_json)


def _show_value(value: JsonValue) -> JSON | None:
    shown = show_value(value)
    return None if shown is None else JSON(shown)
