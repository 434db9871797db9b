"""What a span adds to its run: sums that are kept, and corrected by difference.

Each figure is a pair: the sum, and how many spans know it. AGENT spans add no tokens and no cost,
since what they report is by convention the sum of the calls within them. Any other span counts as
a call when it names a model, is an LLM_CALL, or has tokens or a cost.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from agenttrace_server.money import parse_pico

if TYPE_CHECKING:
    from collections.abc import Mapping

RUN_COUNTS: Final = [
    "spans",
    "llm_calls",
    "tool_calls",
    "decisions",
    "retrievals",
    "agents",
    "errors",
]
_FIGURES: Final = [
    "prompt_tokens",
    "prompt_known",
    "completion_tokens",
    "completion_known",
    "cached_tokens",
    "cached_known",
    "total_tokens",
    "total_known",
    "estimated",
    "cost_pico",
    "cost_known",
]
RUN_SUMS: Final = [*RUN_COUNTS, *_FIGURES]
MODEL_SUMS: Final = ["calls", "errors", *_FIGURES]

# Which sum counts the spans of a type; of the others there is no count of their own.
_COUNTS: Final = {
    "LLM_CALL": "llm_calls",
    "TOOL_CALL": "tool_calls",
    "DECISION": "decisions",
    "RETRIEVAL": "retrievals",
    "AGENT": "agents",
}

HOUR_NS: Final = 3_600_000_000_000

UNBILLED_NS: Final = -HOUR_NS
"""The hour of a run's calls that were not made but served from a recording: before all others.

They are in the sums of their run, which are comparable so, and in no usage by the hour.
"""

Sums: TypeAlias = dict[str, int]
ModelHour: TypeAlias = tuple[str, int]
"""A model (empty: the call names none), and the start of an hour in ns since the Unix epoch."""


class Figures(NamedTuple):
    """What of a span counts in sums."""

    span_type: str
    failed: bool
    start_ns: int
    model: str
    """Empty when it names none."""
    usage: Any
    """`snapshots.UsageColumns`; None is unknown."""
    cost_usd: str | None
    """Decimal text."""
    is_unbilled: bool = False
    """Served from a recording, or copied: nothing was paid."""


@dataclass(slots=True)
class Difference:
    """What a batch changes in the sums of one run, in all, and by model and hour of the start."""

    counts: Sums = field(default_factory=lambda: dict.fromkeys(RUN_COUNTS, 0))
    """Of spans, by kind."""
    models: dict[ModelHour, Sums] = field(default_factory=dict)

    def add(self, span: Figures, *, sign: int) -> None:
        """Add what a span adds to its run, or (with -1) take it back."""
        counts = self.counts
        counts["spans"] += sign
        count = _COUNTS.get(span.span_type)
        if count is not None:
            counts[count] += sign
        if span.failed:
            counts["errors"] += sign
        if span.span_type == "AGENT":
            return
        sums = _count_figures(span)
        if not (sums or span.model or span.span_type == "LLM_CALL"):
            return
        hour_ns = UNBILLED_NS if span.is_unbilled else span.start_ns // HOUR_NS * HOUR_NS
        key = (span.model, hour_ns)
        of_model = self.models.get(key)
        if of_model is None:
            of_model = self.models[key] = dict.fromkeys(MODEL_SUMS, 0)
        of_model["calls"] += sign
        of_model["errors"] += sign * span.failed
        _add(of_model, sums, sign=sign)

    def sum_run(self) -> Sums:
        """Return what changes in the sums of the run: its counts, and the figures of its calls."""
        sums = dict.fromkeys(RUN_SUMS, 0) | self.counts
        for of_model in self.models.values():
            for name in _FIGURES:
                sums[name] += of_model[name]
        return sums


def apply_sums(stored: Mapping[str, Any] | None, delta: Sums, names: list[str]) -> dict[str, Any]:
    """Return the columns that hold `stored` plus `delta`. A cost that nobody knows is None."""
    sums: dict[str, Any] = {
        # A cost comes as text from a prepared statement.
        name: (int(stored[name] or 0) if stored else 0) + delta.get(name, 0)
        for name in names
    }
    if not sums["cost_known"]:
        sums["cost_pico"] = None
    return sums


def _count_figures(span: Figures) -> Sums:
    sums: Sums = {}
    if span.usage is not None:
        _count_usage(span.usage, sums)
    if span.cost_usd is not None:
        sums["cost_pico"] = parse_pico(span.cost_usd)
        sums["cost_known"] = 1
    return sums


def _count_usage(usage: Any, figures: Sums) -> None:
    prompt, completion, total = usage.prompt_tokens, usage.completion_tokens, usage.total_tokens
    if prompt is not None:
        figures["prompt_tokens"] = prompt
        figures["prompt_known"] = 1
    if completion is not None:
        figures["completion_tokens"] = completion
        figures["completion_known"] = 1
    if usage.cached_tokens is not None:
        figures["cached_tokens"] = usage.cached_tokens
        figures["cached_known"] = 1
    if total is None and (prompt is not None or completion is not None):
        total = (prompt or 0) + (completion or 0)
    if total is not None:
        figures["total_tokens"] = total
        figures["total_known"] = 1
    if usage.usage_source == "estimated":
        figures["estimated"] = 1


def _add(sums: Sums, part: Sums, *, sign: int) -> None:
    for name, amount in part.items():
        sums[name] += sign * amount
