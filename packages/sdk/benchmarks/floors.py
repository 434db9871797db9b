"""What any recorder in Python has to pay at least: the floors beside which its cost is read."""

from __future__ import annotations

import random
import threading
import time
import timeit
from collections import deque
from contextvars import ContextVar
from marshal import dumps
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

import orjson
from subjects import LLM_INPUT, LLM_OUTPUT, SMALL_INPUT, SMALL_OUTPUT

if TYPE_CHECKING:
    from collections.abc import Callable

CALLS: Final = 1_000
REPEATS: Final = 25


class _Slots:
    __slots__ = ("a", "b", "c", "d", "e", "f", "g", "h")

    def __init__(self) -> None:
        self.a = self.b = self.c = self.d = self.e = self.f = self.g = self.h = 0


def _make_record(given: object, answer: object) -> Callable[[], None]:
    """Return the whole floor of a call: both payloads into one shared buffer, under its lock."""
    buffer, lock = bytearray(), threading.Lock()

    def record() -> None:
        time.time_ns()
        started = time.perf_counter_ns()
        head = orjson.dumps(given)
        with lock:
            buffer.extend(head)
        time.perf_counter_ns() - started
        body = orjson.dumps(answer)
        with lock:
            buffer.extend(body)
        if len(buffer) > 1 << 20:
            buffer.clear()

    return record


def measure_floors() -> dict[str, float]:
    """Return the least of 25 rounds of each, in µs a call."""
    variable: ContextVar[int] = ContextVar("floor")
    line: deque[int] = deque(maxlen=1_000)
    queue: SimpleQueue[int] = SimpleQueue()
    bits = random.Random(1).getrandbits  # noqa: S311 -- a floor, no secret
    small = {"query": SMALL_INPUT, "limit": 5}
    messages = {"messages": LLM_INPUT, "temperature": 0.2}

    def put_and_take() -> None:
        queue.put(1)
        queue.get()

    floors: dict[str, Callable[[], object]] = {
        "small: encode into one shared buffer": _make_record(small, SMALL_OUTPUT),
        "llm: encode into one shared buffer": _make_record(messages, LLM_OUTPUT),
        "time_ns": time.time_ns,
        "perf_counter_ns": time.perf_counter_ns,
        "ContextVar set and reset": lambda: variable.reset(variable.set(1)),
        "object of 8 slots": _Slots,
        "getrandbits(64)": lambda: bits(64),
        "deque append": lambda: line.append(1),
        "SimpleQueue put and get": put_and_take,
        "marshal small in and out": lambda: (dumps(small, 4), dumps(SMALL_OUTPUT, 4)),
        "marshal llm in and out": lambda: (dumps(messages, 4), dumps(LLM_OUTPUT, 4)),
        "orjson small in and out": lambda: (orjson.dumps(small), orjson.dumps(SMALL_OUTPUT)),
        "orjson llm in and out": lambda: (orjson.dumps(messages), orjson.dumps(LLM_OUTPUT)),
    }
    empty = _time(_do_nothing)
    return {name: max(0.0, _time(call) - empty) for name, call in floors.items()}


def _time(call: Callable[[], object]) -> float:
    return min(timeit.repeat(call, number=CALLS, repeat=REPEATS)) / CALLS * 1e6


def _do_nothing() -> None:
    return None
