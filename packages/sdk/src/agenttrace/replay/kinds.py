"""The words of a replay: kinds of divergence, what may be done about one, and how a run is led."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agenttrace.wire import JsonValue


class Mode(StrEnum):
    """How strictly the code is held to its recording."""

    STRICT = "strict"
    LENIENT = "lenient"
    LIVE_AFTER_DIVERGENCE = "live_after_divergence"
    CACHE = "cache"


INPUT_UNVERIFIED: Final = "input_unverified"
"""A note: a call was served whose input was not recorded, or not whole, and so not compared."""


INPUT_OPAQUE: Final = "input_opaque"
"""How the note of a place begins where inputs held objects of which only the class is compared."""


SELECTOR_UNMET: Final = "selector_unmet"
SELECTOR_NESTED: Final = "selector_nested"
"""How the note of a selector begins that meant no call: so it had no effect."""


class _Absent(str):
    """What stands for a value where there is none; a text of its own, which is not quoted."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


ABSENT: Final = _Absent("(absent)")
"""What a divergence shows where one of the two inputs has nothing. It is JSON data as a text."""


class DivergenceKind(StrEnum):
    """In what the code and its recording differ."""

    INPUT_CHANGED = "input_changed"
    EXTRA_CALL = "extra_call"
    MISSING_CALL = "missing_call"
    REORDERED = "reordered"
    NESTING_CHANGED = "nesting_changed"
    RENAMED = "renamed"
    UNAVAILABLE = "unavailable"
    TYPE_DEGRADED = "type_degraded"
    AMBIGUOUS = "ambiguous"
    OUTCOME_CHANGED = "outcome_changed"
    STREAM_OVERRUN = "stream_overrun"
    CANCEL_NOT_OBSERVED = "cancel_not_observed"
    UNRECORDED_IO = "unrecorded_io"
    LIVE_BLOCKED = "live_blocked"
    INTERNAL = "internal"


class Action(StrEnum):
    """What is done about a divergence."""

    RAISE = "raise"
    WARN = "warn"
    SERVE = "serve"
    LIVE = "live"


class Status(StrEnum):
    """What became of a call in the new run: the attribute `agenttrace.replay.status`."""

    REPLAYED = "replayed"
    COPIED = "copied"
    PASSTHROUGH = "passthrough"
    LIVE = "live"
    OVERRIDDEN = "overridden"


def spell(value: object) -> str:
    """Return a value of a divergence as people read it, also once it was written as JSON."""
    return str(ABSENT) if value == ABSENT else repr(value)


class Divergence(NamedTuple):
    """One difference between the code and its recording.

    `path` says where the call stands, by the names from the run on: `research_agent/answer`.
    `at` is the JSON path within the input where the two begin to differ, `$` for all of it;
    `recorded` and `live` are what stands there. `span_id` is the new run's, `source_span_id` the
    recording's. `hint` says what to do.
    """

    kind: DivergenceKind
    action: Action
    message: str
    path: str
    at: str | None = None
    recorded: JsonValue = None
    live: JsonValue = None
    span_id: str | None = None
    source_span_id: str | None = None
    hint: str | None = None
    is_structural: bool = False

    def __str__(self) -> str:
        text = f"{self.kind} at {self.path}: {self.message}"
        if self.at is not None:
            text = f"{text}: recorded {spell(self.recorded)}, now {spell(self.live)}"
        return f"{text} ({self.hint})" if self.hint else text

    @classmethod
    def from_described(cls, said: Mapping[str, Any]) -> Self:
        """Return the divergence that was described."""
        return cls(
            DivergenceKind(said["kind"]),
            Action(said["action"]),
            said["message"],
            said["path"],
            at=said.get("at"),
            recorded=said.get("recorded"),
            live=said.get("live"),
            span_id=said.get("spanId"),
            source_span_id=said.get("sourceSpanId"),
            hint=said.get("hint"),
            is_structural=bool(said.get("structural")),
        )

    def describe(self) -> dict[str, JsonValue]:
        """Return it as JSON data with the names of GraphQL; unknown fields are absent."""
        shown = {
            "kind": self.kind.value,
            "action": self.action.value,
            "message": self.message,
            "path": self.path,
            "at": self.at,
            "recorded": self.recorded,
            "live": self.live,
            "spanId": self.span_id,
            "sourceSpanId": self.source_span_id,
            "hint": self.hint,
            "structural": self.is_structural or None,
        }
        has_values = self.at is not None
        return {
            name: value
            for name, value in shown.items()
            if value is not None or (has_values and name in {"recorded", "live"})
        }


_LIVE_WAY: Final = "mode='live_after_divergence' makes this call and those after it"
_LET_BY: Final = "on={{'{kind}': 'warn'}} lets it pass"
_WAYS: Final = {
    DivergenceKind.INPUT_CHANGED: f"{{ignore}}{_LIVE_WAY}",
    DivergenceKind.EXTRA_CALL: _LIVE_WAY,
    DivergenceKind.MISSING_CALL: _LET_BY,
    DivergenceKind.REORDERED: _LET_BY,
    DivergenceKind.NESTING_CHANGED: _LET_BY,
    DivergenceKind.RENAMED: f"{_LET_BY}; {_LIVE_WAY}",
    DivergenceKind.TYPE_DEGRADED: _LET_BY,
    DivergenceKind.OUTCOME_CHANGED: _LET_BY,
    DivergenceKind.AMBIGUOUS: _LET_BY,
}
TOLD_ONLY: Final = frozenset({DivergenceKind.OUTCOME_CHANGED, DivergenceKind.AMBIGUOUS})
"""What takes `identical` from a replay and does not fail it, unless it raises."""


def find_way(divergence: Divergence) -> str | None:
    """Return the way on from a divergence that nothing better is known of; None: there is none."""
    way = _WAYS.get(divergence.kind)
    if way is None:
        return None
    at = divergence.at
    # All of an input cannot be left out.
    ignore = "" if at in {None, "$"} else f"ignore=[{at!r}] leaves this place out; "
    known = way.format(kind=divergence.kind.value, ignore=ignore)
    return f"if that is meant, record anew; {known}"
