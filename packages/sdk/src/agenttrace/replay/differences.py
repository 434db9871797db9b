"""What a divergence says of two inputs: where they part, what stands there, and what to do."""

from __future__ import annotations

import re
from json import loads
from traceback import extract_tb
from typing import TYPE_CHECKING, Any, Final

from agenttrace.replay.deltas import find_deltas, find_volatile, shorten_both
from agenttrace.replay.payloads import is_truncated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agenttrace.encoding.snapshot import Encoded
    from agenttrace.replay.calls import LiveCall
    from agenttrace.replay.kinds import Divergence
    from agenttrace.replay.tape import Node
    from agenttrace.trace import RecordedPayload
    from agenttrace.wire import JsonValue

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER: Final = re.compile(r"[0-9]+")


def compare_inputs(divergence: Divergence, node: Node, call: LiveCall) -> Divergence:
    """Say where two inputs begin to differ, and whether in what no two runs have alike."""
    assert node.span is not None
    return compare_payloads(divergence, node.span.input, call.input)


def compare_payloads(
    divergence: Divergence, payload: RecordedPayload | None, given: Encoded | None
) -> Divergence:
    """Say where an input that was recorded and one that is given begin to differ."""
    recorded = None if payload is None else payload.value
    live = None if given is None else loads(given.text)
    if is_truncated(payload, given):
        return _compare_beginnings(divergence, recorded, live)
    deltas = find_deltas(recorded, live)
    if not deltas:
        types = None if payload is None else payload.types
        came = {} if given is None or given.types is None else loads(given.types)
        return _compare_types(divergence, recorded, types or {}, came)
    first, *others = deltas
    more = f", and in {len(others)} more places" if others else ""
    kinds = find_volatile(deltas)
    hint = divergence.hint
    if kinds:
        names = ",".join(kinds)
        hint = (
            f"volatile: {names}; it differs in every run. Use tracer.now(), .random() and "
            ".uuid4(), or freeze=, or leave it out with ignore= or mask="
        )
    shown, now = shorten_both(first.recorded, first.live)
    return divergence._replace(
        message=f"its input differs at {first.path}{more}",
        at=first.path,
        recorded=shown,
        live=now,
        hint=hint,
    )


def _compare_beginnings(divergence: Divergence, recorded: JsonValue, live: JsonValue) -> Divergence:
    """Say that inputs differ which are not kept whole: no place within them can be left out."""
    told = divergence._replace(
        hint=divergence.hint
        or "ignore= and mask= compare whole inputs only: record anew, with a larger "
        "AGENTTRACE_PAYLOAD_MAX_BYTES"
    )
    deltas = find_deltas(recorded, live)
    if not deltas:
        return told._replace(
            message="its input differs beyond what is kept of it: it is too large to be recorded "
            "whole, and its hash is another"
        )
    first = deltas[0]
    shown, came = shorten_both(first.recorded, first.live)
    return told._replace(
        message="its input differs; it is too large to be recorded whole",
        at=first.path,
        recorded=shown,
        live=came,
    )


def _compare_types(
    divergence: Divergence,
    value: JsonValue,
    recorded: Mapping[str, Any],
    live: Mapping[str, Any],
) -> Divergence:
    """Say which part of the same content is of another type than it was."""
    places = sorted({*recorded, *live}, key=lambda place: (place.count("/"), place))
    other = [place for place in places if recorded.get(place) != live.get(place)]
    # What a descriptor has beside its type, such as which fields were set, counts after all else.
    other.sort(key=lambda place: _read_type(recorded.get(place)) == _read_type(live.get(place)))
    if not other:
        return divergence._replace(
            message="its input shows the same content and is not equal: it has parts that are not "
            "recorded whole, such as objects of which only the class is known"
        )
    first, *others = other
    plain = type(_look_up(value, first)).__name__
    more = f", and in {len(others)} more places" if others else ""
    path = _spell_path(first)
    whole = recorded.get(first, plain), live.get(first, plain)
    one, two = map(_read_type, whole)
    if one == two:  # what tells them apart stands beside the type: keys that are no text, say
        one, two = whole
    return divergence._replace(
        message=f"its input has the same content, and another type at {path}{more}",
        at=path,
        recorded=one,
        live=two,
    )


def _read_type(described: Any) -> Any:
    return described.get("type") if isinstance(described, dict) else described


def _list_steps(pointer: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def _look_up(value: JsonValue, pointer: str) -> JsonValue:
    for step in _list_steps(pointer):
        if isinstance(value, list) and _NUMBER.fullmatch(step) and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, dict):
            value = value.get(step)
        else:
            return None
    return value


def _spell_path(pointer: str) -> str:
    """Return a JSON pointer as a JSONPath, as differences of content are told."""
    parts = [
        f"[{step}]"
        if _NUMBER.fullmatch(step)
        else f".{step}"
        if _NAME.fullmatch(step)
        else f"[{step!r}]"
        for step in _list_steps(pointer)
    ]
    return "$" + "".join(parts)


def describe_failure(error: Exception) -> str:
    """Return what a function of the user's raised, and where."""
    frames = extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return f"it raised {type(error).__name__}: {error}{place}"
