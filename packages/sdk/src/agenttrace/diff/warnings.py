"""What a reader has to know before trusting a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agenttrace.diff.align.mapping import NONE
from agenttrace.diff.model import DiffWarning, WarningCode
from agenttrace.wire import Fidelity, RunStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agenttrace.diff.align.aligner import Alignment
    from agenttrace.diff.model import Side
    from agenttrace.diff.nodes import Tree

_PARTIAL: Final = frozenset({Fidelity.TRUNCATED, Fidelity.OPAQUE, Fidelity.REDACTED})
_SWITCHED: Final[dict[Side | None, Side | None]] = {"base": "head", "head": "base", None: None}
_ORDER: Final[dict[Side | None, int]] = {"base": 0, "head": 1, None: 2}


def find_warnings(base: Tree, head: Tree, alignment: Alignment) -> tuple[DiffWarning, ...]:
    """Return the warnings about base, about head, and about both."""
    found = [*_check_run(base, "base"), *_check_run(head, "head")]
    if alignment.is_approximate:
        message = "the runs are too unlike to align exactly: rows may differ less than is shown"
        found.append(DiffWarning(WarningCode.APPROXIMATE, message))
    pairs = sum(right != NONE for right in alignment.mapping.to_head) - 1
    if min(len(base), len(head)) > 1 and not pairs:
        message = "no span of one run is in the other: they may be runs of different programs"
        found.append(DiffWarning(WarningCode.NOTHING_SHARED, message))
    return tuple(found)


def invert_warnings(warnings: Iterable[DiffWarning]) -> tuple[DiffWarning, ...]:
    """Return warnings with their sides exchanged."""
    turned = [DiffWarning(each.code, each.message, _SWITCHED[each.side]) for each in warnings]
    return tuple(sorted(turned, key=lambda each: _ORDER[each.side]))


def _check_run(tree: Tree, side: Side) -> Iterator[DiffWarning]:
    run = tree.run
    named = f"run {run.run_id}"
    if run.status is RunStatus.STARTED:
        message = f"{named} has no recorded end: it is running, or its program died"
        yield DiffWarning(WarningCode.RUNNING, message, side)
    if run.complete is False or run.dropped:
        message = f"{named} is incomplete: {_count_lost(run.dropped)} of its records were lost"
        yield DiffWarning(WarningCode.INCOMPLETE, message, side)
    cut = sum(
        payload is not None and payload.fidelity in _PARTIAL
        for node in range(1, len(tree))
        for payload in (tree.span(node).input, tree.span(node).output)
    )
    if cut:
        message = f"{named}: {cut} payloads are cut, redacted or opaque; what is there is compared"
        yield DiffWarning(WarningCode.TRUNCATED, message, side)
    flaws = list(tree.flaws.values())
    for flaw, code in (
        ("missing_parent", WarningCode.MISSING_PARENT),
        ("parent_cycle", WarningCode.PARENT_CYCLE),
    ):
        if count := sum(each == flaw for each in flaws):
            what = "have no parent in it" if flaw == "missing_parent" else "are their own ancestors"
            message = f"{named}: {count} spans {what}; they stand at the top"
            yield DiffWarning(code, message, side)
    if len(tree) == 1:
        yield DiffWarning(WarningCode.EMPTY, f"{named} has no span", side)


def _count_lost(dropped: dict[str, int]) -> str:
    return str(sum(dropped.values())) if dropped else "some"
