"""The rows of a comparison as a tree: what differs, what it is below, and few others."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from agenttrace.cli.output import is_unicode
from agenttrace.diff.contents import list_contents, show_failure
from agenttrace.diff.model import Flag, Outcome
from agenttrace.diff.rows import find_parents
from agenttrace.diff.sided import MAX_CHANGES, VALUE_CHARS, Sided, describe_contents
from agenttrace.trace.visible import measure_cells, show_count, show_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from agenttrace.cli.output import Screen
    from agenttrace.diff.model import Row, RunDiff

MARKS: Final = {
    Outcome.UNCHANGED: " ",
    Outcome.CHANGED: "~",
    Outcome.ADDED: "+",
    Outcome.REMOVED: "-",
    Outcome.MOVED: ">",
    Outcome.RENAMED: "=",
    Outcome.WRAPPED: "(",
    Outcome.UNWRAPPED: ")",
}
"""What stands before a row. `(` is new around what was there, `)` is gone from around it."""

_STYLES: Final = {
    Outcome.UNCHANGED: "dim",
    Outcome.CHANGED: "yellow",
    Outcome.ADDED: "green",
    Outcome.REMOVED: "red",
    Outcome.MOVED: "cyan",
    Outcome.RENAMED: "magenta",
    Outcome.WRAPPED: "green",
    Outcome.UNWRAPPED: "red",
}
_FOLDED: Final = 4
"""So many rows in which nothing differs, one after another, are one line."""

_LONG_WAY: Final = 12
"""So many rows, each with nothing but the next one below it, are shown; of more the ends."""

_WAY_ENDS: Final = 4
_ALIKE: Final = 3
"""So many rows in which the same differs are shown; more of them are a number."""

_MAX_INDENT: Final = 30
_MAX_FOLLOWING: Final = 3
"""So many places are shown of a row that follows from an origin."""

_MAX_TOLD_FOLLOWING: Final = 200
"""So many of these rows are looked into."""


class _Told(NamedTuple):
    """What is said of a row in which something differs; equal ones are alike."""

    kind: str
    title: str
    has_facts: bool
    details: tuple[Sided, ...]


class TreeWriter:
    """Writes the rows of one comparison, each in a line with what differs in it below."""

    def __init__(self, diff: RunDiff, screen: Screen, arrow: str) -> None:
        self._diff = diff
        self._screen = screen
        self._arrow = arrow
        self._parents = find_parents(diff.rows)
        self._depths: list[int] = []
        self._told_following = 0
        for parent in self._parents:
            self._depths.append(0 if parent is None else self._depths[parent] + 1)

    def write_rows(self, *, is_changed_only: bool) -> Iterator[str]:
        """Yield a line for each row, and what differs in it; rows without a difference are few.

        Of many rows in which the same differs the first are shown, wherever they stand.
        """
        told = {n: self._tell_row(row) for n, row in enumerate(self._diff.rows) if row.self_changed}
        repeats = _find_repeats(told)
        shown, folded = self._choose_rows(told.keys() - repeats, is_changed_only=is_changed_only)
        hidden: list[int] = []
        for number in range(len(self._diff.rows)):
            if number in shown:
                yield from self._write_hidden(hidden, repeats)
                hidden.clear()
                yield from self._write_row(number, told.get(number))
            elif number in repeats or number in folded or not is_changed_only:
                hidden.append(number)
        yield from self._write_hidden(hidden, repeats)

    def _choose_rows(
        self, told: AbstractSet[int], *, is_changed_only: bool
    ) -> tuple[set[int], set[int]]:
        """Return the rows to show: those that are told, what they are below, and few others.

        Of a long way down to a single row the middle is left out: those are returned apart.
        """
        shown: set[int] = set()
        for number in told:
            place: int | None = number
            while place is not None and place not in shown:
                shown.add(place)
                place = self._parents[place]
        folded = self._find_long_ways(shown, told)
        shown -= folded
        if is_changed_only:
            return shown, folded
        start, count = 0, len(self._diff.rows)
        for number in range(count + 1):
            if number < count and number not in shown:
                continue
            if number - start <= _FOLDED:
                shown.update(range(start, number))
            start = number + 1
        return shown, folded

    def _find_long_ways(self, shown: AbstractSet[int], told: AbstractSet[int]) -> set[int]:
        """Return the middles of rows that each have nothing but the next one shown below them."""
        below = Counter(self._parents[number] for number in shown)
        folded: set[int] = set()
        way: list[int] = []
        for number in sorted(shown):  # each is followed by the first row below it
            if number not in told and below[number] == 1:
                way.append(number)
                continue
            if len(way) > _LONG_WAY:
                folded.update(way[_WAY_ENDS:-_WAY_ENDS])
            way.clear()
        return folded

    def _write_hidden(self, hidden: list[int], repeats: set[int]) -> Iterator[str]:
        mark = "…" if is_unicode() else "..."
        alike = len(repeats.intersection(hidden))
        unchanged = len(hidden) - alike
        facts = [f"{unchanged:,} unchanged"] if unchanged else []
        if alike:
            facts.append(f"and {alike:,} more like {'those above' if unchanged else 'this'}")
        if facts:
            indent = "  " * min(_MAX_INDENT, *(self._depths[number] for number in hidden))
            line = self._screen.fit(f"  {indent}{mark} {', '.join(facts)}")
            yield self._screen.paint(line, "dim")

    def _write_row(self, number: int, told: _Told | None) -> Iterator[str]:
        row = self._diff.rows[number]
        style = "dim" if row.is_propagated else _STYLES[row.outcome]
        indent = "  " * min(self._depths[number], _MAX_INDENT)
        title = show_text(row.ref.name) if told is None else told.title
        after = "" if row.origin is None else f"follows from #{row.origin + 1}"
        if after:
            title += f", {after}" if told is not None and told.has_facts else f"  {after}"
        line = self._screen.fit(f"{MARKS[row.outcome]} {indent}{title}")
        yield self._screen.paint(line, style)
        for detail in () if told is None else told.details:
            yield from write_sided(self._screen, f"  {indent}    ", detail, self._arrow)

    def _tell_row(self, row: Row) -> _Told:
        name = show_text(row.ref.name)
        if row.outcome is Outcome.RENAMED and row.base is not None:
            name = f"{show_text(row.base.name)} {self._arrow} {name}"
        facts = [list_flags(row.flags)] if row.flags else []
        if row.covers:
            facts.append(f"around {show_count(row.covers, 'span')}")
        if row.reason is not None:
            facts.append(row.reason.replace("_", " "))
        title = f"{name}  {', '.join(facts)}" if facts else name
        failure = show_failure(row)
        if not row.is_propagated:
            details = tuple(self._tell_contents(row, MAX_CHANGES))
        elif failure is not None:  # never left out, whatever it follows from
            details = (Sided("fails", show_text(failure, max_chars=VALUE_CHARS)),)
        elif row.flags and self._told_following < _MAX_TOLD_FOLLOWING:
            self._told_following += 1
            details = tuple(self._tell_contents(row, _MAX_FOLLOWING))
        else:
            details = ()
        return _Told(f"{row.outcome}{row.is_propagated}", title, bool(facts), details)

    def _tell_contents(self, row: Row, most: int) -> Iterator[Sided]:
        yield from describe_contents(list_contents(row, self._diff.rules), most=most)
        if Flag.STATUS in row.flags and row.base is not None and row.head is not None:
            yield Sided("status", row.base.status.value, row.head.status.value)


def write_sided(screen: Screen, indent: str, fact: Sided, arrow: str) -> Iterator[str]:
    """Yield a fact in a line, or, where it is wider than the terminal, its sides below it."""
    title, base, head = fact
    if base is None or head is None:
        yield screen.fit(f"{indent}{title}" if base is None else f"{indent}{title}: {base}")
        return
    line = f"{indent}{title}: {base} {arrow} {head}"
    if screen.width is None or measure_cells(line) <= screen.width:
        yield line
        return
    yield screen.fit(f"{indent}{title}:")
    yield screen.paint(screen.fit(f"{indent}  - {base}"), "red")
    yield screen.paint(screen.fit(f"{indent}  + {head}"), "green")


def _find_repeats(told: dict[int, _Told]) -> set[int]:
    """Return the rows that are like others, but for the first few of each kind."""
    counts = Counter(told.values())
    seen: Counter[_Told] = Counter()
    found: set[int] = set()
    for number, each in told.items():
        seen[each] += 1
        if seen[each] > _ALIKE and counts[each] > _ALIKE + 1:
            found.add(number)
    return found


def list_flags(flags: frozenset[Flag]) -> str:
    """Return the names of flags, in their order."""
    return ", ".join(flag.value for flag in Flag if flag in flags)
