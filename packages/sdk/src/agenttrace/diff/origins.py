"""Where differences begin, and which follow from them.

What happens before what: a span's start before the starts below it; on one lane, by order; where a
lane is spawned, the lane that spawns it; and the end of a lane that ran below a span before what
that span's own lane starts later. Clocks have no say in it. Of the spans that differ, those that
no other one comes before are origins. On another lane, a span follows from an origin too when its
changed input holds what the origin's changed output says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from agenttrace.diff.hashes import name_models
from agenttrace.diff.model import Flag, Outcome
from agenttrace.diff.provenance import holds_change
from agenttrace.diff.rows import find_parents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace.diff.model import Row

_AT_START: Final = frozenset({Flag.INPUT, Flag.PARAMS})
_AT_END: Final = frozenset({Flag.OUTPUT, Flag.ERROR, Flag.STATUS})
_MAX_SEARCHED: Final = 64
"""So many origins are looked for in the inputs of other lanes."""


class Traced(NamedTuple):
    """The rows that are origins, in the order of base, and for each row the one it follows from."""

    origins: list[int]
    follows: list[int | None]


class _Walk:
    """What has happened so far, by the numbers of rows."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self.parents = find_parents(rows)
        self.lanes = _name_lanes(rows)
        self.origins: list[int] = []
        self.follows: list[int | None] = [None] * len(rows)
        self.by_lane: dict[tuple[str, int], int] = {}
        self.within: dict[int, int] = {}  # of a row: an origin in its subtree
        self.joins: dict[int | None, list[tuple[int, int]]] = {}

    def run(self) -> Traced:
        below: dict[int | None, list[int]] = {}
        for number, parent in enumerate(self.parents):
            below.setdefault(parent, []).append(number)
        stack = [(number, False) for number in reversed(below.get(None, ()))]
        while stack:
            number, is_end = stack.pop()
            if is_end:
                self._end(number)
                continue
            self._start(number)
            stack.append((number, True))
            stack.extend((child, False) for child in reversed(below.get(number, ())))
        return Traced(self.origins, self.follows)

    def _start(self, number: int) -> None:
        row, lane = self.rows[number], self.lanes[number]
        cause = self.by_lane.get(lane)
        if cause is None:
            cause = self._find_before(number)
            if cause is not None:
                self.by_lane[lane] = cause
        if not starts_changed(row):
            return
        if cause is None:
            cause = self._search_input(number)
        self._mark(number, cause)

    def _end(self, number: int) -> None:
        row = self.rows[number]
        if ends_changed(row) and not starts_changed(row):
            cause = self.within.get(number, self.by_lane.get(self.lanes[number]))
            self._mark(number, cause)
        inner = self.within.get(number)
        if inner is None:
            return
        parent = self.parents[number]
        if parent is not None:
            self.within.setdefault(parent, inner)
        if self.lanes[number] != self._lane_of(parent):
            self.joins.setdefault(parent, []).append((number, inner))

    def _mark(self, number: int, cause: int | None) -> None:
        if cause is None:
            self.origins.append(number)
            cause = number
        else:
            self.follows[number] = cause
        self.by_lane.setdefault(self.lanes[number], cause)
        self.within.setdefault(number, cause)

    def _find_before(self, number: int) -> int | None:
        """Return an origin before this start on the lane that spawned its own, or that it joins."""
        parent = self.parents[number]
        if self.lanes[number] != self._lane_of(parent):
            return None if parent is None else self.by_lane.get(self.lanes[parent])
        for earlier, origin in self.joins.get(parent, ()):
            if _has_ended(self.rows[earlier], self.rows[number]):
                return origin
        return None

    def _search_input(self, number: int) -> int | None:
        row = self.rows[number]
        for origin in self.origins[:_MAX_SEARCHED]:
            source = self.rows[origin]
            if _has_ended(source, row) and holds_change(source, row):
                return origin
        return None

    def _lane_of(self, parent: int | None) -> tuple[str, int] | None:
        return ("head", 0) if parent is None else self.lanes[parent]


def trace_origins(rows: Sequence[Row]) -> Traced:
    """Return where the differences of some rows begin."""
    traced = _Walk(rows).run()
    return traced._replace(origins=sorted(traced.origins, key=lambda number: _rank(rows[number])))


def starts_changed(row: Row) -> bool:
    """Tell whether a row differs from its start on: by its place, its name or its input."""
    if row.outcome not in {Outcome.UNCHANGED, Outcome.CHANGED}:
        return True
    return bool(row.flags & _AT_START) or asks_other_model(row)


def ends_changed(row: Row) -> bool:
    """Tell whether what came of a row differs."""
    return bool(row.flags & _AT_END) or Flag.MODEL in row.flags


def asks_other_model(row: Row) -> bool:
    """Tell whether another model was asked for, and not just another one answered."""
    if Flag.MODEL not in row.flags or row.base_span is None or row.head_span is None:
        return False
    if row.base_span.model != row.head_span.model:
        return True
    return name_models(row.base_span) == name_models(row.head_span)


def _name_lanes(rows: Sequence[Row]) -> list[tuple[str, int]]:
    """Return the lane of each row: head's number for it, where a span tells what that is."""
    known: dict[int, int] = {}
    for row in rows:
        if row.base is not None and row.head is not None:
            known.setdefault(row.base.lane, row.head.lane)
    names = []
    for row in rows:
        if row.head is not None:
            names.append(("head", row.head.lane))
        elif row.ref.lane in known:
            names.append(("head", known[row.ref.lane]))
        else:
            names.append(("base", row.ref.lane))
    return names


def _has_ended(earlier: Row, later: Row) -> bool:
    """Tell whether one row's span was over when another's began, on a side that has both."""
    for one, other in ((earlier.head, later.head), (earlier.base, later.base)):
        if one is not None and other is not None:
            return one.end_seq is not None and one.end_seq < other.seq
    return False


def _rank(row: Row) -> tuple[int, bool]:
    return row.ref.seq if row.base is None else row.base.seq, row.base is None
