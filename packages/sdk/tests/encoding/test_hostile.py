"""H42: whatever an argument is, it becomes JSON quickly, and nothing of it runs."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING, Any

import msgspec
import orjson
import pytest

from agenttrace.encoding.fidelity import RoundTrip
from agenttrace.encoding.payload import Policy, encode
from agenttrace.encoding.snapshot import take_snapshot
from agenttrace.redaction import Redactor

from . import hostile

if TYPE_CHECKING:
    from types import FrameType

LIMIT = 2**20
_STACK = contextlib.ExitStack()
VALUES = hostile.build(_STACK)


def teardown_module() -> None:
    """Close what the objects hold."""
    _STACK.close()


def write(value: object) -> Any:
    """Return the payload of a value as the worker writes it, parsed by the strictest."""
    policy = Policy(round_trip=RoundTrip("always"), redactor=Redactor())
    snapshot = take_snapshot(value, max_bytes=LIMIT)
    encoded = encode(snapshot, max_bytes=LIMIT, with_hash=True, policy=policy)
    assert len(encoded.text) <= LIMIT
    for text in (encoded.text, encoded.types or b"{}"):
        text.decode("utf-8")
        msgspec.json.decode(text)
        json.loads(text, parse_constant=pytest.fail)
        orjson.loads(text)
    return encoded


def test_there_are_many() -> None:
    """More than sixty, each a kind of its own."""
    assert len(VALUES) >= 60


@pytest.mark.parametrize("name", VALUES)
def test_a_hostile_value_becomes_json_and_is_not_touched(name: str) -> None:
    """Alone and within plain data: valid JSON in UTF-8, and no method of it runs."""
    value = VALUES[name]
    before = len(hostile.TOUCHES)
    write(value)
    write({"a": [value, 1]})
    assert len(hostile.TOUCHES) == before


def test_iterators_are_not_consumed() -> None:
    """What the program will read is still there."""
    items, counter = iter([1, 2]), VALUES["endless iterator"]
    following = next(counter) + 1
    for value in (items, counter, VALUES["open file"]):
        write(value)
    assert list(items) == [1, 2]
    assert next(counter) == following


def test_colliding_keys_are_kept_apart() -> None:
    """1 and "1", None and "null": two members each."""
    encoded = write({1: "a", "1": "b", None: "d", "null": "e"})
    assert json.loads(encoded.text) == [[1, "a"], ["1", "b"], [None, "d"], ["null", "e"]]
    assert encoded.fidelity == "exact"


def test_deep_recursion_needs_no_deep_stack() -> None:
    """However deep a value is, its reading stops before Python's own limit."""
    deep = hostile.nest(100_000, lambda value: [value])
    limit = sys.getrecursionlimit()
    frame: FrameType | None = sys._getframe()
    depth = 0
    while frame is not None:
        frame, depth = frame.f_back, depth + 1
    sys.setrecursionlimit(depth + 250)
    try:
        assert write(deep).fidelity == "truncated"
        assert write((deep,)).fidelity == "truncated"
    finally:
        sys.setrecursionlimit(limit)
