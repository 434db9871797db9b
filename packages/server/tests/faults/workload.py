"""What a client sends: runs, spans and events whose names are tokens and whose values are known."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from packages.sdk.tests.faults.side_file import Entry, hash_value
from packages.sdk.tests.faults.workload import make_value

from agenttrace.ids import RandomIds

from ..support.lines import (
    START_NS,
    Record,
    dump_lines,
    make_call,
    make_event,
    make_payload,
    make_run,
    make_span,
)

if TYPE_CHECKING:
    from random import Random

BATCHES: Final = (1, 2, 5, 20, 20, 50, 200)
"""Sizes of batches, in records; the usual one more often."""
CHARS: Final = (*[40] * 12, *[400] * 5, 3_000, 3_000, 30_000)
"""Sizes of values: in the row, in a content of its own, in several."""
BULK: Final = ((25,), (60_000,))
"""Sizes of batches and values where memory is to run short: three mebibytes a request."""
RUN_SPANS: Final = 120
TOKENS: Final = 15
"""What `make_call` says of each call."""
MICRO_USD: Final = 1_200


class Batch(NamedTuple):
    """A request's body, and what the side file has to know of it."""

    body: bytes
    entries: list[Entry]
    records: int


class Sums(NamedTuple):
    """What a run's records add up to; the cost in millionths of a dollar."""

    spans: int
    tokens: int
    micro_usd: int


class Workload:
    """One client's work; the same `choose` makes the same batches.

    `expected` is by the token of a run what its spans add up to, once all that was made is stored.
    """

    def __init__(self, actor: str, choose: Random, *, is_bulk: bool = False) -> None:
        self._batches: tuple[int, ...] = BULK[0] if is_bulk else BATCHES
        self._chars: tuple[int, ...] = BULK[1] if is_bulk else CHARS
        self._actor = actor
        self._choose = choose
        self._ids = RandomIds()
        self._counts: Counter[str] = Counter()
        self._open: list[tuple[Record, str]] = []
        self._run_token = ""
        self._run_id = ""
        self._spans = 0
        self._seq = 0
        self.expected: dict[str, Sums] = {}

    def make_batch(self) -> Batch:
        """Return the next batch: of the run that is open, of a new one when that is full."""
        size = self._choose.choice(self._batches)
        made: list[tuple[Record, Entry]] = []
        while len(made) < size:
            if not self._run_id:
                made.append(self._start_run())
            elif self._spans >= RUN_SPANS and not self._open:
                made.append(self._end_run())
            else:
                made.append(self._go_on())
        # Records may come in any order: what is stored is the same.
        self._choose.shuffle(made)
        body = dump_lines(record for record, _ in made)
        return Batch(body, [entry for _, entry in made], len(made))

    def _start_run(self) -> tuple[Record, Entry]:
        self._run_token = self._name("r")
        self._run_id = self._ids.new_run_id()
        self._spans = self._seq = 0
        self.expected[self._run_token] = Sums(0, 0, 0)
        record = self._make_run(status="STARTED", rev=0)
        return record, Entry(self._run_token, "s", _hash(record, "input"))

    def _end_run(self) -> tuple[Record, Entry]:
        record = self._make_run(status="COMPLETED", rev=1)
        record["output"] = self._make_payload(self._run_token, 60)
        self._run_id = ""
        return record, _end(record)

    def _make_run(self, **fields: Any) -> Record:
        asked = self._make_payload(self._run_token, 40)
        return make_run(run_id=self._run_id, name=self._run_token, input=asked, **fields)

    def _go_on(self) -> tuple[Record, Entry]:
        dice = self._choose.random()
        if self._open and (dice < 0.2 or self._spans >= RUN_SPANS):
            return self._end_span()
        if dice < 0.35:
            return self._make_event()
        return self._make_span(is_open=dice < 0.5)

    def _make_span(self, *, is_open: bool) -> tuple[Record, Entry]:
        token = self._name("s")
        self._spans += 1
        self._seq += 1
        make = make_call if self._choose.random() < 0.5 else make_span
        record = make(
            self._seq,
            run_id=self._run_id,
            name=token,
            input=self._make_payload(token, self._choose.choice(self._chars)),
        )
        sums = self.expected[self._run_token]
        self.expected[self._run_token] = sums._replace(spans=sums.spans + 1)
        if is_open:
            self._open.append((record, self._run_token))
            bare = {k: v for k, v in record.items() if k not in _OF_THE_END}
            return {**bare, "status": "STARTED", "rev": 0}, Entry(
                token, "s", _hash(record, "input")
            )
        return self._finish(record, "se")

    def _end_span(self) -> tuple[Record, Entry]:
        record, _ = self._open.pop(self._choose.randrange(len(self._open)))
        return self._finish(record, "e")

    def _finish(self, record: Record, phases: str) -> tuple[Record, Entry]:
        record["output"] = self._make_payload(record["name"], self._choose.choice(self._chars))
        if "usage" in record:
            sums = self.expected[self._run_token]
            self.expected[self._run_token] = sums._replace(
                tokens=sums.tokens + TOKENS, micro_usd=sums.micro_usd + MICRO_USD
            )
        return record, _end(record, phases)

    def _make_event(self) -> tuple[Record, Entry]:
        token = self._name("v")
        self._seq += 1
        value = make_value(token, self._choose.choice(CHARS[:-1]))
        body = make_payload({"key": token, "value": value})
        record = make_event(
            self._seq, span=None, run_id=self._run_id, name="state", body=body, t_ns=START_NS
        )
        return record, Entry(token, "v", hash_value(value))

    def _name(self, kind: str) -> str:
        self._counts[kind] += 1
        return f"{kind}.{self._actor}.{self._counts[kind]}"

    def _make_payload(self, token: str, chars: int) -> Record:
        return make_payload(make_value(token, chars))


_OF_THE_END: Final = ("end_ns", "duration_ns", "usage", "cost")


def _hash(record: Record, field: str) -> str:
    return hash_value(record[field]["value"])


def _end(record: Record, phases: str = "e") -> Entry:
    return Entry(record["name"], phases, _hash(record, "input"), _hash(record, "output"))
