"""Whether what a program gives now is what a payload of its recording shows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from agenttrace.encoding.payload import encode
from agenttrace.encoding.tree import OPAQUE
from agenttrace.wire import Fidelity

if TYPE_CHECKING:
    from agenttrace.encoding.snapshot import Encoded, Snapshot
    from agenttrace.recorder import Recorder
    from agenttrace.replay.volatile import Volatile
    from agenttrace.run import Run
    from agenttrace.trace import RecordedPayload, RecordedRun

# With these the types beside the value say what it is; they are left out where they are too long.
_TYPED: Final = frozenset({Fidelity.STRUCTURAL, Fidelity.OPAQUE})


def are_same_but_volatile(volatile: Volatile, recorded: RecordedPayload, live: Encoded) -> bool:
    """Tell whether two payloads are the same but for what does not count.

    False where one of them was cut: of what is not there nobody can tell that it does not count.
    """
    types = None if live.types is None else json.loads(live.types)
    if _is_cut(recorded.fidelity, recorded.types) or _is_cut(live.fidelity, types):
        return False
    return volatile.are_equal(recorded.value, json.loads(live.text), recorded.types, types)


def is_truncated(recorded: RecordedPayload | None, live: Encoded | None) -> bool:
    """Tell whether one of two payloads shows only the beginning, or only parts, of its value."""
    return any(
        each is not None and each.fidelity == Fidelity.TRUNCATED for each in (recorded, live)
    )


def holds_opaque(payload: RecordedPayload | None) -> bool:
    """Tell whether a payload holds an object of which only the class was recorded."""
    if payload is None:
        return False
    return payload.fidelity is Fidelity.OPAQUE or OPAQUE in (payload.types or {}).values()


def _is_cut(fidelity: str, types: object) -> bool:
    return fidelity == Fidelity.TRUNCATED or (types is None and fidelity in _TYPED)


def differ(recorder: Recorder, recorded: RecordedPayload | None, live: Snapshot | None) -> bool:
    """Tell whether a value is another than the recorded one, of what was cut also by its hash."""
    if recorded is None or live is None:
        return (recorded is None) is not (live is None)
    encoded = encode_as(recorder, live)
    types = {} if encoded.types is None else json.loads(encoded.types)
    digest = None if encoded.whole is None else encoded.whole.json_sha256
    is_same_text = encoded.text.decode() == recorded.json and digest == recorded.sha256
    return not is_same_text or types != (recorded.types or {})


def have_same_input(run: Run, recorded: RecordedRun, volatile: Volatile | None) -> bool | None:
    """Tell whether a run was begun with the recorded input; None: but for what does not count."""
    recorder = run.recorder
    if not differ(recorder, recorded.input, run.input):
        return True
    if volatile is None or recorded.input is None or run.input is None:
        return False
    live = encode_as(recorder, run.input)
    return None if are_same_but_volatile(volatile, recorded.input, live) else False


def encode_as(recorder: Recorder, live: Snapshot) -> Encoded:
    """Return a value as a recorder writes it."""
    return encode(live, max_bytes=recorder.max_payload_bytes, policy=recorder.policy)
