"""What every format is written from: a title, a few sentences, gates and tables of texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agenttrace.diff.gates.model import GateReport


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of texts under a title; `note` says what is left out or how to read it."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """A comparison to be written. `base` and `head` are how the two sides are called.

    `findings` are a title and a sentence each: what is said of it where no gate judges. `missing`
    says why there is too little to judge by.
    """

    title: str
    base: str
    head: str
    summary: tuple[str, ...] = ()
    gates: GateReport | None = None
    tables: tuple[Table, ...] = ()
    warnings: tuple[str, ...] = ()
    findings: tuple[tuple[str, str], ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def is_told(self) -> bool:
        """Whether it says what differs: where nothing was compared, it says what is missing."""
        return self.gates is None and bool(self.summary or not self.missing)
