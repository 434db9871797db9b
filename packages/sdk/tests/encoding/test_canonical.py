"""The canonical form: equal for equal calls, distinct for distinct values."""

from __future__ import annotations

import ctypes
import math
from array import array
from collections import deque
from datetime import timedelta
from hashlib import sha256
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from naming import name_value

from agenttrace.encoding.canonical import write_canonical
from agenttrace.encoding.freeze import freeze
from agenttrace.encoding.payload import encode
from agenttrace.encoding.snapshot import take_snapshot
from agenttrace.signature import make_bind


def write(value: Any) -> str:
    """Return the canonical text by the slow way."""
    return write_canonical(freeze(value).tree)


def hash_value(value: Any) -> str | None:
    """Return the hash as the worker takes it, by whichever way."""
    return encode(take_snapshot(value, max_bytes=2**20), max_bytes=2**20, with_hash=True).hash


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [True, None]}, '{"a":[true,null],"b":1}'),
        ({"é": 1, "z": 2, "\U0001f600": 3, "\uffff": 4}, '{"z":2,"é":1,"\uffff":4,"\U0001f600":3}'),
        (1.0, "1"),
        (-0.0, "0"),
        (2.0**53, "9007199254740992.0"),
        (2**53, "9007199254740992"),
        (10**30, "1" + "0" * 30),
        (0.1, "0.1"),
        (1e-7, "1e-07"),
        (1e22, "1e+22"),
        (math.nan, '{"$float":"NaN"}'),
        (math.inf, '{"$float":"Infinity"}'),
        ((1, 2), '{"$tuple":[1,2]}'),
        ({2, 1}, '{"$set":[1,2]}'),
        (frozenset({1}), '{"$frozenset":[1]}'),
        (bytearray(b"a"), '{"$buffer":["bytearray",{"$bytes":"YQ=="}]}'),
        (memoryview(b"a"), '{"$buffer":["memoryview B 1",{"$bytes":"YQ=="}]}'),
        (array("i", [1]), '{"$buffer":["array i 1",{"$bytes":"AQAAAA=="}]}'),
        (range(0, 4, 2), '{"$range":[0,3,2]}'),
        (deque([1]), '{"$deque":["deque",[1]]}'),
        ({"b": 1, "a": 2}.keys(), '{"$dict_keys":["a","b"]}'),
        ({"b": 1, "a": 2}.values(), '{"$dict_values":[1,2]}'),
        ({"b": 1}.items(), '{"$dict_items":[{"$tuple":["b",1]}]}'),
        (b"a", '{"$bytes":"YQ=="}'),
        ({1: "a"}, '{"$dict":[[1,"a"]]}'),
        ({"$float": "NaN"}, '{"$dict":[["$float","NaN"]]}'),
        (object(), '{"$opaque":"builtins.object"}'),
        ('"\\\n\x01/', '"\\"\\\\\\n\\u0001/"'),
    ],
    ids=name_value,
)
def test_the_text_is_as_documented(value: Any, text: str) -> None:
    """The rules of docs/wire-format.md, one by one; both ways of writing agree."""
    assert write(value) == text
    assert hash_value(value) == sha256(text.encode()).hexdigest()


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.floats(min_value=-1e6, max_value=1e6)
    | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)
RICH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda children: (
        st.lists(children)
        | st.tuples(children)
        | st.dictionaries(st.text() | st.sampled_from(["$tuple", "$dict", "$float"]), children)
        | st.dictionaries(st.integers() | st.text(), children)
        | st.frozensets(st.integers() | st.text())
    ),
    max_leaves=12,
)


@given(PLAIN)
def test_the_fast_way_writes_what_the_slow_way_writes(value: Any) -> None:
    """Orjson sorts and writes as the canonical writer does, wherever it is used."""
    assert hash_value(value) == sha256(write(value).encode()).hexdigest()


@given(st.dictionaries(st.text(), PLAIN), st.randoms())
def test_the_order_of_keys_does_not_matter(value: dict[str, Any], chance: Any) -> None:
    """Two dicts that are equal have one hash."""
    items = list(value.items())
    chance.shuffle(items)
    assert hash_value(dict(items)) == hash_value(value)


