"""Attempts: a traced call that is made again, with the same input, after it failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agenttrace.encoding.snapshot import Encoded, Snapshot
from agenttrace.semconv import RETRY_ATTEMPT

if TYPE_CHECKING:
    from agenttrace.recorder import Node
    from agenttrace.span import Span
    from agenttrace.spec import Spec


class FailedCall:
    """The last call within a span or run that failed: what was called, with what, how often."""

    __slots__ = ("attempt", "input", "spec")

    def __init__(self, span: Span, attempt: int) -> None:
        self.spec: Spec = span.spec
        self.input = span.input
        self.attempt = attempt


def keep_failure(span: Span, node: Node | None) -> None:
    """Remember at `node`, where a failed call's caller is, that it failed and with what input."""
    if node is not None and node is not span and span.spec.function is not None:
        attempt = span.attributes.get(RETRY_ATTEMPT) if span.attributes else None
        node.failed_call = FailedCall(span, attempt if type(attempt) is int else 1)


def count_attempt(span: Span, node: Node, *, max_bytes: int) -> None:
    """Say of a call that is made again, after it failed at this `node`, which attempt it is."""
    failed = node.failed_call
    if failed is None or failed.spec is not span.spec:
        return
    node.failed_call = None
    given = span.input
    if (
        given is not None
        and failed.input is not None
        and _are_equal(failed.input, given, max_bytes)
    ):
        span.set_own_attribute(RETRY_ATTEMPT, failed.attempt + 1)


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
