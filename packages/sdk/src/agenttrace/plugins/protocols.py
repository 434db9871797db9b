"""What the host asks of the objects that factories return; they need not inherit anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Never

    from agenttrace.wire import Record


class ProcessorLike(Protocol):
    """A step between recording and exporting: see `agenttrace.plugins.Processor`."""

    def process(self, records: list[Record], /) -> Iterable[Record]:
        """Return what becomes of these records: fewer, other or more; on the recording thread."""

    def flush(self) -> Iterable[Record]:
        """Return what was held back."""


class PriceTableLike(Protocol):
    """Knows what models cost: see `agenttrace.plugins.PriceTable`."""

    def find_price(self, query: Never, /) -> object | None:
        """Return a `Price`, or None for what this table does not know."""
