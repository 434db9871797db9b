"""Something that happened within a run: a chunk of a stream, a state, what the user says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agenttrace.encoding.snapshot import Snapshot, measure
from agenttrace.failures import Failure

if TYPE_CHECKING:
    from agenttrace.run import Run

_HEAD_BYTES: Final = 512


class Event:
    """Something that happened, as it goes into the queue."""

    __slots__ = ("body", "line", "name", "offset_ns", "run", "seq", "size", "span_id", "t_ns")

    def __init__(  # noqa: PLR0913 -- the fields of an event, each by its name
        self,
        run: Run,
        *,
        span_id: str | None,
        seq: int,
        t_ns: int,
        name: str,
        body: Snapshot | Failure | None,
        offset_ns: int | None = None,
    ) -> None:
        self.run = run
        self.offset_ns = offset_ns
        self.span_id = span_id
        self.seq = seq
        self.t_ns = t_ns
        self.name = name
        self.body = body
        self.size = _HEAD_BYTES + (body.size() if isinstance(body, Failure) else measure(body))
        self.line: bytes | None = None
