"""An agent's state as a whole: what of it has changed since it was looked at last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from agenttrace.semconv import EVENT_STATE

if TYPE_CHECKING:
    from agenttrace.recorder import Recorder
    from agenttrace.run import Run


class Checkpoints:
    """What a tracer has for states that are objects."""

    _recorder: Recorder
    _checkpoints: WeakKeyDictionary[Run, dict[str, bytes]] | None = None

    def checkpoint(self, state: object) -> None:
        """Record the agent's state: the values of a mapping, or the public attributes of an object.

            tracer.checkpoint(agent.memory)

        Only values that changed since the last checkpoint of this run are recorded, each as
        `state()` records it; one that is gone is None from now on. Outside a run it is only
        counted, as is a state that has no values by name.
        """
        recorder = self._recorder
        with recorder.boundary("checkpoint"):
            node = recorder.node.get()
            values = _read_values(state)
            if node is None or values is None:
                if recorder.is_recording():
                    code = "state_outside_run" if node is None else "checkpoint"
                    why = (
                        "set outside a run" if node is None else "no mapping and has no attributes"
                    )
                    recorder.guard.warn(code, f"a {type(state).__name__} was {why}: not recorded")
                return
            if node.run.recording:
                span_id = None if node is node.run else node.span_id  # type: ignore[union-attr]  # a node is its run or a span
                self._record_changes(node.run, span_id, values)

    def _record_changes(self, run: Run, span_id: str | None, values: dict[str, object]) -> None:
        from agenttrace.encoding.payload import encode  # noqa: PLC0415 -- only who asks for it

        if self._checkpoints is None:
            self._checkpoints = WeakKeyDictionary()
        known = self._checkpoints.setdefault(run, {})
        recorder = self._recorder
        gone = dict.fromkeys(known.keys() - values.keys())
        for key, value in (values | gone).items():
            body = recorder.take({"key": key, "value": value})
            encoded = encode(body, max_bytes=recorder.max_payload_bytes, with_hash=True)
            mark = (encoded.hash or "").encode() or encoded.text
            if known.get(key) != mark:
                recorder.emit_event(run, span_id, EVENT_STATE, body)
            known[key] = mark
        for key in gone:
            del known[key]


def _read_values(state: object) -> dict[str, object] | None:
    """Return values by name; None for a state that has none."""
    if isinstance(state, Mapping):
        return {str(key): value for key, value in state.items()}
    names = list(getattr(state, "__dict__", ()))
    for cls in type(state).__mro__:
        slots = vars(cls).get("__slots__", ())
        names += [slots] if isinstance(slots, str) else slots
    if not names and not hasattr(state, "__dict__"):
        return None
    missing = object()
    read = {name: getattr(state, name, missing) for name in names if not name.startswith("_")}
    return {name: value for name, value in read.items() if value is not missing}
