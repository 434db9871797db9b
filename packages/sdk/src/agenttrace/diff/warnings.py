"""What a reader has to know before trusting a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agenttrace.diff.align.mapping import NONE
from agenttrace.diff.model import INCOMPLETE_CODES, DiffWarning, WarningCode
from agenttrace.trace.visible import show_count
from agenttrace.wire import Fidelity, RunStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agenttrace.diff.align.aligner import Alignment
    from agenttrace.diff.model import RunDiff, RunRef, Side
    from agenttrace.diff.nodes import Tree

_PARTIAL: Final = frozenset({Fidelity.TRUNCATED, Fidelity.OPAQUE, Fidelity.REDACTED})
_SWITCHED: Final[dict[Side | None, Side | None]] = {"base": "head", "head": "base", None: None}
_ORDER: Final[dict[Side | None, int]] = {"base": 0, "head": 1, None: 2}


def find_warnings(base: Tree, head: Tree, alignment: Alignment) -> tuple[DiffWarning, ...]:
    """Return the warnings about base, about head, and about both."""
    found = [*_check_run(base, "base"), *_check_run(head, "head")]
    if alignment.is_approximate:
        message = "the alignment is not proven the closest: rows may differ less than is shown"
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


def find_lacking(warnings: Iterable[DiffWarning]) -> frozenset[Side]:
    """Return the sides of which records are not there: what they lack may have been."""
    return frozenset(
        each.side for each in warnings if each.side is not None and each.code in INCOMPLETE_CODES
    )


def warn_unreadable(diff: RunDiff, *, base: int, head: int) -> tuple[DiffWarning, ...]:
    """Return the warnings, with how many lines of each recording could not be read."""
    found: list[DiffWarning] = []
    sides: tuple[tuple[RunRef, int, Side], ...]
    sides = (diff.base, base, "base"), (diff.head, head, "head")
    for run, lines, side in sides:
        if lines:
            count = show_count(lines, "line")
            message = f"run {run.run_id}: {count} of its recording cannot be read"
            found.append(DiffWarning(WarningCode.UNREADABLE, message, side))
    return tuple(sorted([*diff.warnings, *found], key=lambda each: _ORDER[each.side]))


def _check_run(tree: Tree, side: Side) -> Iterator[DiffWarning]:
    run = tree.run
    named = f"run {run.run_id}"
    if run.status is RunStatus.STARTED:
        message = f"{named} has no recorded end: it is running, or its program died"
        yield DiffWarning(WarningCode.RUNNING, message, side)
    if run.complete is False or run.dropped:
        message = f"{named} is incomplete: {_count_lost(run.dropped)} lost"
        yield DiffWarning(WarningCode.INCOMPLETE, message, side)
    cut = sum(
        payload is not None and payload.fidelity in _PARTIAL
        for node in range(1, len(tree))
        for payload in (tree.span(node).input, tree.span(node).output)
    )
    if cut:
        verb = "is" if cut == 1 else "are"
        cut_payloads = f"{show_count(cut, 'payload')} {verb} cut, redacted or opaque"
        message = f"{named}: {cut_payloads}; what is there is compared"
        yield DiffWarning(WarningCode.TRUNCATED, message, side)
    flaws = list(tree.flaws.values())
    for flaw, code in (
        ("missing_parent", WarningCode.MISSING_PARENT),
        ("parent_cycle", WarningCode.PARENT_CYCLE),
    ):
        if count := sum(each == flaw for each in flaws):
            spans = show_count(count, "span")
            message = f"{named}: {spans} {_describe_flaw(flaw, count)} at the top"
            yield DiffWarning(code, message, side)
    if len(tree) == 1:
        yield DiffWarning(WarningCode.EMPTY, f"{named} has no span", side)


def _describe_flaw(flaw: str, count: int) -> str:
    if count == 1:
        what = "has no parent in it" if flaw == "missing_parent" else "is its own ancestor"
        return f"{what} and stands"
    what = "have no parent in it" if flaw == "missing_parent" else "are their own ancestors"
    return f"{what} and stand"


def _count_lost(dropped: dict[str, int]) -> str:
    lost = sum(dropped.values())
    return f"{lost or 'some'} of its records {'was' if lost == 1 else 'were'}"
