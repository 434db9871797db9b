"""A tracer of the program, for the time of a test: it records into the test, then as before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from agenttrace.resolution import Resolution

if TYPE_CHECKING:
    from agenttrace.clock import Clock
    from agenttrace.ids import IdGenerator
    from agenttrace.pipeline.export import Exporter
    from agenttrace.tracer import Tracer

_FLUSH_TIMEOUT_S: Final = 10.0
_LENT: Final = (
    "hub",
    "ids",
    "_clock",
    "_time_ns",
    "_monotonic_ns",
    "_new_span_id",
    "_given_resource",
    "_resolution",
)
"""What of a recorder is another's for the time of a test."""


class Repeating(NamedTuple):
    """Where time and ids come from that are the same each time."""

    clock: Clock
    ids: IdGenerator


class WatchedTracer:
    """Records into an exporter of a test until it is released.

    The program's own exporters stay open and get nothing meanwhile. With `repeating` clock and ids
    are those, and the runs do not say who recorded them.
    """

    def __init__(self, tracer: Tracer, exporter: Exporter, repeating: Repeating | None) -> None:
        recorder = tracer.recorder
        self.tracer: Final = tracer
        self._exporter = exporter
        self._kept: dict[str, Any] = {name: getattr(recorder, name) for name in _LENT}
        self._hub = recorder.hub = recorder.hub.make_twin()
        recorder._resolution = Resolution()  # noqa: SLF001 -- lent, as all of these
        if repeating is not None:
            found = {
                "ids": repeating.ids,
                "_clock": repeating.clock,
                "_time_ns": repeating.clock.time_ns,
                "_monotonic_ns": repeating.clock.monotonic_ns,
                "_new_span_id": repeating.ids.new_span_id,
                "_given_resource": {},
            }
            for name, value in found.items():
                setattr(recorder, name, value)
        tracer.add_exporter(exporter)  # with the plugins, where it is the tracer's first

    def flush(self) -> None:
        """Wait until what was recorded so far is there."""
        self._hub.flush(timeout_s=_FLUSH_TIMEOUT_S)

    def release(self) -> None:
        """Let the tracer be as it was, but for what the program chose itself in the meantime."""
        recorder = self.tracer.recorder
        self._hub.remove(self._exporter, timeout_s=_FLUSH_TIMEOUT_S)
        if self._hub.sinks or recorder.hub is not self._hub:
            del self._kept["hub"], self._kept["_resolution"]  # the program was given an exporter
        else:
            self._kept["hub"].use_processors(self._hub.processors)
        for name, value in self._kept.items():
            setattr(recorder, name, value)
