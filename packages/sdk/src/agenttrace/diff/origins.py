"""Where differences begin, and which follow from them.

What happens before what: a span's start before the starts below it; on one lane, by order; where a
lane is spawned, the lane that spawns it; and the end of a lane that ran below a span before what
that span's own lane starts later. Clocks have no say in it. Of the spans that differ, those that
no other one comes before are origins. On another lane, a span follows from an origin too when its
changed input holds what the origin newly says.

What ended alike is over: nothing after it follows from what differs within it, but where its
changed input holds the same new value. And a span that is known to be given the same and ends
otherwise, with nothing that differs within it, is an origin whatever came before it.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from agenttrace.diff.hashes import name_models
from agenttrace.diff.model import Flag, Outcome
from agenttrace.diff.provenance import Source, read_result, read_target, says_something
from agenttrace.diff.rows import find_parents
from agenttrace.wire import RunStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agenttrace.diff.model import Row, RunRef
    from agenttrace.diff.provenance import Target

_AT_START: Final = frozenset({Flag.INPUT, Flag.PARAMS})
_AT_END: Final = frozenset({Flag.OUTPUT, Flag.ERROR, Flag.STATUS})
_MAIN: Final = ("head", 0)
_MAX_SEARCHED: Final = 64
"""So many origins are looked for in an input or output."""


RUN: Final = -1
"""Stands for the run itself among the numbers of rows."""


class Runs(NamedTuple):
    """The runs themselves, and what of them differs."""

    base: RunRef
    head: RunRef
    flags: frozenset[Flag]


class Traced(NamedTuple):
    """The rows that are origins, in the order of base, and for each row the one it follows from.

    `run_follows` is what the run's own end follows from.
    """

    origins: list[int]
    follows: list[int | None]
    run_follows: int | None


class _Walk:
    """What has happened so far, by the numbers of rows.

    Origins that may still act are kept in order, by lane (`live`) and by the row that they are
    within (`inner`).
    """

    def __init__(self, rows: Sequence[Row], runs: Runs) -> None:
        self.rows = rows
        self.runs = runs
        self.parents = find_parents(rows)
        self.lanes = _name_lanes(rows)
        self.origins: list[int] = []
        self.follows: list[int | None] = [None] * len(rows)
        self.from_run = {RUN: None} if Flag.INPUT in runs.flags else {}
        self.live: dict[tuple[str, int], dict[int, None]] = {_MAIN: self.from_run.copy()}
        self.before: dict[int, int] = {}  # of a row: how many were live on its lane at its start
        self.inner: dict[int | None, dict[int, None]] = {}
        self.joins: dict[int | None, list[tuple[int, int]]] = {}
        self.sources: dict[int, Source] = {}

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
        return Traced(self.origins, self.follows, self._end_run())

    def _end_run(self) -> int | None:
        """Return what the run's own end follows from, the run itself where it is an origin."""
        if RUN in self.from_run:
            return RUN
        if not self.runs.flags & _AT_END or RunStatus.STARTED in {
            self.runs.base.status,
            self.runs.head.status,
        }:
            return None
        result = read_result(self.runs.base, self.runs.head)
        cause = self._choose(self.inner.get(None, {}), lambda: result)
        return RUN if cause is None else cause

    def _start(self, number: int) -> None:
        row = self.rows[number]
        live = self.live.setdefault(self.lanes[number], {})
        if not live:
            live.update(self._find_before(number))
        self.before[number] = len(live)
        if starts_changed(row):
            cause = self._choose(live, lambda: read_target(row, is_input=True))
            if cause is None:
                cause = self._search_input(number)
            self._mark(number, cause)

    def _end(self, number: int) -> None:
        row, live = self.rows[number], self.live[self.lanes[number]]
        if ends_changed(row) and not starts_changed(row):
            inner = self.inner.get(number, {})
            cause = self._choose(inner, lambda: read_target(row, is_input=False))
            if cause is None and not is_given_same(row):
                cause = self._choose(live, lambda: read_target(row, is_input=False))
            self._mark(number, cause)
        if _ends_alike(row):
            while len(live) > self.before[number]:
                live.popitem()
            return
        found = self.inner.get(number)
        if not found:
            return
        parent = self.parents[number]
        self.inner.setdefault(parent, {}).update(dict.fromkeys(_take_last(found)))
        if self.lanes[number] != self._lane_of(parent):
            self.joins.setdefault(parent, []).append((number, next(iter(found))))

    def _mark(self, number: int, cause: int | None) -> None:
        if cause is None:
            self.origins.append(number)
            cause = number
        else:
            self.follows[number] = cause
        self.live[self.lanes[number]].setdefault(cause)
        self.inner.setdefault(number, {}).setdefault(cause)

    def _choose(self, causes: dict[int, None], read: Callable[[], Target]) -> int | None:
        """Return the last of some origins of which new values are in a text, else the first."""
        if len(causes) > 1:
            target = read()
            for origin in _take_last(causes)[::-1]:
                if self._source(origin).is_said_in(target):
                    return origin
        return next(iter(causes), None)

    def _find_before(self, number: int) -> dict[int, None]:
        """Return origins before this start on the lane that spawned its own, or that it joins."""
        parent = self.parents[number]
        if self.lanes[number] != self._lane_of(parent):
            live = self.live.get(self._lane_of(parent), {})
            return dict.fromkeys(_take_last(live))
        found: dict[int, None] = {}
        for earlier, origin in self.joins.get(parent, ())[-_MAX_SEARCHED:]:
            if has_ended(self.rows[earlier], self.rows[number]):
                found[origin] = None
        return found

    def _search_input(self, number: int) -> int | None:
        if not self.origins:
            return None
        row = self.rows[number]
        target = read_target(row, is_input=True)
        for origin in self.origins[:_MAX_SEARCHED]:
            if not has_ended(self.rows[origin], row):
                continue
            source = self._source(origin)
            if source.is_said_in(target) or source.is_given_in(target):
                return origin
        return None

    def _source(self, origin: int) -> Source:
        found = self.sources.get(origin)
        if found is None:
            runs = self.runs
            found = self.sources[origin] = (
                Source.of_run(runs.base, runs.head)
                if origin == RUN
                else Source.of_row(self.rows[origin])
            )
        return found

    def _lane_of(self, parent: int | None) -> tuple[str, int]:
        return _MAIN if parent is None else self.lanes[parent]


