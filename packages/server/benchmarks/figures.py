"""Rows of the table of figures."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """One figure, in the unit that `what` names."""

    number: str
    what: str
    goal: str
    figure: float
    floor: float | None = None

    def write(self) -> str:
        """Return the row as a line of the table."""
        ratio = f"{self.figure / self.floor:8.2f}" if self.floor else ""
        floor = f"{self.floor:,.1f}" if self.floor else ""
        return (
            f"{self.number:<4} {self.what:<46} {self.goal:>9} {self.figure:>11,.1f} {floor:>10} "
            f"{ratio}"
        ).rstrip()
