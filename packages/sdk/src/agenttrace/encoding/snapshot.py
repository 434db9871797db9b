"""The caller's share of encoding: one copy of the value as it is now, as cheap as can be.

Plain data (None, bool, int, float, str, bytes, and list, tuple, set, dict of them, exact types
only) is copied by `marshal`, which is C, keeps every type apart and runs no code of the value's
(0.2 µs for a small call, 0.9 µs for 8 KiB; the same walk in Python costs 20 times that). Whatever
else there is goes through `freeze`. The worker makes text, hash and payload from the copy.
"""

from __future__ import annotations

from marshal import dumps
from typing import Final, TypeAlias

from agenttrace.encoding.tree import Frozen

EAGER_BYTES: Final = 8 * 1024 * 1024
"""A copy larger than this is cut to a payload at once, so that the queue's memory stays bounded."""


class Encoded:
    """A payload's parts, and the hash of the canonical form where one was asked for."""

    __slots__ = ("fidelity", "hash", "sha256", "size", "text", "total_bytes")

    def __init__(
        self,
        text: bytes,
        fidelity: str,
        *,
        total_bytes: int | None = None,
        sha256: str | None = None,
        input_hash: str | None = None,
    ) -> None:
        self.text = text
        self.fidelity = fidelity
        self.total_bytes = total_bytes
        self.sha256 = sha256
        self.hash = input_hash
        self.size = len(text)


Snapshot: TypeAlias = bytes | Frozen | Encoded


def take_snapshot(value: object, *, max_bytes: int) -> Snapshot:
    """Return a copy of `value` that later changes to it do not reach. Total: it raises nothing."""
    try:
        # Version 4 writes shared parts once, so a small value can never grow into a large copy.
        data = dumps(value, 4)  # type: ignore[arg-type]  # what it does not take raises ValueError
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 -- ValueError for what is not plain; a __buffer__ may raise anything
        return _freeze(value)
    if len(data) > EAGER_BYTES:
        from agenttrace.encoding.payload import encode  # noqa: PLC0415 -- rare, and needs orjson

        return encode(data, max_bytes=max_bytes, with_hash=True)
    return data


def _freeze(value: object) -> Frozen:
    from agenttrace.encoding.freeze import freeze  # noqa: PLC0415 -- plain data never needs it

    return freeze(value)


def measure(snapshot: Snapshot | None) -> int:
    """Return about how many bytes of memory the snapshot takes."""
    if snapshot is None:
        return 0
    return len(snapshot) if type(snapshot) is bytes else snapshot.size  # type: ignore[union-attr]  # bytes is excluded
