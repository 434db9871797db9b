"""What the host asks of the objects that factories return; they need not inherit anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from typing import Never


class PriceTableLike(Protocol):
    """Knows what models cost: see `agenttrace.plugins.PriceTable`."""

    def find_price(self, query: Never, /) -> object | None:
        """Return a `Price`, or None for what this table does not know."""