def same(one: Any, other: Any) -> bool:  # noqa: PLR0911 -- one return a rule
    """Tell whether two values are the same to the canonical form: by type and content."""
    if isinstance(one, int | float) and isinstance(other, int | float):
        if isinstance(one, bool) or isinstance(other, bool):
            return one is other
        if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
            return math.isnan(other)
        if type(one) is not type(other):
            return one == other and abs(one) < 2**53
        return one == other
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return sorted(map(describe_item, one.items())) == sorted(map(describe_item, other.items()))
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def describe_item(item: tuple[Any, Any]) -> tuple[str, str]:
    """Return an item of a dict as two texts; keys of a dict are ints and texts here."""
    key, value = item
    return (repr(key), write(value))


@given(RICH, RICH)
def test_distinct_values_have_distinct_texts(one: Any, other: Any) -> None:
    """No two values that differ share a text, user keys that look like tags included."""
    assert (write(one) == write(other)) == same(one, other)


@given(st.integers(), st.text(), st.booleans())
def test_the_style_of_the_call_does_not_matter(a: int, b: str, c: bool) -> None:
    """By position, by keyword, in any order, with or without defaults: one canonical input."""

    def function(a: int, b: str = "", *, c: bool = False) -> None: ...

    bind = make_bind(function)
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
        ((a, b), {"c": c}),
        ((a,), {"c": c, "b": b}),
        ((), {"c": c, "b": b, "a": a}),
    ]
    if b == "":
        calls.append(((a,), {"c": c}))
    if not c:
        calls.append(((a, b), {}))
    assert len({hash_value(bind(args, kwargs)) for args, kwargs in calls}) == 1


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_reads_back_as_itself(value: float) -> None:
    """The canonical text of a finite float is a number that equals it."""
    assume(math.isfinite(value))
    assert float(write(value)) == value


class Octets(bytes):
    pass


class Row(tuple[Any, ...]):
    __slots__ = ()


def build_dicts(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[Any, Any]]:
    """Return a strategy for dicts whose keys may look like tags, or be no text."""
    return st.dictionaries(st.sampled_from(["a", "$tuple", 1, (1,), b"a"]), values, max_size=2)


# Leaves of which many have the same content in another type, or nearly so.
ALIKE: list[Any] = [
    *(None, True, False, 0, 1, -1, 0.0, -0.0, 1.0, 0.5, math.nan, 2**53, 2.0**53, 2**70),
    *("", "a", "YQ==", "$bytes", "Row", "\ud800", "7aCA"),
    *(b"", b"a", Octets(b"a"), bytearray(b"a"), memoryview(b"a"), memoryview(bytearray(b"a"))),
    *(memoryview(b"abcd").cast("B", (2, 2)), memoryview(b"abcd"), b"abcd"),
    *(array("i", [1]), array("b", [1, 0, 0, 0]), array("f", [1.0]), array("d"), array("i")),
    *(
        range(3),
        range(9),
        range(0),
        range(5, 5),
        range(0, 3, 2),
        range(0, 4, 2),
        range(3, 0, -1),
    ),
    *(slice(3), slice(0, 3), timedelta.max, timedelta.max - timedelta.resolution),
    *(PurePosixPath("a"), PureWindowsPath("a"), 1 + 2j),
]
MIXED = st.recursive(
    # By its place, as a writable memoryview has no hash.
    st.integers(0, len(ALIKE) - 1).map(ALIKE.__getitem__),
    lambda children: (
        st.lists(children, max_size=2)
        | st.lists(children, max_size=2).map(tuple)
        | st.lists(children, max_size=2).map(Row)
        | st.lists(children, max_size=2).map(deque)
        | st.sets(st.integers(0, 2))
        | st.frozensets(st.integers(0, 2))
        | build_dicts(children)
        | build_dicts(children).map(dict.keys)
        | build_dicts(children).map(dict.values)
        | build_dicts(children).map(dict.items)
    ),
    max_leaves=4,
)


