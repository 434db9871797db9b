"""Which runs lost records, and why: counted run by run, and told in the runs' own records."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Final, NamedTuple

from agenttrace.encoding.payload import write_json

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_RUNS: Final = 1_000
"""Of more runs that lose records, those that lost one last are counted."""

_RUN: Final = b'"type":"run"'
_RUN_ID: Final = b'"run_id":"'
_STARTED: Final = b'"status":"STARTED"'
_ID_CHARS: Final = 32
_TYPE_BYTES: Final = 32
_HEAD_BYTES: Final = 4_096  # a name may have 512 characters, each of several bytes


class Loss(NamedTuple):
    """What one run lost: how many records by reason, and whether more than snapshots of starts."""

    counts: dict[str, int]
    is_gap: bool


class RunDrops:
    """Counts the records that were dropped of each run. Any thread may call."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew, with a fresh lock, in the child of a fork."""
        # Reentrant, as a signal's handler may record while its thread is in here.
        self._lock = threading.RLock()
        self._runs: dict[str, Loss] = {}

    def __bool__(self) -> bool:
        return bool(self._runs)

    def note(self, run_id: str, reason: str, *, is_gap: bool, count: int = 1) -> None:
        """Count records; `is_gap` unless the ends of their spans say all that they said."""
        with self._lock:
            # Put at the end again: of too many runs the first one goes.
            known = self._runs.pop(run_id, None)
            counts = {} if known is None else known.counts
            counts[reason] = counts.get(reason, 0) + count
            self._runs[run_id] = Loss(counts, is_gap or (known is not None and known.is_gap))
            if len(self._runs) > MAX_RUNS:
                del self._runs[next(iter(self._runs))]

    def note_lines(self, lines: Iterable[bytes], reason: str) -> None:
        """Count records by their lines."""
        for line in lines:
            head = line[:_HEAD_BYTES]
            at = head.find(_RUN_ID)
            if at >= 0:
                start = at + len(_RUN_ID)
                run_id = head[start : start + _ID_CHARS].decode("utf-8", "replace")
                self.note(run_id, reason, is_gap=_STARTED not in head)

    def add_all(self, others: RunDrops) -> None:
        """Count what was counted elsewhere as well; no run that is counted here goes for it."""
        with self._lock:
            for run_id, loss in others.list().items():
                if run_id not in self._runs and len(self._runs) >= MAX_RUNS:
                    continue
                for reason, count in loss.counts.items():
                    self.note(run_id, reason, is_gap=loss.is_gap, count=count)

    def list(self) -> dict[str, Loss]:
        """Return what each run lost so far."""
        with self._lock:
            return {
                run_id: Loss(dict(loss.counts), loss.is_gap) for run_id, loss in self._runs.items()
            }

    def read(self, run_id: str) -> Loss | None:
        """Return what the run lost so far; None when nothing is known."""
        with self._lock:
            loss = self._runs.get(run_id)
            return None if loss is None else Loss(dict(loss.counts), loss.is_gap)


def tell_drops(lines: list[bytes], recorder: RunDrops, exporter: RunDrops | None) -> list[bytes]:
    """Return the lines, where records of runs say what was dropped of the run so far.

    `recorder` counts what no exporter was offered, `exporter` what this one lost. What a line says
    already is a part of the former.
    """
    if not recorder and not exporter:
        return lines
    return [
        _tell(line, recorder, exporter) if _RUN in line[:_TYPE_BYTES] else line for line in lines
    ]


def _tell(line: bytes, recorder: RunDrops, exporter: RunDrops | None) -> bytes:
    # Not orjson, which reads integers beyond 64 bits as floats.
    record = json.loads(line)
    run_id = record["run_id"]
    losses = (recorder.read(run_id), None if exporter is None else exporter.read(run_id))
    known = [loss for loss in losses if loss is not None]
    if not known or type(record.get("rev")) is not int:
        return line
    said: dict[str, int] = record.get("dropped", {})
    before, own = (loss.counts if loss is not None else {} for loss in losses)
    counts = {
        reason: max(said.get(reason, 0), before.get(reason, 0)) + own.get(reason, 0)
        for reason in sorted({*said, *before, *own})
    }
    # Each drop is a revision: no two different records of the run have the same one.
    record["rev"] += sum(counts.values()) - sum(said.values())
    record["dropped"] = counts
    if record.get("complete") is True and any(loss.is_gap for loss in known):
        record["complete"] = False
    return write_json(record)
