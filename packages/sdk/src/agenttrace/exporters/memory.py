"""Records kept in memory: for tests, notebooks, and programs that look at their own trace."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from agenttrace.pipeline.export import Exporter, ExportResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace.wire import Record


class MemoryExporter(Exporter):
    """Keeps every record, oldest first; `tracer.flush()` before looking. Grows without bound."""

    def __init__(self) -> None:
        # The worker appends while the program reads.
        self._lock = threading.Lock()
        self._records: list[Record] = []

    @property
    def records(self) -> list[Record]:
        """Return a copy of the list of records, as wire dicts."""
        with self._lock:
            return list(self._records)

    def clear(self) -> None:
        """Forget all records."""
        with self._lock:
            self._records.clear()

    def export(self, records: Sequence[Record]) -> ExportResult:
        """Keep the records."""
        with self._lock:
            self._records.extend(records)
        return ExportResult.DELIVERED
