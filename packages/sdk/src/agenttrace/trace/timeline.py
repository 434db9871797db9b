"""A run as the total order of what happened in it, whatever the clocks say.

Two orders. Where the recorder counted (`seq`), its counter holds. An import that counted nothing
gives every span the same `seq`, or no end a place: then a parent starts before its children and
ends after them, and the clock decides only what that leaves open.

In both, a span starts after its parent and ends after it started, also where a recording says
otherwise.
"""

from __future__ import annotations

from enum import StrEnum
from heapq import heappop, heappush
from itertools import accumulate
from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from agenttrace.semconv import EVENT_CHUNK, EVENT_STATE
from agenttrace.trace.tree import order_tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from agenttrace.trace.records import RecordedEvent, RecordedSpan


class MomentKind(StrEnum):
    """What happened: a span starts or ends, or an event within one (`EVENT`: any other)."""

    START = "START"
    CHUNK = "CHUNK"
    STATE = "STATE"
    EVENT = "EVENT"
    END = "END"


class Moment(NamedTuple):
    """One step of the timeline. `seq` is None for an end that was recorded without its place.

    `span` is None for an event of the run itself, and where the span was never recorded; `event`
    is None for a start and an end. `t_ns` is wall-clock time, None where it is unknown.
    """

    seq: int | None
    kind: MomentKind
    t_ns: int | None
    span: RecordedSpan | None
    event: RecordedEvent | None


_Key: TypeAlias = tuple[float, float, int, str]
_KINDS: Final = {EVENT_CHUNK: MomentKind.CHUNK, EVENT_STATE: MomentKind.STATE}


def order_moments(spans: Iterable[RecordedSpan], events: Iterable[RecordedEvent]) -> list[Moment]:
    """Return every start, end and event in the order of what happened, in O(n log n).

    A span that has not ended has no end. Of a recorder that counted, ends without a place come
    last, inner spans before outer ones, in the order of `end_ns`.
    """
    known = {span.span_id: span for span in spans}
    moments = [*_list_moments(known, events)]
    parents = {
        node.span.span_id: node.span.parent_span_id
        for node in order_tree(known.values())
        if node.flaw is None and node.span.parent_span_id is not None
    }
    if not _is_counted(known.values()):
        keys = _make_clock_keys(moments)
        return _sort(moments, keys, [*_list_bounds(moments, parents), *_nest(moments, parents)])
    moments.sort(key=_place)
    bounds = _list_bounds(moments, parents)
    if all(before < after for before, after in bounds):
        return moments
    return _sort(moments, [(at, 0, 0, "") for at in range(len(moments))], bounds)


def _list_moments(
    known: dict[str, RecordedSpan], events: Iterable[RecordedEvent]
) -> Iterable[Moment]:
    for span in known.values():
        yield Moment(span.seq, MomentKind.START, span.start_ns, span, None)
        if span.status != "STARTED":
            yield Moment(span.end_seq, MomentKind.END, span.end_ns, span, None)
    for event in events:
        kind = _KINDS.get(event.name, MomentKind.EVENT)
        yield Moment(event.seq, kind, event.t_ns, known.get(event.span_id or ""), event)


def _is_counted(spans: Iterable[RecordedSpan]) -> bool:
    """Tell whether a counter was at work: starts differ in it, and an end has a place."""
    listed = [*spans]
    ended = [span for span in listed if span.status != "STARTED"]
    has_starts = len(listed) < 2 or len({span.seq for span in listed}) > 1  # noqa: PLR2004 -- two can differ
    return has_starts and (not ended or any(span.end_seq is not None for span in ended))


def _place(moment: Moment) -> _Key:
    span, event = moment.span, moment.event
    if event is not None:
        return (event.seq, 0, 1, event.span_id or "")
    assert span is not None
    if moment.kind is MomentKind.START:
        return (span.seq, 0, 0, span.span_id)
    if span.end_seq is not None:
        return (span.end_seq, 0, 2, span.span_id)
    return (inf, inf if span.end_ns is None else span.end_ns, -span.seq, span.span_id)


def _list_bounds(moments: Sequence[Moment], parents: Mapping[str, str]) -> list[tuple[int, int]]:
    """Return what comes before what: pairs of places in the list."""
    starts = _find(moments, MomentKind.START)
    bounds: list[tuple[int, int]] = []
    for at, moment in enumerate(moments):
        if moment.span is None:
            continue
        if moment.kind is not MomentKind.START:
            bounds.append((starts[moment.span.span_id], at))
        elif (parent := parents.get(moment.span.span_id)) is not None:
            bounds.append((starts[parent], at))
    return bounds


def _nest(moments: Sequence[Moment], parents: Mapping[str, str]) -> list[tuple[int, int]]:
    """Return that all of a span, and of the spans within it, comes before its end."""
    ends = _find(moments, MomentKind.END)
    bounds: list[tuple[int, int]] = []
    for at, moment in enumerate(moments):
        if moment.span is None:
            continue
        own = moment.span.span_id
        outer = own if moment.kind not in {MomentKind.START, MomentKind.END} else parents.get(own)
        if outer is not None and outer in ends:
            bounds.append((at, ends[outer]))
    return bounds


def _find(moments: Sequence[Moment], kind: MomentKind) -> dict[str, int]:
    return {m.span.span_id: at for at, m in enumerate(moments) if m.kind is kind and m.span}


def _make_clock_keys(moments: Sequence[Moment]) -> list[_Key]:
    """Return keys by the clock. Starts stay in the order of `seq`, where that says anything."""
    starts = [at for at, moment in enumerate(moments) if moment.kind is MomentKind.START]
    starts.sort(key=lambda at: (moments[at].seq or 0, moments[at].t_ns or 0, _name(moments[at])))
    latest = accumulate((moments[at].t_ns or 0 for at in starts), max)
    begun = dict(zip(starts, latest, strict=True))
    rank = dict(zip(starts, range(len(starts)), strict=True))
    return [
        (begun[at], 1, rank[at], "")
        if at in begun
        # Of one moment, what ends comes before what starts.
        else (inf if moment.t_ns is None else moment.t_ns, 0, moment.seq or 0, _name(moment))
        for at, moment in enumerate(moments)
    ]


def _name(moment: Moment) -> str:
    return "" if moment.span is None else moment.span.span_id


def _sort(
    moments: Sequence[Moment], keys: Sequence[_Key], bounds: Iterable[tuple[int, int]]
) -> list[Moment]:
    """Return the moments so that every bound holds; the lowest key of those that may come next."""
    later: dict[int, list[int]] = {}
    waits_for = [0] * len(moments)
    for before, after in bounds:
        later.setdefault(before, []).append(after)
        waits_for[after] += 1
    ready: list[tuple[_Key, int]] = []
    for at, count in enumerate(waits_for):
        if not count:
            heappush(ready, (keys[at], at))
    found: list[Moment] = []
    while ready:
        _, at = heappop(ready)
        found.append(moments[at])
        for after in later.get(at, ()):
            waits_for[after] -= 1
            if not waits_for[after]:
                heappush(ready, (keys[after], after))
    assert len(found) == len(moments)  # parents are a forest: no bound leads in a circle
    return found
