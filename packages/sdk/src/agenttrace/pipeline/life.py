"""Signs of life: which runs are open, said again and again to exporters that want to hear it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import orjson

from agenttrace.wire import RunStatus

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

SIGN_EVERY_S: Final = 20.0
"""A server gives up a run of which it hears nothing for 60 s."""
MAX_OPEN_RUNS: Final = 1_000
MAX_SIGN_BYTES: Final = 4 * 1024 * 1024
"""Of all signs. Of more runs or bytes, those that began last are told of."""

_RUN: Final = b'"type":"run"'
_HEAD_BYTES: Final = 32


class OpenRuns:
    """The runs whose start was handed to one exporter, and whose end was not."""

    def __init__(self) -> None:
        # Each sign is the very record that was sent at the start: no other may have its `rev`.
        self._signs: dict[str, bytes] = {}
        self._bytes = 0
        self._lock = threading.Lock()  # of two threads of the recorder; callers never take it
        self._due_s: float | None = None

    def note(self, lines: Sequence[bytes], *, now_s: float) -> None:
        """Look for runs that begin or end among records. Called by one thread."""
        for line in lines:
            if _RUN in line[:_HEAD_BYTES]:
                self._note_run(line, now_s)

    def _note_run(self, line: bytes, now_s: float) -> None:
        record = orjson.loads(line)
        with self._lock:
            self._drop(record["run_id"])
            if record["status"] != RunStatus.STARTED.value:
                return
            self._signs[record["run_id"]] = line
            self._bytes += len(line)
            while len(self._signs) > MAX_OPEN_RUNS or self._bytes > MAX_SIGN_BYTES:
                self._drop(next(iter(self._signs)))
        if self._due_s is None:
            self._due_s = now_s + SIGN_EVERY_S

    def _drop(self, run_id: str) -> None:
        self._bytes -= len(self._signs.pop(run_id, b""))

    def take_due(self, now_s: float) -> list[bytes]:
        """Return a record for each open run, if it is time; the next time comes later."""
        if self._due_s is None or now_s < self._due_s:
            return []
        with self._lock:
            signs = list(self._signs.values())
        self._due_s = now_s + SIGN_EVERY_S if signs else None
        return signs

    def forget(self, signs: Sequence[bytes], places: Container[int]) -> None:
        """Forget the runs of the signs at these places: nobody wants to hear of them."""
        with self._lock:
            for place, sign in enumerate(signs):
                if place in places:
                    self._drop(orjson.loads(sign)["run_id"])

    def measure_wait_s(self, now_s: float) -> float | None:
        """Return how long there is nothing to say; None while no run is open."""
        return None if self._due_s is None else max(0.0, self._due_s - now_s)
