"""A comparison as people read it: what differs, where it began, and the tree of both runs."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from agenttrace.cli.diff_tree import (
    Sided,
    TreeWriter,
    describe_contents,
    list_flags,
    write_sided,
)
from agenttrace.cli.output import is_unicode
from agenttrace.diff.contents import list_run_contents
from agenttrace.diff.repeats import fold_origins
from agenttrace.diff.verdicts import Verdict, describe_verdict, find_verdict
from agenttrace.trace.visible import (
    measure_cells,
    show_count,
    show_duration,
    show_text,
    show_usd,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agenttrace.cli.output import Screen
    from agenttrace.diff.metrics import MetricDelta
    from agenttrace.diff.model import Cause, Flag, RunDiff, RunRef
    from agenttrace.diff.repeats import FoldedOrigin

_MAX_ORIGINS: Final = 20
_VERDICT_STYLES: Final = {
    Verdict.IDENTICAL: "bold green",
    Verdict.DIFFERENT: "bold",
    Verdict.UNRELATED: "bold yellow",
    Verdict.NO_SPANS: "bold yellow",
    Verdict.INCOMPLETE: "bold yellow",
}
_FIGURES: Final = (("duration", "wall_ns"), ("tokens", "total_tokens"), ("cost", "cost_usd"))


def write_diff(diff: RunDiff, screen: Screen, *, is_changed_only: bool) -> Iterator[str]:
    """Yield the lines of a comparison, no wider than a terminal that they go to."""
    arrow = "→" if is_unicode() else "->"
    writer = _Writer(diff, screen, arrow)
    yield from writer.write_head()
    yield from writer.write_origins()
    tree = TreeWriter(diff, screen, arrow)
    rows = list(tree.write_rows(is_changed_only=is_changed_only))
    if rows:
        yield ""
        yield from rows


class _Writer:
    def __init__(self, diff: RunDiff, screen: Screen, arrow: str) -> None:
        self._diff = diff
        self._screen = screen
        self._arrow = arrow

    def write_head(self) -> Iterator[str]:
        diff = self._diff
        yield from self._describe_run("base", diff.base)
        yield from self._describe_run("head", diff.head)
        style = _VERDICT_STYLES[find_verdict(diff)]
        yield from self._screen.wrap(describe_verdict(diff), style=style)
        if diff.run_flags:
            yield from self._describe_own()
        figures = [
            f"{title} {shown}"
            for title, name in _FIGURES
            if (shown := self._show_delta(name, diff.aggregates.total.get(name)))
        ]
        if figures:
            yield from self._screen.wrap(" · ".join(figures), style="dim")

    def _describe_own(self) -> Iterator[str]:
        """Yield what of the run itself differs."""
        diff = self._diff
        after = ""
        if diff.run_origin is not None and not diff.origins[diff.run_origin].is_run:
            after = f", follows from #{diff.run_origin + 1}"
        yield f"the run's own {list_flags(diff.run_flags)} {_differs(diff.run_flags)}{after}"
        for detail in describe_contents(list_run_contents(diff)):
            yield from write_sided(self._screen, "    ", detail, self._arrow)

    def _describe_run(self, side: str, run: RunRef) -> Iterator[str]:
        about = f"{show_text(run.name)}  {run.status.value}  {show_count(run.spans, 'span')}"
        line = f"{side}  {run.run_id}  {about}"
        width = self._screen.width
        title = self._screen.paint(side, "bold")
        if width is None or measure_cells(line) <= width:
            yield f"{title}  {run.run_id}  {about}"
        else:  # the id is what another command is given: it stays whole
            yield f"{title}  {run.run_id}"
            yield self._screen.fit(f"      {about}")

    def _show_delta(self, name: str, delta: MetricDelta) -> str:
        if delta.base is None and delta.head is None:
            return ""
        shown = [_show_figure(name, value) for value in (delta.base, delta.head)]
        if delta.base == delta.head:
            return shown[0]
        percent = "" if delta.percent is None else f" ({delta.percent:+.0f} %)"
        return f"{shown[0]} {self._arrow} {shown[1]}{percent}"

    def write_origins(self) -> Iterator[str]:
        origins = fold_origins(self._diff.origins)
        for folded in origins[:_MAX_ORIGINS]:
            yield ""
            yield from self._write_origin(folded)
        if len(origins) > _MAX_ORIGINS:
            rest = sum(1 + folded.more for folded in origins[_MAX_ORIGINS:])
            yield ""
            text = f"and {show_count(rest, 'more place')} where differences begin"
            yield from self._screen.wrap(text)
        if self._diff.performance is not None:
            yield ""
            yield from self._write_cause(self._diff.performance)

    def _write_origin(self, folded: FoldedOrigin) -> Iterator[str]:
        origin = folded.origin
        title = "begins at" if folded.number == 0 else "and at"
        mark = f"#{folded.number + 1} "
        place = f"{title} {show_text(origin.path, max_chars=400)}"
        place = self._screen.fit(place, taken=len(mark))
        yield f"{mark}{self._screen.paint(place, 'bold')}"
        yield from self._write_cause(origin.cause)
        if folded.more:
            text = f"   and {folded.more:,} more like this, up to #{folded.last + 1}"
            yield from self._screen.wrap(text, indent=3)
        if folded.propagated:
            verb = "follows" if folded.propagated == 1 else "follow"
            what = "them" if folded.more else "it"
            yield f"   {show_count(folded.propagated, 'row')} {verb} from {what}"

    def _write_cause(self, cause: Cause) -> Iterator[str]:
        detail = "" if cause.detail is None else f" ({show_text(cause.detail)})"
        yield f"   {self._screen.paint(cause.kind.value.replace('_', ' '), 'yellow')}{detail}"
        for fact in cause.evidence:
            sides = [None if each is None else show_text(each) for each in (fact.base, fact.head)]
            if sides[0] == sides[1]:
                told = Sided(show_text(fact.name), sides[0] or "")
            else:
                told = Sided(show_text(fact.name), *(each or "nothing" for each in sides))
            yield from write_sided(self._screen, "   ", told, self._arrow)
        if cause.action is not None:
            # A command that is cut is of no use.
            yield from self._screen.wrap(f"   to prove it: {cause.action}", indent=6, style="dim")


def _show_figure(name: str, value: int | Decimal | None) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, Decimal):
        return show_usd(value)
    return show_duration(value) if name.endswith("_ns") else f"{value:,}"


def _differs(flags: Sequence[Flag] | frozenset[Flag]) -> str:
    return "differs" if len(flags) == 1 else "differ"
