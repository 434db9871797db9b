"""Runs to step through, as wire dicts."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from recordings import START_NS, make_event, make_payload, make_run, make_span, span_id

if TYPE_CHECKING:
    from collections.abc import Iterator

LANES = 3
DAY_NS = 86_400_000_000_000
TYPES = ("LLM_CALL", "TOOL_CALL", "RETRIEVAL", "DECISION", "AGENT", "CUSTOM")


class RunMaker:
    """Writes a run step by step, as a recorder would: a counter, lanes, and a poor clock."""

    def __init__(self, *, seed: int, jump_at: int | None = None) -> None:
        self._random = Random(seed)
        self._open: list[list[dict[str, Any]]] = [[] for _ in range(LANES)]
        self._seq = 0
        self._number = 0
        self._jump_at = jump_at
        self.records: list[dict[str, Any]] = [make_run()]

    def make(self, steps: int) -> list[dict[str, Any]]:
        """Return the records of a run of so many steps, or a few more: all that opened ends."""
        while self._seq < steps:
            self._choose()
        for lane in range(LANES):
            while self._open[lane]:
                self._end(lane)
        self.records.append(make_run(rev=1, status="COMPLETED", end_seq=self._count()))
        return self.records

    def _choose(self) -> None:
        lane = self._random.randrange(LANES)
        chance = self._random.random()
        if chance < 0.4 or not self._open[lane]:
            self._start(lane)
        elif chance < 0.5:
            self._tell(lane, "chunk", f"piece {self._seq}")
        elif chance < 0.6:
            self._tell(lane, "state", {"key": f"k{self._seq % 7}", "value": self._seq})
        else:
            self._end(lane)

    def _now_ns(self) -> int:
        # Four steps share a millisecond, and once the clock is set back by a day.
        is_late = self._jump_at is not None and self._seq >= self._jump_at
        return START_NS + self._seq // 4 * 1_000_000 - (DAY_NS if is_late else 0)

    def _count(self) -> int:
        self._seq += 1
        return self._seq - 1

    def _start(self, lane: int) -> None:
        self._number += 1
        chain = self._open[lane] or self._open[0]
        kind = self._random.choice(TYPES)
        start_ns = self._now_ns()
        self._open[lane].append(
            make_span(
                self._number,
                seq=self._count(),
                name=f"step {self._number % 50}",
                span_type=kind,
                lane=lane,
                start_ns=start_ns,
                parent_span_id=chain[-1]["span_id"] if chain else None,
                input=make_payload({"q": f"question {self._number % 20}"}),
                input_hash=f"{self._number % 20:064x}",
                model="gpt-x" if kind == "LLM_CALL" else None,
            )
        )

    def _tell(self, lane: int, name: str, value: Any) -> None:
        within = self._open[lane][-1]["span_id"]
        t_ns = self._now_ns()
        self.records.append(make_event(self._count(), name, value, span_id=within, t_ns=t_ns))

    def _end(self, lane: int) -> None:
        # Mostly the innermost: streams and tasks end in any order.
        at = -1 if self._random.random() < 0.9 else self._random.randrange(len(self._open[lane]))
        span = self._open[lane].pop(at)
        is_empty = self._number % 97 == 0
        span |= {
            "end_seq": self._count(),
            # As a recorder has it: the start by the clock, the rest by a monotonic one.
            "end_ns": span["start_ns"] + span["duration_ns"],
            "status": "ERROR" if self._random.random() < 0.05 else "COMPLETED",
            "output": make_payload({"results": [] if is_empty else [self._number]}),
        }
        if span["span_type"] == "LLM_CALL":
            span["usage"] = {"source": "reported", "prompt_tokens": 10, "completion_tokens": 3}
            span["cost"] = {"usd": "0.00013", "source": "rates"}
        self.records.append(span)


def make_chain(depth: int) -> Iterator[dict[str, Any]]:
    """Yield a run of spans within spans within spans."""
    yield make_run()
    for number in range(1, depth + 1):
        yield make_span(
            number,
            seq=number - 1,
            end_seq=2 * depth - number,
            parent_span_id=span_id(number - 1) if number > 1 else None,
        )
