"""Groups of runs that tests make up: calls by name, tokens by run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recordings import load, make_payload, make_run, make_span

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agenttrace.trace import RecordedRun

TYPES = {"llm": "LLM_CALL", "tool": "TOOL_CALL", "agent": "AGENT", "custom": "CUSTOM"}


def make_records(
    number: int,
    calls: Sequence[str] = ("llm:plan", "tool:search", "tool:verify"),
    *,
    tokens: int | None = None,
    status: str = "COMPLETED",
    output: object = "done",
    **fields: Any,
) -> list[dict[str, Any]]:
    """Return the records of a run that makes these calls; the first model call has the tokens."""
    run_id = f"{number:032x}"
    run = make_run(
        run_id, status=status, rev=1, duration_ns=number, output=make_payload(output), **fields
    )
    records = [run]
    left = tokens
    for place, call in enumerate(calls):
        word, _, name = call.partition(":")
        more: dict[str, Any] = {}
        if word == "llm" and left is not None:
            more = {
                "model": "small",
                "usage": {"prompt_tokens": left, "source": "reported"},
                "cost": {"usd": f"{left / 1000:.6f}", "source": "rates"},
            }
            left = None
        span = make_span(place + 1, name=name, span_type=TYPES[word], **more)
        records.append({**span, "run_id": run_id})
    return records


def make_group(first: int, runs: Iterable[dict[str, Any]]) -> list[RecordedRun]:
    """Return a run for each set of arguments of `make_records`, numbered from `first`."""
    return [load(make_records(first + place, **each)) for place, each in enumerate(runs)]
