"""The merge law over recorded lines: any order and any number of them give one state.

Snapshots are ranked by `wire.rank_snapshot`; the best one's fields hold, and what it lacks comes
from the next. Two different snapshots of one rank, which a recorder never writes, are ranked by
their own text, so that the result does not hang on the order of the lines even then. What two
exporters say of records that each of them lost is joined: the greatest count of each reason.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from agenttrace.trace.records import (
    RecordedAnnotation,
    RecordedEvent,
    RecordedSpan,
    RecordedTags,
    RunSnapshot,
)
from agenttrace.wire import rank_snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable

_Snapshot = TypeVar("_Snapshot", RunSnapshot, RecordedSpan)
_MAX_REASONS: Final = 32  # the wire format's limit
_encode = msgspec.json.Encoder().encode


def merge_snapshots(snapshots: Iterable[_Snapshot]) -> _Snapshot:
    """Return what the snapshots of one id, of which there is at least one, say together."""
    best, *others = sorted(snapshots, key=_rank, reverse=True)
    if others and _has_ties((best, *others)):
        best, *others = sorted((best, *others), key=_rank_with_text, reverse=True)
        _join_losses((best, *others))
    if not others:
        return best
    lacking = [name for name in best.__struct_fields__ if getattr(best, name) is None]
    given = {}
    for name in lacking:
        for other in others:
            value = getattr(other, name)
            if value is not None:
                given[name] = value
                break
    for name, value in given.items():
        setattr(best, name, value)
    return best


def _join_losses(snapshots: Iterable[RunSnapshot | RecordedSpan]) -> None:
    """Give the best, which is the first, what all that say something of lost records say."""
    ranked = [each for each in snapshots if isinstance(each, RunSnapshot)]
    if not ranked:
        return
    best = ranked[0]
    dropped = _find_equals([each for each in ranked if each.dropped is not None])
    counts: dict[str, int] = {}
    for each in dropped:
        for reason, count in (each.dropped or {}).items():
            counts[reason] = max(count, counts.get(reason, 0))
    best.dropped = dict(sorted(counts.items())[:_MAX_REASONS]) if dropped else None
    complete = _find_equals([each for each in ranked if each.complete is not None])
    best.complete = all(each.complete for each in complete) if complete else None


def _find_equals(ranked: list[RunSnapshot]) -> list[RunSnapshot]:
    return [each for each in ranked if _rank(each) == _rank(ranked[0])]


def merge_events(events: Iterable[RecordedEvent]) -> list[RecordedEvent]:
    """Return one event for each `seq`, in their order."""
    found: dict[int, RecordedEvent] = {}
    for event in events:
        known = found.get(event.seq)
        if known is None or _encode(event) > _encode(known):
            found[event.seq] = event
    return [found[seq] for seq in sorted(found)]


def merge_annotations(annotations: Iterable[RecordedAnnotation]) -> list[RecordedAnnotation]:
    """Return one annotation for each id, the one that was said last, oldest first."""
    found: dict[str, RecordedAnnotation] = {}
    for annotation in annotations:
        known = found.get(annotation.annotation_id)
        if known is None or _rank_annotation(annotation) > _rank_annotation(known):
            found[annotation.annotation_id] = annotation
    return sorted(found.values(), key=lambda each: (each.created_ns, each.annotation_id))


def merge_tags(lines: Iterable[RecordedTags]) -> list[str]:
    """Return the tags of all these lines, each once; in the order of a line that is alone."""
    return list(dict.fromkeys(tag for tags in sorted(line.tags for line in lines) for tag in tags))


def _rank_annotation(annotation: RecordedAnnotation) -> tuple[int, bytes]:
    return annotation.updated_ns, _encode(annotation)


def _rank(snapshot: RunSnapshot | RecordedSpan) -> tuple[bool, int]:
    return rank_snapshot(snapshot.status, snapshot.rev)


def _rank_with_text(snapshot: RunSnapshot | RecordedSpan) -> tuple[tuple[bool, int], bytes]:
    return _rank(snapshot), _encode(snapshot)


def _has_ties(ranked: tuple[RunSnapshot, ...] | tuple[RecordedSpan, ...]) -> bool:
    ranks = [_rank(snapshot) for snapshot in ranked]
    return any(first == second for first, second in pairwise(ranks))
