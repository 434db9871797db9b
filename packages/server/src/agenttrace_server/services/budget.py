"""A bound, in bytes, on ingest requests that are in memory at once: refuse before running out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from agenttrace_server.errors import CrowdedError

if TYPE_CHECKING:
    from types import TracebackType


class ByteBudget:
    """Counts the bytes that requests hold. `open_account` for each request."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.used_bytes = 0

    def open_account(self) -> Account:
        """Return an account that gives everything back when its `with` block ends."""
        return Account(self)


class Account:
    """What one request holds of the budget."""

    def __init__(self, budget: ByteBudget) -> None:
        self._budget = budget
        self._taken_bytes = 0

    def take(self, count_bytes: int) -> None:
        """Hold so many bytes more.

        Raises:
            CrowdedError: the requests together would hold more than the limit.

        """
        if self._budget.used_bytes + count_bytes > self._budget.limit_bytes:
            raise CrowdedError(
                f"the server holds {self._budget.used_bytes} bytes of records that wait for the "
                f"disk (limit {self._budget.limit_bytes}); nothing of this request was stored"
            )
        self._budget.used_bytes += count_bytes
        self._taken_bytes += count_bytes

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._budget.used_bytes -= self._taken_bytes
        self._taken_bytes = 0
