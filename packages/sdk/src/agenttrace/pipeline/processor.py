"""What a processor is. Authors import it from `agenttrace.plugins`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agenttrace.wire import Record


class Processor(ABC):
    """Sees every record before the exporters do. One object serves one tracer.

    All methods are called on the tracer's recording thread, never two at once, and none of the
    program's threads waits for them. One that raises is passed over for that batch, and taken out
    of use when it raises again and again; the records go on as if it were not there.
    """

    held = 0
    """How many records it holds back at the moment: they count as queued, not as dropped."""

    @abstractmethod
    def process(self, records: list[Record]) -> Iterable[Record]:
        """Return the records that go on: the same, changed, fewer, or more.

        `records` are wire records, oldest first, and this processor's to change. What it leaves out
        and does not hold back is counted as `filtered`.
        """

    def flush(self) -> Iterable[Record]:
        """Return what it need not hold back any longer; called at each flush of the tracer."""
        return ()

    def shutdown(self) -> Iterable[Record]:
        """Return what it still holds back; called once, when no record comes any more."""
        return self.flush()

    def reset(self) -> None:  # noqa: B027 -- most processors hold nothing
        """Forget what is held back, and renew locks; called in the child of a fork."""
