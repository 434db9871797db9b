"""Streams that nobody holds any more: their spans end with them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final
from weakref import ref

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace.streams import Stream

_watched: Final[dict[int, ref[Any]]] = {}


def watch(stream: Stream, target: object, *, on_gone: Callable[[], object] | None = None) -> None:
    """End the stream as closed when `target` is gone, should it still be open then.

    `on_gone` is called first.

    Raises:
        TypeError: when there can be no weak reference to `target`.

    """
    key = id(stream)

    def end(_target: object) -> None:
        _watched.pop(key, None)
        if on_gone is not None:
            with stream.recorder.boundary("stream"):
                on_gone()
        stream.close()

    _watched[key] = ref(target, end)
    stream.on_end(partial(unwatch, stream))


def unwatch(stream: Stream) -> None:
    """Let the stream itself say how it ends: its body runs now, and will see to its cleanup."""
    _watched.pop(id(stream), None)
