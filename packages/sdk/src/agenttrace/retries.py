"""Attempts: a traced call that is made again, with the same input, after it failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agenttrace.encoding.snapshot import Encoded, Snapshot

if TYPE_CHECKING:
    from agenttrace.span import Span
    from agenttrace.spec import Spec


class FailedCall:
    """The last call within a span or run that failed: what was called, with what, how often."""

    __slots__ = ("attempt", "input", "spec")

    def __init__(self, span: Span, attempt: int) -> None:
        self.spec: Spec = span.spec
        self.input = span.input
        self.attempt = attempt

    def count_attempt(self, spec: Spec, snapshot: Snapshot | None, max_bytes: int) -> int:
        """Return which attempt a call is, from 2 on; 1 when it is another call than this one."""
        if spec is not self.spec or snapshot is None or self.input is None:
            return 1
        return self.attempt + 1 if _are_equal(self.input, snapshot, max_bytes) else 1


def _are_equal(one: Snapshot, other: Snapshot, max_bytes: int) -> bool:
    if type(one) is bytes and type(other) is bytes:
        return one == other
    first, second = _encode(one, max_bytes), _encode(other, max_bytes)
    # Without a hash a value was not read whole, and what was left out may differ.
    return first.hash is not None and first.hash == second.hash


def _encode(snapshot: Snapshot, max_bytes: int) -> Encoded:
    if isinstance(snapshot, Encoded):  # the worker was quicker
        return snapshot
    from agenttrace.encoding.payload import encode  # noqa: PLC0415 -- after a failure only

    return encode(snapshot, max_bytes=max_bytes, with_hash=True)
