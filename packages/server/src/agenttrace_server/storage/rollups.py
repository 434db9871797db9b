"""What a span adds to its run: sums that are kept, and corrected by difference.

Each figure is a pair: the sum, and how many spans know it. AGENT spans add no tokens and no cost,
since what they report is by convention the sum of the calls within them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from agenttrace_server.money import parse_pico

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agenttrace_server.storage.merge import State

RUN_SUMS: Final = [
    "spans",
    "llm_calls",
    "tool_calls",
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
    "prompt_tokens",
    "prompt_known",
    "completion_tokens",
    "completion_known",
    "total_tokens",
    "total_known",
    "estimated",
    "cost_pico",
    "cost_known",
]

Sums = dict[str, int]


def count_span(state: State) -> Sums:
    """Return what a span in this state adds to its run."""
    if not state.fields:
        return {}
    span_type = state.fields["span_type"]
    return {
        "spans": 1,
        "llm_calls": int(span_type == "LLM_CALL"),
        "tool_calls": int(span_type == "TOOL_CALL"),
        "errors": int(state.fields["status"] == "ERROR"),
        **_count_figures(state.fields),
    }


def count_model(state: State) -> tuple[str, Sums] | None:
    """Return the model that a span in this state called and what it adds there."""
    model = state.fields.get("model")
    if not model or state.fields["span_type"] == "AGENT":
        return None
    figures = _count_figures(state.fields)
    return model, {"calls": 1, **{name: figures.get(name, 0) for name in MODEL_SUMS[1:]}}


@dataclass(slots=True)
class Difference:
    """What a batch changes in the sums of one run, in all and by model."""

    run: Sums = field(default_factory=dict)
    models: dict[str, Sums] = field(default_factory=dict)

    def move(self, before: tuple[Sums, tuple[str, Sums] | None], after: State) -> None:
        """Take back what a span added before and add what it adds now."""
        old_run, old_model = before
        _add(self.run, old_run, sign=-1)
        _add(self.run, count_span(after), sign=1)
        if old_model is not None:
            _add(self.models.setdefault(old_model[0], {}), old_model[1], sign=-1)
        new_model = count_model(after)
        if new_model is not None:
            _add(self.models.setdefault(new_model[0], {}), new_model[1], sign=1)


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
    if fields["span_type"] == "AGENT":
        return figures
    usage = fields.get("usage")
    if usage is not None:
        _count_usage(usage, figures)
    cost = fields.get("cost")
    if cost is not None:
        figures["cost_pico"] = parse_pico(cost["cost_usd"])
        figures["cost_known"] = 1
    return figures


def _count_usage(usage: Mapping[str, Any], figures: Sums) -> None:
    prompt, completion = usage["prompt_tokens"], usage["completion_tokens"]
    total = usage["total_tokens"]
    if total is None and (prompt is not None or completion is not None):
        total = (prompt or 0) + (completion or 0)
    parts = {
        "prompt": prompt,
        "completion": completion,
        "cached": usage["cached_tokens"],
        "total": total,
    }
    for name, tokens in parts.items():
        if tokens is not None:
            figures[f"{name}_tokens"] = tokens
            figures[f"{name}_known"] = 1
    figures["estimated"] = int(usage["usage_source"] == "estimated")


def _add(sums: Sums, part: Sums, *, sign: int) -> None:
    for name, amount in part.items():
        sums[name] = sums.get(name, 0) + sign * amount
