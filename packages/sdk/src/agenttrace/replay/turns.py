"""The turn of one served call: it waits until the recording has it end, and gives what it gave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agenttrace.replay.serving import Served


class Turn:
    """One served call on its way to the program."""

    __slots__ = ("_served",)

    def __init__(self, served: Served) -> None:
        self._served = served

    def wait(self) -> None:
        """Wait on this thread until it is this call's turn to end."""

    async def wait_async(self) -> None:
        """Wait in this task until it is this call's turn to end."""

    def take(self) -> Any:
        """Return the recorded value, or raise the recorded exception."""
        if self._served.error is not None:
            raise self._served.error
        return self._served.value
