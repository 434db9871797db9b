"""What is so of a run: its attributes and those of its model calls, models, tags and errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from agenttrace import semconv
from agenttrace.wire import SpanType

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agenttrace.trace.run import RecordedRun

MAX_VALUE_CHARS: Final = 120
"""A longer value is cut: two that begin alike so far count as one."""

# Of each run its own: they would tell the groups apart and mean nothing.
_OWN: Final = frozenset(
    {
        semconv.HOST_NAME,
        semconv.PROCESS_PID,
        semconv.PROCESS_COMMAND_ARGS,
        semconv.RESPONSE_ID,
        semconv.PARENT_RUN_ID,
        semconv.PARENT_SPAN_ID,
        semconv.TIME_TO_FIRST_CHUNK,
        semconv.STREAM_CHUNKS,
        semconv.PLUGINS,
    }
)


def collect_facts(run: RecordedRun) -> tuple[frozenset[tuple[str, str]], dict[str, float]]:
    """Return the facts of a run as (key, value), and the attributes of it that are numbers."""
    facts = {("name", _cut(run.name)), ("status", run.status.value)}
    facts.update(("tag", _cut(tag)) for tag in run.tags)
    if run.error is not None:
        facts.add(("error", _cut(run.error.type)))
    for span in run.spans:
        if span.model is not None:
            facts.add(("model", _cut(span.model)))
        if span.error is not None:
            facts.add((f"{span.name}.error", _cut(span.error.type)))
        if span.span_type is SpanType.LLM_CALL:
            facts.update(_read_texts(span.attributes or {}, f"{span.name}."))
    facts.update(_read_texts(run.attributes, ""))
    facts.update(_read_texts(run.resource, "resource."))
    numbers = {key: float(value) for key, value in run.attributes.items() if _is_number(value)}
    return frozenset(facts), numbers


def _read_texts(attributes: Mapping[str, Any], before: str) -> Iterator[tuple[str, str]]:
    for key, value in attributes.items():
        if key in _OWN:
            continue
        if isinstance(value, bool):
            yield f"{before}{key}", "true" if value else "false"
        elif isinstance(value, str):
            yield f"{before}{key}", _cut(value)
        elif before and _is_number(value):  # of the run itself they are compared as numbers
            yield f"{before}{key}", f"{value:g}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_VALUE_CHARS else f"{text[: MAX_VALUE_CHARS - 1]}…"
