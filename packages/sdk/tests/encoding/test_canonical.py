"""The canonical form: equal for equal calls, distinct for distinct values."""

from __future__ import annotations

import math
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

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
        (b"a", '{"$bytes":"YQ=="}'),
        ({1: "a"}, '{"$dict":[[1,"a"]]}'),
        ({"$float": "NaN"}, '{"$dict":[["$float","NaN"]]}'),
        (object(), '{"$opaque":"builtins.object"}'),
        ('"\\\n\x01/', '"\\"\\\\\\n\\u0001/"'),
    ],
    ids=lambda value: repr(value)[:30],
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
    """orjson sorts and writes as the canonical writer does, wherever it is used."""
    assert hash_value(value) == sha256(write(value).encode()).hexdigest()


@given(st.dictionaries(st.text(), PLAIN), st.randoms())
def test_the_order_of_keys_does_not_matter(value: dict[str, Any], chance: Any) -> None:
    """Two dicts that are equal have one hash."""
    items = list(value.items())
    chance.shuffle(items)
    assert hash_value(dict(items)) == hash_value(value)


def same(one: Any, other: Any) -> bool:
    """Tell whether two values are the same to the canonical form: by type and content."""
    if isinstance(one, int | float) and isinstance(other, int | float):
        if isinstance(one, bool) or isinstance(other, bool):
            return one is other
        if isinstance(one, float) and isinstance(other, float) and one != one:
            return other != other
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
