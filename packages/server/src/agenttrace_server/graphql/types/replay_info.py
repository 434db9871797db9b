"""What a replay says of a span that it made: from the attributes that it wrote on it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Self

import orjson
import strawberry
from strawberry import Private, enum_value, field

from agenttrace.semconv import (
    REPLAY_BILLED_USD,
    REPLAY_DIVERGENCE,
    REPLAY_RECORDED_NS,
    REPLAY_SOURCE_SPAN,
    REPLAY_STATUS,
)
from agenttrace_server.graphql.context import Info
from agenttrace_server.graphql.fields import resolver
from agenttrace_server.graphql.types.scalars import Decimal, to_usd
from agenttrace_server.graphql.types.span import Span, load_span
from agenttrace_server.money import parse_pico

_NS_PER_MS = 1_000_000


@strawberry.enum(description="What became of a call in a replay.")
class ReplayStatus(Enum):
    """See the description, which is public."""

    REPLAYED = enum_value("replayed", description="It was served from the recording.")
    COPIED = enum_value("copied", description="It is within such a call, and was copied with it.")
    PASSTHROUGH = enum_value("passthrough", description="Its body ran; calls within were served.")
    LIVE = enum_value("live", description="It was made.")
    OVERRIDDEN = enum_value("overridden", description="It was given another answer.")
    OTHER = enum_value("", description="What this server has no name for.")


@strawberry.enum(description="In what a replay met a difference between the code and a recording.")
class ReplayDivergenceKind(Enum):
    """See the description, which is public."""

    INPUT_CHANGED = enum_value("input_changed", description="The input is another.")
    EXTRA_CALL = enum_value("extra_call", description="The recording has no such call.")
    MISSING_CALL = enum_value("missing_call", description="A recorded call was not made.")
    REORDERED = enum_value("reordered", description="A later call was made before it.")
    NESTING_CHANGED = enum_value("nesting_changed", description="It is elsewhere in the recording.")
    RENAMED = enum_value("renamed", description="The same input, under another name.")
    UNAVAILABLE = enum_value("unavailable", description="Its answer was not recorded whole.")
    TYPE_DEGRADED = enum_value("type_degraded", description="Its answer came with another type.")
    AMBIGUOUS = enum_value(
        "ambiguous", description="Nothing tells which of several equal calls it was."
    )
    OUTCOME_CHANGED = enum_value("outcome_changed", description="It ended otherwise.")
    STREAM_OVERRUN = enum_value("stream_overrun", description="More of a stream was asked for.")
    CANCEL_NOT_OBSERVED = enum_value(
        "cancel_not_observed", description="It was cancelled then, and not now."
    )
    UNRECORDED_IO = enum_value(
        "unrecorded_io", description="A socket or process that no recorded call is behind."
    )
    LIVE_BLOCKED = enum_value("live_blocked", description="A call that may not be made.")
    INTERNAL = enum_value("internal", description="The replay itself failed.")
    OTHER = enum_value("", description="What this server has no name for.")


@strawberry.type(description="What a replay says of a span of the run that it made.")
class ReplayInfo:
    """See the description, which is public."""

    source: Private[tuple[str, str] | None]
    status: ReplayStatus | None = field(
        description="What became of the call; null: a span of code, which runs in any case."
    )
    source_span_id: str | None = field(
        description="The `spanId` of its counterpart in the recording, 16 hexadecimal digits; "
        "null: it has none."
    )
    divergence: list[ReplayDivergenceKind] = field(
        description="In what it left its recording, in the order in which that was met; empty: in "
        "nothing."
    )
    recorded_duration_ms: float | None = field(
        description="How long the counterpart took, in milliseconds; null: unknown."
    )
    billed_usd: Decimal | None = field(
        description="What was paid for it, in USD: 0 where it was not made; null: unknown."
    )

    @resolver(
        "Its counterpart in the recording; null: it has none, or the recording is not (or no more) "
        "there."
    )
    async def source_span(self, info: Info) -> Span | None:
        """See the description, which is public."""
        return None if self.source is None else await load_span(info, self.source)

    @classmethod
    def from_attributes(
        cls, attributes_json: str, replayed_from: str | None, cost_usd: str | None
    ) -> Self | None:
        """Return what a span's attributes say of its replay; None: nothing.

        They come from anywhere: what is not as a replay writes it is left out.
        """
        said: Mapping[str, Any] = orjson.loads(attributes_json)
        own = (REPLAY_STATUS, REPLAY_SOURCE_SPAN, REPLAY_DIVERGENCE, REPLAY_BILLED_USD)
        if not any(name in said for name in own):
            return None
        source = said.get(REPLAY_SOURCE_SPAN)
        source_id = source if isinstance(source, str) else None
        kinds = said.get(REPLAY_DIVERGENCE)
        took_ns = said.get(REPLAY_RECORDED_NS)
        return cls(
            source=None
            if replayed_from is None or source_id is None
            else (replayed_from, source_id),
            status=_read_status(said.get(REPLAY_STATUS)),
            source_span_id=source_id,
            divergence=[_read_kind(each) for each in kinds] if isinstance(kinds, list) else [],
            recorded_duration_ms=took_ns / _NS_PER_MS if type(took_ns) is int else None,
            billed_usd=_find_paid(said, cost_usd),
        )


def _read_status(said: object) -> ReplayStatus | None:
    if said is None:
        return None
    try:
        return ReplayStatus(said)
    except ValueError:
        return ReplayStatus.OTHER


def _find_paid(said: Mapping[str, Any], cost_usd: str | None) -> Decimal | None:
    if said.get(REPLAY_BILLED_USD) == "0":
        return Decimal("0")
    return None if cost_usd is None else to_usd(parse_pico(cost_usd))


def _read_kind(said: object) -> ReplayDivergenceKind:
    try:
        return ReplayDivergenceKind(said)
    except ValueError:
        return ReplayDivergenceKind.OTHER
