"""What a guarantee promises, beside what was measured of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Bound(NamedTuple):
    """A figure in the unit that `what` names, and what it may be at most."""

    what: str
    figure: float
    limit: float
    is_count: bool = False
    """A count fails the program when it is over its limit; a time only says so."""

    @property
    def holds(self) -> bool:
        """Tell whether the figure is within its limit."""
        return self.figure <= self.limit

    def write(self) -> str:
        """Return a line: what, figure, limit, and whether it holds."""
        shown = f"{self.figure:,.0f}" if self.is_count else f"{self.figure:,.1f}"
        mark = "ok" if self.holds else "FAILS" if self.is_count else "over"
        return f"     {self.what:<58} {shown:>10}  at most {self.limit:>6,.0f}  {mark}"


def count(what: str, figure: int, limit: int = 0) -> Bound:
    """Return a count that fails the program when it is over its limit."""
    return Bound(what, figure, limit, is_count=True)


def pick(ordered: Sequence[float], share: float) -> float:
    """Return the figure below which so large a share of sorted figures is."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def print_bounds(title: str, bounds: Iterable[Bound]) -> bool:
    """Print them; return whether all counts are within their limits."""
    print(title)
    is_clean = True
    for bound in bounds:
        print(bound.write(), flush=True)
        is_clean &= bound.holds or not bound.is_count
    return is_clean
