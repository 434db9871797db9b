"""From base and a comparison to head: the same content, structure and order as head has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from agenttrace.diff.hashes import ContentHasher
from agenttrace.diff.model import Flag
from agenttrace.diff.nodes import ROOT, Tree
from agenttrace.diff.normalise import Normaliser
from agenttrace.errors import AgentTraceError
from agenttrace.trace.records import RunSnapshot
from agenttrace.trace.run import RecordedRun

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agenttrace.diff.model import Row, RunDiff
    from agenttrace.trace.records import RecordedSpan

_CONTENT: Final = {
    Flag.INPUT: "input",
    Flag.OUTPUT: "output",
    Flag.ERROR: "error",
    Flag.STATUS: "status",
    Flag.ATTRIBUTES: "attributes",
}
_CALL: Final = frozenset({Flag.INPUT, Flag.PARAMS, Flag.MODEL})


class PatchError(AgentTraceError, ValueError):
    """A run that is not the base of the comparison."""


def digest_run(run: RecordedRun, diff: RunDiff) -> str:
    """Return the digest of a run's content by the rules of a comparison; see `RunRef.digest`."""
    tree = Tree(run)
    tree.hash_content(ContentHasher(Normaliser(diff.rules)), lambda: None)
    return tree.full[ROOT].hex()


def apply_patch(run: RecordedRun, diff: RunDiff) -> RecordedRun:
    """Return what becomes of a run by a comparison whose base it is: equal to head by its rules.

    What the rules leave out of account, figures and times stay those of the run where a span is in
    both. Events are not part of a comparison: there are none.

    Raises:
        PatchError: when the run's content is not that of the base.

    """
    if digest_run(run, diff) != diff.base.digest:
        raise PatchError(
            f"run {run.run_id} is not the base of this comparison, run {diff.base.run_id}: "
            "its content has another digest"
        )
    spans = [node.span for node in run.tree()]
    ids = {row.head.position: row.head.span_id for row in diff.rows if row.head is not None}
    made = [_make_span(diff, row, spans, ids) for row in diff.rows if row.head is not None]
    return RecordedRun(diff.head.run_id, _make_run(run, diff), made, [])


def _make_span(
    diff: RunDiff, row: Row, spans: Sequence[RecordedSpan], ids: Mapping[int, str]
) -> RecordedSpan:
    ref = row.head
    assert ref is not None
    if row.base is None:
        assert row.head_span is not None
        span = row.head_span
    else:
        span = _change_span(spans[row.base.position], row)
    parent = ref.parent_position
    return msgspec.structs.replace(
        span,
        run_id=diff.head.run_id,
        span_id=ref.span_id,
        parent_span_id=None if parent is None else ids[parent],
        name=ref.name,
        seq=ref.seq,
        end_seq=ref.end_seq,
        lane=ref.lane,
    )


def _change_span(span: RecordedSpan, row: Row) -> RecordedSpan:
    """Return a span with those parts of head's that differ from base's."""
    if row.head_span is None:
        return span
    changed = {
        name: getattr(row.head_span, name) for flag, name in _CONTENT.items() if flag in row.flags
    }
    if row.flags & _CALL:  # a model call's parameters and model are in its input, too
        changed |= {"input": row.head_span.input, "model": row.head_span.model}
    if Flag.MODEL in row.flags:
        changed["attributes"] = row.head_span.attributes
    return msgspec.structs.replace(span, replay_key=row.head_span.replay_key, **changed)


def _make_run(run: RecordedRun, diff: RunDiff) -> RunSnapshot:
    flags = diff.run_flags
    return RunSnapshot(
        v=1,
        run_id=diff.head.run_id,
        rev=0,
        name=diff.head.name,
        status=diff.head.status,
        start_ns=run.start_ns,
        input=diff.head.input if Flag.INPUT in flags else run.input,
        output=diff.head.output if Flag.OUTPUT in flags else run.output,
        error=diff.head.error if Flag.ERROR in flags else run.error,
    )
