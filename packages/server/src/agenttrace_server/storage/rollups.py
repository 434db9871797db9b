"""What a span adds to its run: sums that are kept, and corrected by difference.

Each figure is a pair: the sum, and how many spans know it. AGENT spans add no tokens and no cost,
since what they report is by convention the sum of the calls within them. Any other span counts as
a call when it names a model, is an LLM_CALL, or has tokens or a cost.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from agenttrace_server.money import parse_pico

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agenttrace_server.storage.merge import State

RUN_SUMS: Final = [
    "spans",
    "llm_calls",
    "tool_calls",
    "decisions",
    "retrievals",
    "agents",
    "errors",
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
MODEL_SUMS: Final = [
    "calls",
    "errors",
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

# Which sum counts the spans of a type; of the others there is no count of their own.
_COUNTS: Final = {
    "LLM_CALL": "llm_calls",
    "TOOL_CALL": "tool_calls",
    "DECISION": "decisions",
    "RETRIEVAL": "retrievals",
    "AGENT": "agents",
}

HOUR_NS: Final = 3_600_000_000_000

Sums: TypeAlias = dict[str, int]
ModelHour: TypeAlias = tuple[str, int]
"""A model (empty: the call names none), and the start of an hour in ns since the Unix epoch."""


@dataclass(slots=True)
class Difference:
    """What a batch changes in the sums of one run, in all, and by model and hour of the start."""

    run: Sums = field(default_factory=lambda: dict.fromkeys(RUN_SUMS, 0))
    models: dict[ModelHour, Sums] = field(default_factory=dict)

    def add(self, span: State, *, sign: int) -> None:
        """Add what a span in this state adds to its run, or (with -1) take it back."""
        fields = span.fields
        if not fields:
            return
        run, span_type = self.run, fields["span_type"]
        run["spans"] += sign
        if span_type in _COUNTS:
            run[_COUNTS[span_type]] += sign
        failed = fields["status"] == "ERROR"
        if failed:
            run["errors"] += sign
        if span_type == "AGENT":
            return
        figures = _count_figures(fields)
        _add(run, figures, sign=sign)
        model = fields.get("model", "")
        if not (model or figures or span_type == "LLM_CALL"):
            return
        key = (model, fields["start_ns"] // HOUR_NS * HOUR_NS)
        sums = self.models.get(key)
        if sums is None:
            sums = self.models[key] = dict.fromkeys(MODEL_SUMS, 0)
        sums["calls"] += sign
        sums["errors"] += sign * failed
        _add(sums, figures, sign=sign)


def apply_sums(stored: Mapping[str, Any] | None, delta: Sums, names: list[str]) -> dict[str, Any]:
    """Return the columns that hold `stored` plus `delta`. A cost that nobody knows is None."""
    sums: dict[str, Any] = {
        name: ((stored[name] or 0) if stored else 0) + delta.get(name, 0) for name in names
    }
    if not sums["cost_known"]:
        sums["cost_pico"] = None
    return sums


def _count_figures(fields: Mapping[str, Any]) -> Sums:
    figures: Sums = {}
    usage = fields.get("usage")
    if usage is not None:
        _count_usage(usage, figures)
    cost = fields.get("cost")
    if cost is not None:
        figures["cost_pico"] = parse_pico(cost.cost_usd)
        figures["cost_known"] = 1
    return figures


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