def trace_origins(rows: Sequence[Row], runs: Runs) -> Traced:
    """Return where the differences of some rows, and of the run that they are in, begin.

    The run itself is first where it was given something else, last where it ended otherwise.
    """
    traced = _Walk(rows, runs).run()
    origins = sorted(traced.origins, key=lambda number: _rank(rows[number]))
    if traced.run_follows == RUN:
        origins.insert(0 if Flag.INPUT in runs.flags else len(origins), RUN)
    return traced._replace(origins=origins)


def starts_changed(row: Row) -> bool:
    """Tell whether a row differs from its start on: by its place, its name or its input."""
    if row.outcome not in {Outcome.UNCHANGED, Outcome.CHANGED}:
        return True
    return bool(row.flags & _AT_START) or asks_other_model(row)


def ends_changed(row: Row) -> bool:
    """Tell whether what came of a row differs."""
    return bool(row.flags & _AT_END) or Flag.MODEL in row.flags


def is_given_same(row: Row) -> bool:
    """Tell whether a span on both sides is known to have been given the same, and given anything.

    A call without a recorded input may have been given anything.
    """
    if row.base_span is None or row.head_span is None or starts_changed(row):
        return False
    return says_something(row.base_span.input) and says_something(row.head_span.input)


def _ends_alike(row: Row) -> bool:
    """Tell whether a span of both sides is known to have come to the same."""
    is_pair = row.outcome in {Outcome.UNCHANGED, Outcome.CHANGED}
    return is_pair and row.has_result and not row.flags & _AT_END


def asks_other_model(row: Row) -> bool:
    """Tell whether another model was asked for, and not just another one answered."""
    if Flag.MODEL not in row.flags or row.base_span is None or row.head_span is None:
        return False
    if row.base_span.model != row.head_span.model:
        return True
    return name_models(row.base_span) == name_models(row.head_span)


def _take_last(origins: dict[int, None]) -> list[int]:
    """Return the last origins of some, in order."""
    return list(islice(reversed(origins), _MAX_SEARCHED))[::-1]


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


def has_ended(earlier: Row, later: Row) -> bool:
    """Tell whether one row's span was over when another's began, on a side that has both."""
    for one, other in ((earlier.head, later.head), (earlier.base, later.base)):
        if one is not None and other is not None:
            return one.end_seq is not None and one.end_seq < other.seq
    return False


def _rank(row: Row) -> tuple[int, bool]:
    return row.ref.seq if row.base is None else row.base.seq, row.base is None
