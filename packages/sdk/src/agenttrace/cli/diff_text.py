"""A comparison as people read it: what differs, where it began, and the tree of both runs."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from agenttrace.cli.output import is_unicode
from agenttrace.diff.contents import list_contents
from agenttrace.diff.fields import MISSING, ChangeKind
from agenttrace.diff.flags import shorten
from agenttrace.diff.model import Flag, Outcome
from agenttrace.diff.rows import find_parents
from agenttrace.trace.visible import (
    fit_cells,
    measure_cells,
    show_count,
    show_duration,
    show_text,
    show_usd,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agenttrace.cli.output import Screen
    from agenttrace.diff.fields import Change
    from agenttrace.diff.model import Cause, MetricDelta, Origin, Row, RunDiff, RunRef
    from agenttrace.wire import JsonValue

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

_MAX_INDENT: Final = 30
_MAX_ORIGINS: Final = 20
_VALUE_CHARS: Final = 100
_MAX_CHANGES: Final = 8
_FIGURES: Final = (("duration", "wall_ns"), ("tokens", "total_tokens"), ("cost", "cost_usd"))


def write_diff(diff: RunDiff, screen: Screen, *, is_changed_only: bool) -> Iterator[str]:
    """Yield the lines of a comparison, no wider than a terminal that they go to."""
    arrow = "→" if is_unicode() else "->"
    writer = _Writer(diff, screen, arrow)
    yield from writer.write_head()
    yield from writer.write_origins()
    rows = list(writer.write_rows(is_changed_only=is_changed_only))
    if rows:
        yield ""
        yield from rows


class _Writer:
    def __init__(self, diff: RunDiff, screen: Screen, arrow: str) -> None:
        self._diff = diff
        self._screen = screen
        self._arrow = arrow
        self._parents = find_parents(diff.rows)
        self._depths: list[int] = []
        for parent in self._parents:
            self._depths.append(0 if parent is None else self._depths[parent] + 1)

    def write_head(self) -> Iterator[str]:
        diff = self._diff
        yield self._describe_run("base", diff.base)
        yield self._describe_run("head", diff.head)
        if diff.identical:
            yield self._screen.paint("identical", "bold green")
        else:
            about = ", approximately" if diff.approx else ""
            yield self._screen.paint(self._describe_counts() + about, "bold")
        if diff.run_flags:
            yield f"the run's own {_list_flags(diff.run_flags)} {_differs(diff.run_flags)}"
        figures = [
            f"{title} {shown}"
            for title, name in _FIGURES
            if (shown := self._show_delta(name, diff.aggregates.total.get(name)))
        ]
        if figures:
            yield self._screen.paint(" · ".join(figures), "dim")

    def _describe_run(self, side: str, run: RunRef) -> str:
        about = f"{show_text(run.name)}  {run.status.value}  {show_count(run.spans, 'span')}"
        return f"{self._screen.paint(side, 'bold')}  {run.run_id}  {about}"

    def _describe_counts(self) -> str:
        counts = self._diff.counts
        found = [
            f"{count:,} {outcome.value}"
            for outcome in Outcome
            if outcome is not Outcome.UNCHANGED and (count := getattr(counts, outcome.value))
        ]
        return ", ".join([*found, f"{counts.unchanged:,} unchanged"])

    def _show_delta(self, name: str, delta: MetricDelta) -> str:
        if delta.base is None and delta.head is None:
            return ""
        shown = [_show_figure(name, value) for value in (delta.base, delta.head)]
        if delta.base == delta.head:
            return shown[0]
        percent = "" if delta.percent is None else f" ({delta.percent:+.0f} %)"
        return f"{shown[0]} {self._arrow} {shown[1]}{percent}"

    def write_origins(self) -> Iterator[str]:
        origins = self._diff.origins
        for number, origin in enumerate(origins[:_MAX_ORIGINS], 1):
            yield ""
            yield from self._write_origin(number, origin)
        if len(origins) > _MAX_ORIGINS:
            yield f"and {len(origins) - _MAX_ORIGINS:,} more places where differences begin"
        if self._diff.performance is not None:
            yield ""
            yield from self._write_cause(self._diff.performance)

    def _write_origin(self, number: int, origin: Origin) -> Iterator[str]:
        title = "begins at" if number == 1 else "and at"
        place = f"{title} {show_text(origin.path, max_chars=400)}"
        yield self._fit(f"#{number} {self._screen.paint(place, 'bold')}")
        yield from self._write_cause(origin.cause)
        if origin.propagated:
            verb = "follows" if origin.propagated == 1 else "follow"
            yield f"   {show_count(origin.propagated, 'row')} {verb} from it"

    def _write_cause(self, cause: Cause) -> Iterator[str]:
        detail = "" if cause.detail is None else f" ({show_text(cause.detail)})"
        yield f"   {self._screen.paint(cause.kind.value.replace('_', ' '), 'yellow')}{detail}"
        for fact in cause.evidence:
            sides = [None if each is None else show_text(each) for each in (fact.base, fact.head)]
            if sides[0] == sides[1]:
                shown = sides[0] or ""
            else:
                shown = f" {self._arrow} ".join(each or "nothing" for each in sides)
            yield self._fit(f"   {show_text(fact.name)}: {shown}")
        if cause.action is not None:
            yield self._screen.paint(self._fit(f"   to prove it: {cause.action}"), "dim")

    def write_rows(self, *, is_changed_only: bool) -> Iterator[str]:
        """Yield a line for each row, and what differs in it; rows without a difference are few."""
        shown = self._choose_rows(is_changed_only=is_changed_only)
        hidden = 0
        for number, row in enumerate(self._diff.rows):
            if number not in shown:
                hidden += 1
                continue
            if hidden and not is_changed_only:
                yield self._write_hidden(hidden, number)
            hidden = 0
            yield from self._write_row(number, row)
        if hidden and not is_changed_only:
            yield self._write_hidden(hidden, len(self._diff.rows) - 1)

    def _choose_rows(self, *, is_changed_only: bool) -> set[int]:
        """Return the rows to show: those that differ, what they are below, and few others."""
        rows = self._diff.rows
        shown: set[int] = set()
        for number, row in enumerate(rows):
            place: int | None = number if row.self_changed else None
            while place is not None and place not in shown:
                shown.add(place)
                place = self._parents[place]
        if is_changed_only:
            return shown
        start = 0
        for number in range(len(rows) + 1):
            if number < len(rows) and number not in shown:
                continue
            if number - start <= _FOLDED:
                shown.update(range(start, number))
            start = number + 1
        return shown

    def _write_hidden(self, count: int, number: int) -> str:
        mark = "…" if is_unicode() else "..."
        indent = "  " * min(self._depths[number], _MAX_INDENT)
        return self._screen.paint(f"  {indent}{mark} {count:,} unchanged", "dim")

    def _write_row(self, number: int, row: Row) -> Iterator[str]:
        style = "dim" if row.is_propagated else _STYLES[row.outcome]
        indent = "  " * min(self._depths[number], _MAX_INDENT)
        name = show_text(row.ref.name)
        if row.outcome is Outcome.RENAMED and row.base is not None:
            name = f"{show_text(row.base.name)} {self._arrow} {name}"
        told = self._describe_row(row)
        line = self._fit(f"{MARKS[row.outcome]} {indent}{name}{told}")
        yield self._screen.paint(line, style)
        if row.outcome is Outcome.CHANGED and not row.is_propagated:
            yield from self._write_contents(f"  {indent}    ", row)
            for flag in (flag for flag in (Flag.ERROR, Flag.STATUS) if flag in row.flags):
                yield from self._write_part(f"  {indent}    ", row, flag)

    def _describe_row(self, row: Row) -> str:
        facts = [_list_flags(row.flags)] if row.flags else []
        if row.covers:
            facts.append(f"around {show_count(row.covers, 'span')}")
        if row.reason is not None:
            facts.append(row.reason.replace("_", " "))
        if row.origin is not None:
            facts.append(f"follows from #{row.origin + 1}")
        return f"  {', '.join(facts)}" if facts else ""

    def _write_contents(self, indent: str, row: Row) -> Iterator[str]:
        for contents in list_contents(row, self._diff.rules):
            if contents.is_too_large:
                yield f"{indent}{contents.part}: over 1 MiB, not looked into"
            for change in contents.changes[:_MAX_CHANGES]:
                yield self._fit(f"{indent}{self._describe_change(change)}")
            if len(contents.changes) > _MAX_CHANGES:
                yield f"{indent}and {len(contents.changes) - _MAX_CHANGES:,} more"

    def _describe_change(self, change: Change) -> str:
        about = "" if change.message is None else f" ({change.message.value})"
        path = show_text(change.path, max_chars=400)
        if change.kind is ChangeKind.MOVED:
            return f"{path}{about}: moved from {change.base} to {change.head}"
        sides = [_show_value(each) for each in (change.base, change.head)]
        return f"{path}{about}: {sides[0]} {self._arrow} {sides[1]}"

    def _write_part(self, indent: str, row: Row, flag: Flag) -> Iterator[str]:
        base, head = row.base_span, row.head_span
        if base is None or head is None:
            return
        if flag is Flag.ERROR:
            sides = [
                "none"
                if span.error is None
                else show_text(f"{span.error.type}: {span.error.message}")
                for span in (base, head)
            ]
        else:
            sides = [base.status.value, head.status.value]
        yield self._fit(f"{indent}{flag.value}: {sides[0]} {self._arrow} {sides[1]}")

    def _fit(self, line: str) -> str:
        width = self._screen.width
        if width is None or measure_cells(line) <= width:
            return line
        return fit_cells(line, width)


def _show_figure(name: str, value: int | Decimal | None) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, Decimal):
        return show_usd(value)
    return show_duration(value) if name.endswith("_ns") else f"{value:,}"


def _show_value(value: JsonValue) -> str:
    if value is MISSING:
        return "nothing"
    return show_text(shorten(value, max_chars=_VALUE_CHARS), max_chars=_VALUE_CHARS)


def _list_flags(flags: frozenset[Flag]) -> str:
    return ", ".join(flag.value for flag in Flag if flag in flags)


def _differs(flags: Sequence[Flag] | frozenset[Flag]) -> str:
    return "differs" if len(flags) == 1 else "differ"
