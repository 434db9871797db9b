"""What waits for one exporter, in memory or on disk, between its thread and the recording one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agenttrace.pipeline.batch import RecordBatch
    from agenttrace.pipeline.drops import RunDrops


class OutletCounts(NamedTuple):
    """What became of the records that were offered to one exporter, at one moment.

    `adopted` came from processes that are gone. What is neither delivered, spooled nor dropped
    waits in memory, and takes `size_bytes` there. `fault` says why the disk is not used.
    """

    adopted: int
    delivered: int
    spooled: int
    spooled_bytes: int
    size_bytes: int
    dropped: Mapping[str, int]
    fault: str | None


class Outlet(ABC):
    """Records on their way to one exporter. Every method may be called on any thread."""

    is_durable = False
    """Whether what it holds outlives the process."""
    drops: RunDrops
    """What it dropped of each run, but for what damage to a disk took."""

    @abstractmethod
    def offer(self, lines: Sequence[bytes], *, number: int) -> None:
        """Take batch `number`, or drop and count what has no room; a second time it is ignored."""

    def tend(self) -> None:  # noqa: B027 -- most have nothing to put right
        """Put right what went wrong before; called about once a second while something waits."""

    @abstractmethod
    def take(self, *, max_records: int, max_bytes: int) -> RecordBatch | None:
        """Return the oldest records, None when there is none; `settle` comes before the next."""

    @abstractmethod
    def settle(self, *, delivered: int, dropped: Mapping[str, Mapping[int, str]]) -> None:
        """Close the account of the batch: so many delivered, these positions dropped, by reason."""

    @abstractmethod
    def abandon(self, reason: str) -> None:
        """Take nothing more; drop for `reason` what would not outlive the process."""

    @abstractmethod
    def count_target(self) -> int:
        """Return the figure that `settled` reaches when everything offered so far is settled."""

    @property
    @abstractmethod
    def settled(self) -> int:
        """How many records were delivered or dropped."""

    @property
    @abstractmethod
    def is_empty(self) -> bool:
        """Whether nothing of this process's own waits to be taken."""

    @property
    @abstractmethod
    def fill(self) -> float:
        """How full the memory is: 0 to 1."""

    @abstractmethod
    def counts(self) -> OutletCounts:
        """Return the accounts at one moment."""

    @abstractmethod
    def reset(self) -> None:
        """Begin anew, empty and with fresh locks, in the child of a fork."""
