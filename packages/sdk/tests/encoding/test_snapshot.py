"""The copy on the caller's thread: cheap for plain data, and never taken for what it is not."""

from __future__ import annotations

import enum
import tracemalloc
from array import array
from collections import deque
from marshal import loads
from typing import Any, Self, cast

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from agenttrace.encoding.snapshot import EAGER_BYTES, Encoded, take_snapshot
from agenttrace.encoding.tree import MAX_DEPTH, MAX_NODES, Frozen

LIMIT = 1024 * 1024
SCALARS = frozenset({str, int, bool, type(None), float, bytes, complex})
PLAIN = SCALARS | {list, dict, tuple, set}


class Octets(bytes):
    __slots__ = ()


class Code(bytes, enum.Enum):
    """A member that any JSON encoder writes as its value, though it is a buffer."""

    value: Any
    ONE = b"1"

    def __new__(cls, data: bytes) -> Self:
        member = bytes.__new__(cls, data)
        member._value_ = 1
        return member

    __repr__ = object.__repr__


def take(value: object) -> object:
    return take_snapshot(value, max_bytes=LIMIT)


def walk(value: Any) -> list[Any]:
    """Return the value and all that is in it, in an order that depends on nothing but itself."""
    if type(value) is dict:
        return [value, *(part for item in value.items() for each in item for part in walk(each))]
    if type(value) in (list, tuple):
        return [value, *(part for item in value for part in walk(item))]
    if type(value) is set:
        return [value, *(part for item in sorted(value, key=repr) for part in walk(item))]
    return [value]


def show(part: object) -> str:
    """Return what tells two scalars apart, NaN and -0.0 included."""
    return repr(part) if type(part) in SCALARS else str(len(cast("Any", part)))


# Texts that end as marshal's mark of bytes begins, beside numbers and lengths that go on like it.
TEXTS = st.text(max_size=6) | st.sampled_from(["s", "ids", "\xf3", "s\x00\x00\x00", "x" * 300, ""])
NUMBERS = st.integers() | st.integers(0, 300) | st.just(0x73) | st.floats() | st.complex_numbers()
OCTETS = st.binary(max_size=40) | st.integers(0, 1100).map(bytes)
BUFFERS = st.one_of(
    OCTETS.map(bytearray),
    OCTETS.map(lambda data: memoryview(data)),  # noqa: PLW0108 -- mypy wants the types said
    OCTETS.map(Octets),
    st.lists(st.integers(0, 9), max_size=300).map(lambda items: array("i", items)),
    st.just(Code.ONE),
)
KEYS = TEXTS | NUMBERS | OCTETS | st.none() | st.booleans()


def nest_values(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return containers of the leaves, with up to 300 items: more than one byte counts."""
    return st.recursive(
        leaves,
        lambda children: (
            st.lists(children, max_size=4)
            | st.tuples(children, children)
            | st.dictionaries(KEYS, children, max_size=4)
            | st.sets(KEYS, max_size=4)
            | st.tuples(children, st.integers(0, 300)).map(lambda pair: [pair[0]] * pair[1])
        ),
        max_leaves=12,
    )


LEAVES = KEYS | OCTETS


@given(nest_values(LEAVES))
def test_plain_data_is_copied_by_marshal(value: Any) -> None:
    """Whatever texts and numbers are in it: the slow way is for what is not plain."""
    assume(len(walk(value)) <= MAX_NODES)
    snapshot = take(value)
    assert type(snapshot) is bytes
    copied = loads(snapshot)
    assert list(map(type, walk(copied))) == list(map(type, walk(value)))
    assert list(map(show, walk(copied))) == list(map(show, walk(value)))


@settings(max_examples=200)
@given(nest_values(LEAVES | BUFFERS))
@example({"ids": bytearray()})
@example({"s": [Code.ONE], "n": 0})
@example({memoryview(b"key"): 1})
@example([[array("i", [1])] * 200, "s"])
def test_a_copy_by_marshal_has_the_types_of_the_value(value: Any) -> None:
    """A buffer, wherever it lies and however long it is, is never recorded as bytes."""
    assume(len(walk(value)) <= MAX_NODES)
    is_plain = all(type(part) in PLAIN for part in walk(value))
    assert (type(take(value)) is bytes) == is_plain


@given(st.integers(0, 1100), st.integers(0, 1100))
@example(0, 0)
@example(3, 240)
@example(255, 0)
@example(256, 250)
def test_a_buffer_is_found_at_any_length(size: int, beside: int) -> None:
    """Held by one list alone or by others too, which marshal marks differently."""
    assert isinstance(take(["x" * beside, bytearray(size)]), Frozen)
    assert isinstance(take([bytearray(size), "x" * beside]), Frozen)
    buffer = bytearray(size)
    assert isinstance(take(["x" * beside, buffer]), Frozen)
    assert type(take(["x" * beside, bytes(size)])) is bytes


def test_parts_that_are_shared_are_looked_at_once() -> None:
    """Forty lists, each twice in the next, stand for 2**40 values: they are not walked."""
    value: Any = [b"bottom"]
    for _ in range(40):
        value = [value, value]
    assert type(take(value)) is bytes


def test_what_lies_deeper_than_is_read_does_not_matter() -> None:
    """The look ends where the payload is cut anyway."""
    value: Any = [bytearray(b"a")]
    for _ in range(MAX_DEPTH):
        value = [value]
    assert type(take(value)) is bytes


HUGE: list[int] = list(range(300_000))
SOME: list[int] = list(range(MAX_NODES + 1))


class Row(list[int]):
    """A list of a class of its own."""


class Table(dict[int, int]):
    """A dict of a class of its own."""


@pytest.mark.parametrize(
    "value",
    [
        set(HUGE),
        {"found": {"ids": frozenset(SOME)}},
        {"found": [[HUGE]]},
        dict.fromkeys(HUGE),
        [HUGE] * 50_000,
        [tuple(SOME)],
        [set(HUGE), object()],
        Row(HUGE),
        Table(dict.fromkeys(HUGE, 0)),
        deque(HUGE),
    ],
    ids=["set", "deep set", "deep list", "dict", "shared", "tuple", "odd", "row", "table", "deque"],
)
def test_of_what_has_too_many_parts_only_the_beginning_is_read(
    value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`marshal` would sort a set and copy all of it: for seconds, on the caller's thread."""
    monkeypatch.setattr("agenttrace.encoding.snapshot.dumps", None)
    tracemalloc.start()
    try:
        snapshot = take(value)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(snapshot, Frozen)
    assert snapshot.fidelity == "truncated"
    assert peak < 8 * 1024 * 1024


@pytest.mark.parametrize("make", [str, lambda text: [text], lambda text: {"s": text}])
def test_a_large_copy_becomes_a_payload_at_once(make: Any) -> None:
    """What waits in the queue is then as small as its payload."""
    snapshot = take(make("s" * EAGER_BYTES))
    assert isinstance(snapshot, Encoded)
    assert snapshot.size <= LIMIT
    assert cast("Any", snapshot.whole).json_bytes > EAGER_BYTES
