"""One thread that makes every call to an exporter, as a tracer's pipeline does, with a deadline."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

CALL_TIMEOUT_S: Final = 30.0
"""How long a call without a deadline of its own may take: longer is taken for a hang."""

GRACE_S: Final = 5.0
"""What a deadline may be overrun by, so that a busy machine is no fault."""

_Result = TypeVar("_Result")


class Caller:
    """A daemon thread; one that hangs is left behind."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="agenttrace-check", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while call := self._calls.get():
            call()

    def call(
        self, function: Callable[[], _Result], *, timeout_s: float = CALL_TIMEOUT_S
    ) -> _Result:
        """Return what `function()` returns on this thread, or raise what it raises.

        Raises:
            TimeoutError: when it takes longer; the thread is of no more use then.

        """
        answers: queue.SimpleQueue[tuple[list[_Result], BaseException | None]]
        answers = queue.SimpleQueue()

        def run() -> None:
            try:
                answers.put(([function()], None))
            except BaseException as error:  # noqa: BLE001 -- raised again by the one who waits
                answers.put(([], error))

        self._calls.put(run)
        try:
            results, error = answers.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError(f"it took longer than {timeout_s:g} s") from None
        if error is not None:
            raise error
        return results[0]

    def close(self) -> None:
        """Let the thread end."""
        self._calls.put(None)
