"""What no recorder writes: a replay, which keeps parts of a run, could not write it either."""

from __future__ import annotations

import re
from json import loads
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from agenttrace.encoding.shown import escape_pointer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agenttrace.trace import RecordedError, RecordedPayload, RecordedRun

_MIN_INT: Final = -(2**63)
_MAX_INT: Final = 2**64 - 1
_MAX_DEPTH: Final = 100
"""As the wire format has it for a line; what writes JSON gives up at twice that."""
_MAX_NAME_CHARS: Final = 512
_MANY_DIGITS: Final = re.compile(rb"[0-9]{4301}")
"""Digits beyond which Python reads no integer, for the time that it takes."""


class _Part(NamedTuple):
    """Plain data of a recording, and where it stands."""

    place: str
    value: Any


def find_unwritable(run: RecordedRun) -> Iterator[str]:
    """Yield what is wrong with a recording's names and plain data, each with its exact place."""
    names = [("the run", run.name), *((f"span {each.span_id}", each.name) for each in run.spans)]
    for place, name in names:
        if len(name) > _MAX_NAME_CHARS:
            yield f"the name of {place} has {len(name)} characters; at most {_MAX_NAME_CHARS}"
    for place, value in _list_plain(run):
        if not value:
            continue
        try:
            orjson.dumps(value)
        except (TypeError, RecursionError):
            pointer, why = _find_fault(value)
            yield f"{place} has {why} at {pointer!r}: no recorder writes that"
    for place, payload in _list_payloads(run):
        if _MANY_DIGITS.search(payload.text) is not None:
            try:
                loads(bytes(payload.text))
            except ValueError:
                yield f"{place} has an integer of more than 4300 digits: no recorder writes that"


def _find_fault(value: Any) -> tuple[str, str]:
    """Return where in plain data something is that 64 bits or the writer do not hold, and what."""
    left: list[tuple[Any, str, int]] = [(value, "", 0)]
    while left:
        each, pointer, depth = left.pop()
        if depth > _MAX_DEPTH:
            return f"{pointer[:80]}…", f"more than {_MAX_DEPTH} levels"
        if type(each) is int and not _MIN_INT <= each <= _MAX_INT:
            return pointer, "an integer beyond 64 bits"
        members: Any = each.items() if type(each) is dict else ()
        members = enumerate(each) if type(each) is list else members
        left += [(one, f"{pointer}/{escape_pointer(str(key))}", depth + 1) for key, one in members]
    return "", "what JSON does not hold"


def _list_plain(run: RecordedRun) -> Iterator[_Part]:
    yield _Part("attributes of the run", run.attributes)
    for span in run.spans:
        named = f"of span {span.span_id} ({span.name[:80]})"
        yield _Part(f"attributes {named}", span.attributes)
        yield _Part(f"links {named}", span.links)
    for place, payload in _list_payloads(run):
        yield _Part(f"types of {place}", payload.types)


def _list_payloads(run: RecordedRun) -> Iterator[tuple[str, RecordedPayload]]:
    owners: list[Any] = [run, *run.spans]
    for owner in owners:
        named = "the run" if owner is run else f"span {owner.span_id} ({owner.name[:80]})"
        for field in ("input", "output"):
            payload = getattr(owner, field)
            if payload is not None:
                yield f"{field} of {named}", payload
        yield from _list_error(owner.error, f"error of {named}")
    for event in run.events:
        if event.body is not None:
            yield f"body of event {event.seq} ({event.name[:80]})", event.body


def _list_error(error: RecordedError | None, place: str) -> Iterator[tuple[str, RecordedPayload]]:
    if error is None:
        return
    for field in ("args", "attributes"):
        payload = getattr(error, field)
        if payload is not None:
            yield f"{field} of {place}", payload
    yield from _list_error(error.cause, f"cause of {place}")
    yield from _list_error(error.context, f"context of {place}")
