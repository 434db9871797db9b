"""What an exporter is and what it answers. Authors import it from `agenttrace.plugins`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import isnan
from typing import TYPE_CHECKING, ClassVar, Literal, Self, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agenttrace.wire import Record

Kind: TypeAlias = Literal["delivered", "retry", "rejected", "stopped"]


class ExportResult:
    """What became of a batch: delivered, or one of three reasons why not.

    ExportResult.DELIVERED                              every record arrived
    ExportResult.RETRY()                                none counts as arrived; try again later
    ExportResult.RETRY(after_s=2.0)                     … not before 2 s from now
    ExportResult.REJECTED({3: "too_large: 17 MiB"})     record 3 never will; all others arrived
    ExportResult.STOPPED("the key is refused")          none arrived, and trying again is no use
    """

    __slots__ = ("after_s", "kind", "reason", "reasons")

    DELIVERED: ClassVar[ExportResult]

    def __init__(
        self,
        kind: Kind,
        *,
        after_s: float | None = None,
        reasons: Mapping[int, str] | None = None,
        reason: str | None = None,
    ) -> None:
        """Raise TypeError for a pause that is no number or reasons that are not by position."""
        if after_s is not None and isnan(after_s):  # isnan itself refuses what is no number
            raise TypeError(f"RETRY({after_s!r}): expected a pause in seconds")
        self.kind = kind
        self.after_s = after_s
        self.reason = reason
        self.reasons = dict(reasons or {})
        if not all(type(index) is int for index in self.reasons):
            raise TypeError(f"REJECTED({self.reasons!r}): expected {{position: reason}}")

    @classmethod
    def RETRY(cls, after_s: float | None = None) -> Self:  # noqa: N802 -- the three answers read as constants
        """Ask for the same batch again: after `after_s` seconds (at most 60), else with backoff."""
        return cls("retry", after_s=after_s)

    @classmethod
    def REJECTED(cls, reasons: Mapping[int, str]) -> Self:  # noqa: N802 -- as RETRY
        """Refuse for good the records at these positions of the batch, each with its reason."""
        return cls("rejected", reasons=reasons)

    @classmethod
    def STOPPED(cls, reason: str) -> Self:  # noqa: N802 -- as RETRY
        """Say that nothing about the records is wrong, and that no record can be delivered now.

        What is in a spool stays there, and is tried again after five minutes, at a flush, and by
        the next process; what is in memory only is dropped as `rejected`.
        """
        return cls("stopped", reason=reason)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ExportResult):
            return NotImplemented
        return self._list_parts() == other._list_parts()

    __hash__ = None  # type: ignore[assignment]  # holds a dict

    def _list_parts(self) -> tuple[object, ...]:
        return self.kind, self.after_s, self.reasons, self.reason

    def __repr__(self) -> str:
        parts = {"retry": self.after_s, "rejected": self.reasons, "stopped": self.reason}
        details = parts.get(self.kind)
        return f"ExportResult.{self.kind.upper()}" + ("" if details is None else f"({details!r})")


ExportResult.DELIVERED = ExportResult("delivered")


class Exporter(ABC):
    """Takes records to where they are kept. One object serves one tracer.

    The pipeline calls every method on this exporter's own worker thread and never two at once, so
    an exporter needs no locks. In the child of a fork the same object is called by a new thread:
    open connections and files per process (compare `os.getpid()`).

    `spool_target` names where its records end up (address, project, a hash of the key). With one,
    records are on disk before they count as taken, are tried again until they are settled, and what
    the end of the program leaves is delivered by the next process whose exporter has the same
    target. None, the default, keeps them in memory.

    `spool_takes_over` is a second such name: what other programs left under it, and none of them
    holds any more, this exporter delivers too, once it has delivered something of its own.

    `wants_signs_of_life` is for where somebody waits: while a run is open, the record of its start
    is exported again every 20 s. What such a batch is answered only counts in `stats()`.
    """

    spool_target: str | None = None
    spool_takes_over: str | None = None
    wants_signs_of_life: bool = False

    @abstractmethod
    def export(self, records: Sequence[Record]) -> ExportResult:
        """Take a batch of wire records (dicts), oldest first, and say what became of it.

        May block; no other exporter and no caller waits for it. Raising counts the whole batch as
        `export_failed`. Records may come again after RETRY or a crash: they are idempotent.
        `agenttrace.plugins.encode_records(records)` gives their NDJSON lines without encoding anew.
        """

    def flush(self, *, timeout_s: float) -> bool:
        """Make durable what `export` took, within `timeout_s`; False when that did not succeed."""
        del timeout_s
        return True

    def shutdown(self, *, timeout_s: float) -> None:
        """Release everything, within `timeout_s`. Called once, after the last `export`."""
        del timeout_s
