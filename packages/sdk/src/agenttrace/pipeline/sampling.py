"""Which runs are recorded at all, and which of those that were are worth keeping."""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from agenttrace.encoding.payload import write_json
from agenttrace.pipeline.processor import Processor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agenttrace.wire import Record

_RANDOM_DIGITS: Final = 14
_RANDOM_RANGE: Final = 16**_RANDOM_DIGITS
_NS_PER_S: Final = 1_000_000_000
_KEPT_STATUSES: Final = frozenset({"ERROR", "INTERRUPTED"})
MAX_DECISIONS: Final = 10_000
"""How many decisions are remembered: of runs that go on, and of ended ones for late records."""


def is_sampled(run_id: str, rate: float) -> bool:
    """Tell whether a run belongs to the share `rate`, 0 to 1: the same answer in every process.

    The last 56 bits of the id, which are random, are at least (1 - rate) * 2**56: OpenTelemetry's
    consistent probability sampling, so that what one rate keeps a higher one keeps as well.
    """
    if rate >= 1.0:
        return True
    return int(run_id[-_RANDOM_DIGITS:], 16) >= (1.0 - rate) * _RANDOM_RANGE


class _Run:
    """The records of a run that is not decided yet, as JSON text."""

    __slots__ = ("lines", "size_bytes")

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.size_bytes = 0

    def release(self) -> list[Record]:
        return [json.loads(line) for line in self.lines]


class TailSampler(Processor):
    """Keeps runs with an error, slow runs, interrupted ones, and a share of the rest.

    A run that belongs to the share passes at once, a run with an error from that error on; the
    others are held back until they end. Beyond `max_bytes` the oldest is decided by what is known
    of it, which means left out.

    Args:
        share: the part of all runs that is kept whatever they are, 0 to 1.
        slow_s: runs that take as long, in seconds, are kept; None: no run is kept for its time.
        max_bytes: how much JSON text is held back at most.

    """

    def __init__(
        self, *, share: float, slow_s: float | None = None, max_bytes: int = 32 * 1024 * 1024
    ) -> None:
        self._share = share
        self._slow_ns = None if slow_s is None else slow_s * _NS_PER_S
        self._max_bytes = max_bytes
        self.reset()

    def reset(self) -> None:
        """Forget everything: in the child of a fork it is the parent's."""
        self._runs: OrderedDict[str, _Run] = OrderedDict()
        # Apart: however many runs end in its time, a run that goes on keeps its decision.
        self._open: OrderedDict[str, bool] = OrderedDict()
        self._ended: OrderedDict[str, bool] = OrderedDict()
        self._bytes = 0
        self.held = 0

    def process(self, records: list[Record]) -> Iterable[Record]:
        """Return what is decided to be kept; hold back what is not decided."""
        kept: list[Record] = []
        for record in records:
            run_id = record["run_id"]
            decision = self._open.get(run_id, self._ended.get(run_id))
            if decision is None and is_sampled(run_id, self._share):
                decision = True
            if decision is None:
                decision = self._judge(record)
                if decision is not None:
                    kept += self._decide(run_id, is_kept=decision)
            if decision:
                kept.append(record)
            elif decision is None:
                self._hold(run_id, record)
            if run_id in self._open and _ends_run(record):
                _remember(self._ended, run_id, is_kept=self._open.pop(run_id))
        while self._bytes > self._max_bytes:
            kept += self._decide(next(iter(self._runs)), is_kept=False)
        return kept

    def shutdown(self) -> Iterable[Record]:
        """Return what never came to an end: no one will know more of it."""
        return [
            record for run_id in list(self._runs) for record in self._decide(run_id, is_kept=True)
        ]

    def _judge(self, record: Any) -> bool | None:
        """Return what a record decides for its run; None when it decides nothing."""
        status = record.get("status")
        if status in _KEPT_STATUSES:
            return True
        if not _ends_run(record):
            return None
        return self._slow_ns is not None and record["duration_ns"] >= self._slow_ns

    def _hold(self, run_id: str, record: Record) -> None:
        run = self._runs.setdefault(run_id, _Run())
        line = write_json(record)
        run.lines.append(line)
        run.size_bytes += len(line)
        self._bytes += len(line)
        self.held += 1

    def _decide(self, run_id: str, *, is_kept: bool) -> list[Record]:
        """Take note of a decision; return the records that it sets free."""
        _remember(self._open, run_id, is_kept=is_kept)
        run = self._runs.pop(run_id, None)
        if run is None:
            return []
        self._bytes -= run.size_bytes
        self.held -= len(run.lines)
        return run.release() if is_kept else []


def _ends_run(record: Any) -> bool:
    return bool(record["type"] == "run" and record.get("status") != "STARTED")


def _remember(decisions: OrderedDict[str, bool], run_id: str, *, is_kept: bool) -> None:
    decisions[run_id] = is_kept
    if len(decisions) > MAX_DECISIONS:
        decisions.popitem(last=False)
