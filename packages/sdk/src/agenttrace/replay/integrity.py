"""Whether a recording is fit to replay by: whole, unchanged, and of this version."""

from __future__ import annotations

from hashlib import sha256
from json import loads
from typing import TYPE_CHECKING, Final

from agenttrace.encoding.canonical import write_canonical
from agenttrace.encoding.freeze import freeze
from agenttrace.replay.errors import NotReplayableError
from agenttrace.replay.writable import find_unwritable
from agenttrace.wire import HASH_VERSION, Fidelity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agenttrace.trace import Problem, RecordedRun, RecordedSpan

_SEQ_BITS: Final = 30  # above them count the other processes of a run
_STOP: Final = "agenttrace.replay.errors.ReplayDivergence"
_WHOLE: Final = frozenset({Fidelity.EXACT, Fidelity.STRUCTURAL, Fidelity.REDACTED})


def check_recording(run: RecordedRun, problems: Sequence[Problem], *, is_lenient: bool) -> None:
    """Refuse a recording that a replay cannot go by.

    With `is_lenient` it may have lost records. A run that never ended is fine: what was going on at
    its last moment is unavailable, and all before that is there.

    Raises:
        NotReplayableError: it has lines that cannot be read or that were changed, is of another
            version, or is known to have lost records.

    """
    name = f"run {run.run_id} ({run.name[:80]})"
    if not run.spans and not run.is_finished:
        raise NotReplayableError(f"{name} holds no span and no end: there is nothing to replay")
    lasting = [each for each in problems if not each.is_cut or not _can_miss_a_line(run)]
    if lasting:
        first = lasting[0]
        raise NotReplayableError(
            f"{name}: line {first.line} of the recording cannot be read: {first.message}; "
            "export or record the run anew"
        )
    for why in (*_find_stop(run), *_find_versions(run), *_find_changes(run), *find_unwritable(run)):
        raise NotReplayableError(f"{name}: {why}")
    if is_lenient:
        return
    for why in _find_losses(run):
        raise NotReplayableError(f"{name}: {why}; mode='lenient' replays what there is")


def _can_miss_a_line(run: RecordedRun) -> bool:
    """Tell whether a line that was cut off is another run's, or is told of as a gap.

    Of a finished run whose parts ran in several processes nobody knows.
    """
    return not run.is_finished or not _is_of_several_processes(run)


def _find_stop(run: RecordedRun) -> Iterator[str]:
    errors = [run.error, *(span.error for span in run.spans)]
    if any(error is not None and error.type == _STOP for error in errors):
        source = "the recording" if run.replayed_from is None else f"run {run.replayed_from}"
        yield f"it is a replay that a divergence stopped; replay {source}, which it went by"


def _find_versions(run: RecordedRun) -> Iterator[str]:
    for span in run.spans:
        if span.hash_version not in {None, HASH_VERSION}:
            yield (
                f"span {span.span_id} ({span.name}) has an input hash of version "
                f"{span.hash_version}, and this release knows {HASH_VERSION}: replay it with the "
                "release that recorded it"
            )


def _find_changes(run: RecordedRun) -> Iterator[str]:
    known: set[str] = set()
    ids = {span.span_id for span in run.spans}
    for span in run.spans:
        place = f"span {span.span_id} ({span.name})"
        parent = span.parent_span_id
        if parent is not None and parent not in known and parent in ids:
            yield f"{place} started before its parent: the recording was changed"
        known.add(span.span_id)
        if span.end_seq is not None and span.end_seq <= span.seq:
            yield f"{place} ended before it started: the recording was changed"
        if not _has_own_hash(span):
            yield (
                f"{place} has an input that its hash is not of: the recording was changed; "
                "replay the original"
            )


def _has_own_hash(span: RecordedSpan) -> bool:
    """Tell whether an input is what was hashed, as far as that can be told without its classes."""
    payload = span.input
    if payload is None or span.input_hash is None or payload.codec != "json":
        return True
    if payload.fidelity not in _WHOLE:
        return True
    try:
        canonical = write_canonical(freeze(loads(payload.json)).tree)
    except (ValueError, RecursionError):
        return False
    return sha256(canonical.encode()).hexdigest() == span.input_hash


def _find_losses(run: RecordedRun) -> Iterator[str]:
    if run.complete is False:
        yield "its recorder lost records of it"
    if run.dropped:
        lost = ", ".join(f"{reason} {count}" for reason, count in sorted(run.dropped.items()))
        if run.complete is not True:
            yield f"its recorder dropped records of it ({lost})"
    gap = _find_gap(run)
    if gap is not None:
        yield f"records between seq {gap - 1} and its end are missing: lines were lost or taken out"


def _find_gap(run: RecordedRun) -> int | None:
    """Return the first number that no record of an ended run has; every event has one."""
    if not run.is_finished or run.end_seq is None:
        return None
    numbers = {run.end_seq}
    for span in run.spans:
        numbers.add(span.seq)
        if span.end_seq is not None:
            numbers.add(span.end_seq)
    numbers.update(event.seq for event in run.events)
    if _is_of_several_processes(run):  # which took numbers, too
        return None
    return next((number for number in range(run.end_seq) if number not in numbers), None)


def _is_of_several_processes(run: RecordedRun) -> bool:
    ends = (span.end_seq or span.seq for span in run.spans)
    events = (event.seq for event in run.events)
    return any(number >> _SEQ_BITS for number in (run.end_seq or 0, *ends, *events))
