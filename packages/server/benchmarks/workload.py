"""Records as agents make them, the same for the same seed: what the benchmarks store and ask for.

A run is a conversation: an agent span, and in turns calls of a model, whose input is the history
so far, with tools, retrievals and decisions between them. Some runs fail, some have not ended.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

START_NS: Final = 1_790_000_000_000_000_000
DAY_NS: Final = 86_400 * 10**9
DAYS: Final = 28
NDJSON: Final = {"content-type": "application/x-ndjson"}
MODELS: Final = {"gpt-5-mini": (0.25, 2.0), "gpt-5": (1.25, 10.0), "claude-sonnet-5": (3.0, 15.0)}
TAGS: Final = ("production", "staging", "eval", "nightly", "customer-a", "customer-b")
NAMES: Final = ("support agent", "research agent", "billing agent", "code review", "triage")
TOOLS: Final = ("search_orders", "send_email", "run_query", "read_file", "http_get")
SPANS_A_RUN: Final = 40
_HISTORY: Final = 12
_TEXT: Final = (
    "the customer asks about an invoice that was paid twice in March and wants to know when the "
    "money comes back while the order itself has not left the warehouse since its address could "
    "not be read by anyone who looked at it please answer with the state of both and a date"
)
_WORDS: Final = tuple(_TEXT.split())
# Shares of what happens, of all: how often a run fails, has not ended, a tool fails.
_FAILS: Final = 0.5
_OPEN: Final = 0.02
_TOOL_FAILS: Final = 0.03
_KINDS: Final = {"LLM_CALL": 0.4, "TOOL_CALL": 0.4, "DECISION": 0.1, "RETRIEVAL": 0.1}

Record = dict[str, Any]


def dump_lines(records: Iterable[Record]) -> bytes:
    """Return records as NDJSON, as the recorder writes it."""
    return b"".join(orjson.dumps(record) + b"\n" for record in records)


def make_call(run: int, number: int, **fields: Any) -> Record:
    """Return a call of a model with 200 bytes of input and 500 of output."""
    start_ns = START_NS + number * 1_000
    span: Record = {
        "v": 1, "type": "span", "run_id": f"{run + 1:032x}", "span_id": f"{number + 1:016x}",
        "rev": 1, "name": f"call {number % 10}", "span_type": "LLM_CALL", "status": "COMPLETED",
        "start_ns": start_ns, "end_ns": start_ns + 500, "duration_ns": 500, "seq": number,
        "lane": 0, "effect": "read", "model": "gpt-4",
        "usage": {"prompt_tokens": 10, "completion_tokens": 20, "source": "reported"},
        "cost": {"usd": "0.00123", "source": "rates"},
        "input": make_payload({"q": f"{number:08}" + "x" * 186}),
        "output": make_payload(f"{number:08}" + "y" * 490),
    }  # fmt: skip
    return {**span, **fields}


def make_payload(value: Any) -> Record:
    """Return a value as the wire carries it."""
    return {"value": value, "codec": "json", "fidelity": "exact"}


def make_runs(spans: int, *, seed: int) -> Iterator[list[Record]]:
    """Yield runs of together so many spans, each as its records: itself and about 40 spans."""
    chance = random.Random(seed)  # noqa: S311 -- the same at each call is what is wanted
    number, left = 0, spans
    while left > 0:
        size = min(left, max(2, int(chance.gauss(SPANS_A_RUN, 12))))
        start_ns = START_NS + int(chance.random() * DAYS * DAY_NS)
        yield _Conversation(chance, seed, number, start_ns).make(size)
        number, left = number + 1, left - size


class _Conversation:
    """One run while it is made."""

    def __init__(self, chance: random.Random, seed: int, number: int, start_ns: int) -> None:
        self._chance = chance
        # As a recorder makes it: UUIDv7, so that ids sort by time.
        self._run_id = f"{start_ns // 10**6:012x}7{seed & 0xFFF:03x}8{number:015x}"
        self._now_ns = start_ns
        self._start_ns = start_ns
        self._history: list[Record] = []
        self._correlation = f"workflow-{number // 3}"

    def make(self, spans: int) -> list[Record]:
        """Return the run's records: its spans, then its own."""
        records = [self._make_span(seq, spans) for seq in range(1, spans)]
        root = self._make(0, "agent", "AGENT", parent=None)
        root.update(start_ns=self._start_ns, duration_ns=self._now_ns - self._start_ns)
        return [*records, root, self._make_run(records)]

    def _make_run(self, spans: list[Record]) -> Record:
        chance = self._chance
        failed = any(span["status"] == "ERROR" for span in spans) and chance.random() < _FAILS
        record: Record = {
            "v": 1, "type": "run", "run_id": self._run_id, "rev": 1, "name": chance.choice(NAMES),
            "status": "ERROR" if failed else "COMPLETED", "start_ns": self._start_ns,
            "correlation_id": self._correlation, "tags": chance.sample(TAGS, 2),
            "attributes": {"user.plan": chance.choice(["free", "pro"]), "attempt": 1},
            "input": make_payload({"question": self._write(12)}), "end_ns": self._now_ns,
            "duration_ns": self._now_ns - self._start_ns,
        }  # fmt: skip
        if failed:
            record["error"] = {"type": "builtins.TimeoutError", "message": self._write(6)}
        elif chance.random() < _OPEN:
            record.update(status="STARTED", rev=0)
            del record["end_ns"], record["duration_ns"]
        return record

    def _make_span(self, seq: int, spans: int) -> Record:
        (kind,) = self._chance.choices([*_KINDS], [*_KINDS.values()])
        if kind == "LLM_CALL":
            return self._make_model_call(seq)
        if kind == "TOOL_CALL":
            return self._make_tool_call(seq)
        if kind == "DECISION":
            span = self._make(seq, "choose", "DECISION")
            return {**span, "input": make_payload({"options": [*TOOLS, spans]})}
        span = self._make(seq, "knowledge base", "RETRIEVAL")
        documents = [{"id": f"d{n}", "content": self._write(40), "score": 0.5} for n in range(3)]
        return {**span, "input": make_payload({"query": self._write(6)}),
                "output": make_payload(documents)}  # fmt: skip

    def _make_model_call(self, seq: int) -> Record:
        chance, model = self._chance, self._chance.choice([*MODELS])
        self._history = [*self._history, {"role": "user", "content": self._write(30)}][-_HISTORY:]
        answer = {"role": "assistant", "content": self._write(60)}
        prompt = 60 * len(self._history)
        completion = chance.randrange(20, 200)
        price_in, price_out = MODELS[model]
        usd = (prompt * price_in + completion * price_out) / 1e6
        span = self._make(seq, "chat", "LLM_CALL")
        span.update(
            model=model, input=make_payload({"messages": self._history}),
            usage={"prompt_tokens": prompt, "completion_tokens": completion, "source": "reported"},
            cost={"usd": f"{usd:.9f}", "source": "rates"}, output=make_payload(answer),
        )  # fmt: skip
        self._history = [*self._history, answer]
        return span

    def _make_tool_call(self, seq: int) -> Record:
        span = self._make(seq, self._chance.choice(TOOLS), "TOOL_CALL")
        span["input"] = make_payload({"id": self._chance.randrange(10**9), "text": self._write(8)})
        if self._chance.random() < _TOOL_FAILS:
            error = {"type": "builtins.TimeoutError", "message": self._write(5)}
            return {**span, "status": "ERROR", "outcome": "error", "error": error}
        return {**span, "output": make_payload({"rows": [self._write(10)] * 2})}

    def _make(self, seq: int, name: str, span_type: str, *, parent: int | None = 0) -> Record:
        start_ns = self._now_ns
        duration_ns = self._chance.randrange(10**6, 2 * 10**9)
        self._now_ns += duration_ns
        span: Record = {
            "v": 1, "type": "span", "run_id": self._run_id, "span_id": f"{seq + 1:016x}",
            "rev": 1, "name": name, "span_type": span_type, "status": "COMPLETED",
            "start_ns": start_ns, "end_ns": self._now_ns, "duration_ns": duration_ns,
            "seq": seq, "end_seq": seq, "lane": 0, "effect": "read", "outcome": "ok",
        }  # fmt: skip
        if parent is not None:
            span["parent_span_id"] = f"{parent + 1:016x}"
        return span

    def _write(self, words: int) -> str:
        return " ".join(self._chance.choices(_WORDS, k=words))
