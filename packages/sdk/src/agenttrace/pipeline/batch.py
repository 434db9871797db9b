"""A batch as exporters see it: records as dicts, and the NDJSON lines they were made of."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import overload

from agenttrace.encoding.payload import write_json
from agenttrace.wire import Record


class RecordBatch(Sequence[Record]):
    """Wire records, decoded when they are looked at. `lines` are their texts, without newlines."""

    __slots__ = ("_records", "lines")

    def __init__(self, lines: list[bytes]) -> None:
        self.lines = lines
        self._records: list[Record | None] = [None] * len(lines)

    def __len__(self) -> int:
        return len(self.lines)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> RecordBatch: ...
    def __getitem__(self, index: int | slice) -> Record | RecordBatch:
        if isinstance(index, slice):
            return RecordBatch(self.lines[index])
        record = self._records[index]
        if record is None:
            # Not orjson, which reads integers beyond 64 bits as floats.
            decoded: Record = json.loads(self.lines[index])
            record = self._records[index] = decoded
        return record

    def __iter__(self) -> Iterator[Record]:
        return (self[index] for index in range(len(self.lines)))


def encode_records(records: Sequence[Record]) -> list[bytes]:
    """Return the NDJSON line of each record, no newline; free for a batch as handed out."""
    if isinstance(records, RecordBatch):
        return records.lines
    return [write_json(record) for record in records]
