"""What of a pair of spans differs: looked into only where their digests do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from agenttrace.diff.hashes import keep_attributes
from agenttrace.diff.model import Flag
from agenttrace.diff.normalise import MAX_NORMALISED_BYTES, TooDeepError, are_close
from agenttrace.wire import SpanType

if TYPE_CHECKING:
    from agenttrace.diff.nodes import Tree
    from agenttrace.diff.normalise import Normaliser
    from agenttrace.trace.records import RecordedPayload, RecordedSpan
    from agenttrace.wire import JsonValue

PARAMETERS: Final = frozenset(
    {
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_output_tokens",
        "max_tokens",
        "metadata",
        "n",
        "parallel_tool_calls",
        "presence_penalty",
        "reasoning",
        "reasoning_effort",
        "response_format",
        "seed",
        "service_tier",
        "stop",
        "stop_sequences",
        "stream",
        "temperature",
        "thinking",
        "timeout",
        "tool_choice",
        "top_k",
        "top_logprobs",
        "top_p",
        "verbosity",
    }
)
"""Arguments of a model call that say how to answer, not what."""

_MODEL: Final = "model"
_MAX_LOOKED_AT: Final = 1024 * 1024
"""So much of two long texts is looked at for where they part."""


class Comparer:
    """Compares values by the rules, where their digests differ: numbers within their tolerance."""

    def __init__(self, normaliser: Normaliser) -> None:
        self._normaliser = normaliser
        rules = normaliser.rules
        self.is_tolerant = bool(rules.numeric_abs or rules.numeric_rel)

    def read(self, part: str, payload: RecordedPayload | None) -> JsonValue:
        """Return a payload's value as it is compared; its text where it is beyond the limits."""
        if payload is None:
            return None
        if memoryview(payload.text).nbytes > MAX_NORMALISED_BYTES:
            return payload.json
        return self.simplify(part, payload.value)

    def simplify(self, part: str, value: JsonValue) -> JsonValue:
        """Return a value as it is compared."""
        try:
            return self._normaliser.simplify(part, value)
        except (TooDeepError, RecursionError):
            return value

    def write_types(self, part: str, payload: RecordedPayload) -> str:
        """Return the recorded types of a payload that count, as text."""
        if not payload.types:
            return ""
        return self._normaliser.write_types(part, payload.json, payload.types)

    def is_equal(self, base: JsonValue, head: JsonValue) -> bool:
        """Tell whether two values that were made simple are the same, by the rules."""
        return are_close(base, head, self._normaliser.rules)


def find_flags(
    comparer: Comparer, base: Tree, left: int, head: Tree, right: int
) -> frozenset[Flag]:
    """Return what of two spans differs by the rules."""
    one, other = base.parts[left], head.parts[right]
    spans = base.span(left), head.span(right)
    if one == other:
        return frozenset()
    flags: set[Flag] = set()
    if one.input != other.input:
        flags |= _compare_inputs(comparer, *spans)
    if one.output != other.output and _differs(comparer, "output", *_outputs(*spans)):
        flags.add(Flag.OUTPUT)
    if one.error != other.error:
        flags.add(Flag.ERROR)
    if one.status != other.status:
        flags.add(Flag.STATUS)
    if one.models != other.models:
        flags.add(Flag.MODEL)
    if one.attributes != other.attributes and _differ_attributes(comparer, *spans):
        flags.add(Flag.ATTRIBUTES)
    return frozenset(flags)


def find_run_flags(comparer: Comparer, base: Tree, head: Tree) -> frozenset[Flag]:
    """Return what of the runs themselves differs: input, output, error, status."""
    one, other = base.parts[0], head.parts[0]
    runs = base.run, head.run
    flags: set[Flag] = set()
    if one.input != other.input and _differs(comparer, "input", runs[0].input, runs[1].input):
        flags.add(Flag.INPUT)
    if one.output != other.output and _differs(comparer, "output", runs[0].output, runs[1].output):
        flags.add(Flag.OUTPUT)
    if one.error != other.error:
        flags.add(Flag.ERROR)
    if one.status != other.status:
        flags.add(Flag.STATUS)
    return frozenset(flags)


def split_call(value: JsonValue) -> tuple[dict[str, JsonValue], dict[str, JsonValue], JsonValue]:
    """Return of a model call's arguments what is asked, how it is to answer, and the model."""
    if not isinstance(value, dict):
        return {"": value}, {}, None
    asked = {key: each for key, each in value.items() if key not in PARAMETERS and key != _MODEL}
    params = {key: each for key, each in value.items() if key in PARAMETERS}
    return asked, params, value.get(_MODEL)


def _outputs(
    base: RecordedSpan, head: RecordedSpan
) -> tuple[RecordedPayload | None, RecordedPayload | None]:
    return base.output, head.output


def _differs(
    comparer: Comparer,
    part: str,
    base: RecordedPayload | None,
    head: RecordedPayload | None,
) -> bool:
    """Tell whether two payloads of unequal digests differ beyond the tolerance."""
    if not comparer.is_tolerant or base is None or head is None:
        return True
    if comparer.write_types(part, base) != comparer.write_types(part, head):
        return True
    return not comparer.is_equal(comparer.read(part, base), comparer.read(part, head))


def _compare_inputs(comparer: Comparer, base: RecordedSpan, head: RecordedSpan) -> set[Flag]:
    if not _differs(comparer, "input", base.input, head.input):
        return set()
    if base.span_type is not SpanType.LLM_CALL or base.input is None or head.input is None:
        return {Flag.INPUT}
    one = split_call(comparer.read("input", base.input))
    other = split_call(comparer.read("input", head.input))
    flags = {
        flag
        for flag, left, right in zip((Flag.INPUT, Flag.PARAMS, Flag.MODEL), one, other, strict=True)
        if not comparer.is_equal(left, right)
    }
    return flags or {Flag.INPUT}  # such as a payload that was cut, alike as far as it goes


def _differ_attributes(comparer: Comparer, base: RecordedSpan, head: RecordedSpan) -> bool:
    if not comparer.is_tolerant:
        return True
    left, right = (
        comparer.simplify("attributes", json.loads(json.dumps(keep_attributes(span))))
        for span in (base, head)
    )
    return not comparer.is_equal(left, right)


def shorten(value: Any, *, max_chars: int = 200) -> str:
    """Return a value as a short text."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= max_chars else text[: max_chars - 1] + "…"


def shorten_apart(
    base: Any, head: Any, *, max_chars: int = 200, before: int = 40
) -> tuple[str | None, str | None]:
    """Return two values as short texts that begin a little before where they part."""
    one, other = (
        None if value is None else shorten(value, max_chars=_MAX_LOOKED_AT)
        for value in (base, head)
    )
    if one is None or other is None:
        short = (each and shorten(each, max_chars=max_chars) for each in (one, other))
        return next(short), next(short)
    if max(len(one), len(other)) <= max_chars:
        return one, other
    apart = next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
    start = max(0, apart - before)
    mark = "…" if start else ""
    return (
        shorten(mark + one[start:], max_chars=max_chars),
        shorten(mark + other[start:], max_chars=max_chars),
    )