def describe(value: Any) -> Any:  # noqa: PLR0911 -- one return a rule
    """Return what makes a value what it is, type and content, as something to compare."""
    kind = type(value)
    if kind in {int, float}:
        if value != value:  # noqa: PLR0124 -- NaN
            return "NaN"
        return value if abs(value) < 2**53 else (kind, value)
    if kind is memoryview:
        return kind, value.format, value.shape, value.tobytes()
    if kind is array:
        return kind, value.typecode, value.tobytes()
    if kind in {set, frozenset, type({}.keys()), type({}.items())}:
        return kind, frozenset(map(describe, value))
    if kind is dict:
        return kind, frozenset(map(describe, value.items()))
    if kind in {list, tuple, Row, deque, type({}.values())}:
        return kind, tuple(map(describe, value))
    if kind is slice:
        return kind, describe([value.start, value.stop, value.step])
    return kind, bytes(value) if kind is bytearray else value


@settings(max_examples=1_000)
@given(MIXED, MIXED)
def test_hashes_are_equal_for_equal_values_only(one: Any, other: Any) -> None:
    """By type and content, whichever way the value takes; the ways agree on one value."""
    assert (hash_value(one) == hash_value(other)) == (describe(one) == describe(other))
    assert hash_value(one) == sha256(write(one).encode()).hexdigest()
    assert hash_value([one, [other]]) == sha256(write([one, [other]]).encode()).hexdigest()


def nest(value: Any, levels: int) -> Any:
    """Return the value within so many lists."""
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        [(n,) for n in range(12_000)],
        nest("bottom", 40),
        nest(("bottom",), 40),
        "x" * (33 * 2**20),
        bytearray(33 * 2**20),
        [[n] for n in range(262_145)],
    ],
    ids=["nodes", "depth", "depth of objects", "text", "bytes", "nodes of plain data"],
)
def test_a_value_that_was_cut_has_no_hash(value: Any) -> None:
    """Unknown is absent: another value may be cut to the same."""
    assert hash_value(value) is None


@pytest.mark.parametrize(
    "wrap",
    [
        lambda value: [value],
        lambda value: (1, {"a": value}),
        lambda value: {"messages": [{"role": "user", "content": value}]},
        lambda value: [1] * 5_000 + [value],
        lambda value: {value},
        lambda value: {value: 1},
    ],
)
def test_a_buffer_is_not_taken_for_bytes_however_deep_it_lies(wrap: Any) -> None:
    """Marshal writes both alike, in a list, as a member of a set, as a key."""
    assert hash_value(wrap(memoryview(b"a"))) != hash_value(wrap(b"a"))
    assert hash_value(wrap(memoryview(b""))) != hash_value(wrap(b""))


@given(st.binary(max_size=400), st.integers(0, 3), st.lists(st.integers() | st.text()))
def test_buffers_of_any_length_are_found(data: bytes, levels: int, beside: list[Any]) -> None:
    """Shared or not, whatever stands beside it."""
    buffer = bytearray(data)
    value = nest([*beside, buffer, *beside], levels)
    assert hash_value(value) != hash_value(nest([*beside, data, *beside], levels))
    assert hash_value([value, buffer]) != hash_value([value, data])


def test_items_that_are_addresses_are_not_hashed() -> None:
    """A buffer of pointers differs in each process: its class is what is known."""
    first, second = ((ctypes.c_char_p * 1)(text) for text in (b"one", b"two"))
    assert type(first) is type(second)
    assert hash_value(first) == hash_value(second)
    assert hash_value((ctypes.c_int * 1)(1)) != hash_value((ctypes.c_int * 1)(2))


def test_values_that_hold_themselves_differ_by_what_they_hold() -> None:
    """1, 2, 1, 2 … is not 1, 2, 2, 2 …: the mark says how far up the value is that comes again."""
    outer: list[Any] = [1]
    outer.append([2, outer])
    inner: list[Any] = [2]
    inner.append(inner)
    assert hash_value(outer) != hash_value([1, inner])
    assert hash_value(outer) is not None
