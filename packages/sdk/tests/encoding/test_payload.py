"""Payloads: what a value becomes, how true to it, and within which bounds."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import json
import math
from array import array
from collections import OrderedDict, deque, namedtuple
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256
from pathlib import PurePosixPath
from types import MappingProxyType, SimpleNamespace
from typing import Any
from uuid import UUID

import msgspec
import orjson
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from naming import name_value

from agenttrace.encoding.payload import encode
from agenttrace.encoding.snapshot import take_snapshot

LIMIT = 1024 * 1024


def take(value: object, *, limit: int = LIMIT) -> tuple[Any, str]:
    """Return the payload's value and its fidelity, after checking that every parser takes it."""
    encoded = encode(take_snapshot(value, max_bytes=limit), max_bytes=limit)
    assert len(encoded.text) <= limit
    parsed = json.loads(encoded.text, parse_constant=pytest.fail)
    orjson.loads(encoded.text)
    msgspec.json.decode(encoded.text)
    return parsed, encoded.fidelity


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: Any = 2


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    name: str
    tags: tuple[str, ...] = ()


class Struct(msgspec.Struct):
    a: int


class Text(str):
    __slots__ = ()


class Keyed(dict[str, int]):
    pass


class Unknown:
    def __repr__(self) -> str:
        pytest.fail("a user's __repr__ was called")

    __str__ = __repr__


Pair = namedtuple("Pair", "left right")  # noqa: PYI024 -- the untyped kind is met as often


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -1,
        2**63 - 1,
        2**64,
        -(10**40),
        1.5,
        0.0,
        1e300,
        5e-324,
        "",
        "ü\U0001f600\u2028\x00\x7f",
        [],
        {},
        {"": [{"a": None}], "$opaque": "x"},
        [[[[1]]]],
        list(range(20_000)),
    ],
    ids=name_value,
)
def test_plain_data_is_exact(value: Any) -> None:
    """It decodes to an equal value of the same types, whole numbers of any length included."""
    decoded, fidelity = take(value)
    assert fidelity == "exact"
    assert decoded == value
    assert type(decoded) is type(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1, 2), [1, 2]),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"b", "a"}), ["a", "b"]),
        (b"\x00\xff", {"$bytes": "AP8="}),
        (bytearray(b"a"), {"$bytes": "YQ=="}),
        (memoryview(b"a"), {"$bytes": "YQ=="}),
        (math.nan, {"$float": "NaN"}),
        (-math.inf, {"$float": "-Infinity"}),
        ("\ud800", {"$text": "7aCA"}),
        ({1: "a", None: "b", 2.5: "d"}, {"1": "a", "null": "b", "2.5": "d"}),
        ({1: "a", "1": "b"}, [[1, "a"], ["1", "b"]]),
        ({(1, 2): "a"}, [[[1, 2], "a"]]),
        (1 + 2j, [1.0, 2.0]),
        (Color.RED, "red"),
        (Level.HIGH, 3),
        (Point(1), {"x": 1, "y": 2}),
        (Model(name="n", tags=("t",), more=1), {"name": "n", "tags": ["t"], "more": 1}),
        (Struct(1), {"a": 1}),
        (Pair(1, 2), {"left": 1, "right": 2}),
        (Text("t"), "t"),
        (Keyed(a=1), {"a": 1}),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (MappingProxyType({"a": 1}), {"a": 1}),
        (SimpleNamespace(a=1), {"a": 1}),
        (dt.datetime(2026, 1, 2, tzinfo=dt.UTC), "2026-01-02T00:00:00+00:00"),
        (dt.date(2026, 1, 2), "2026-01-02"),
        (dt.time(1, 2), "01:02:00"),
        (dt.timedelta(seconds=1.5), 1.5),
        (Decimal("1.10"), "1.10"),
        (dt.timedelta.max, [999_999_999, 86_399_999_999]),
        (Fraction(1, 3), [1, 3]),
        (range(0, 4, 2), [0, 3, 2]),
        (slice(1, None), [1, None, None]),
        (deque([1, "a"], 5), [1, "a"]),
        ({"b": 1, "a": 2}.keys(), ["a", "b"]),
        ({"b": 1, "a": 2}.values(), [1, 2]),
        ({"b": 1, "a": 2}.items(), [["a", 2], ["b", 1]]),
        (OrderedDict(b=1).keys(), ["b"]),
        (array("i", [1]), {"$bytes": "AQAAAA=="}),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (PurePosixPath("/a/b"), "/a/b"),
        (ValueError("x", 1), ["x", 1]),
    ],
    ids=name_value,
)
def test_other_types_keep_their_content(value: Any, expected: Any) -> None:
    """Structural: the content is there, the type is not."""
    assert take(value) == (expected, "structural")
    assert take({"deep": [value]}) == ({"deep": [expected]}, "structural")


def test_an_unknown_class_is_opaque() -> None:
    """Only its class is known: never its text, which holds an address and is user code."""
    name = f"{Unknown.__module__}.Unknown"
    assert take(Unknown()) == ({"$opaque": name}, "opaque")
    assert take([1, Unknown()]) == ([1, {"$opaque": name}], "opaque")
    assert take(len) == ({"$opaque": "builtins.builtin_function_or_method len"}, "opaque")


def test_a_cycle_is_marked() -> None:
    """In plain data and in objects; what is merely shared is written twice."""
    loop: list[Any] = [1]
    loop.append(loop)
    assert take(loop) == ([1, {"$cycle": "builtins.list"}], "opaque")
    shared = {"a": 1}
    assert take([shared, shared]) == ([{"a": 1}, {"a": 1}], "exact")
    point = Point(1, y=[])
    point.y.append(point)
    decoded, fidelity = take(point)
    assert fidelity == "opaque"
    assert next(iter(decoded["y"][0])) == "$cycle"


def test_depth_is_bounded() -> None:
    """32 levels, plain or not; deeper is cut and marked."""
    value: Any = "leaf"
    for _ in range(31):
        value = [value]
    assert take(value)[1] == "exact"
    for _ in range(500):
        value = [value]
    decoded, fidelity = take(value)
    depth = 0
    while isinstance(decoded, list):
        decoded, depth = decoded[0], depth + 1
    assert (decoded, depth, fidelity) == ({"$cut": "depth"}, 32, "truncated")


def test_nodes_are_bounded() -> None:
    """An object of a hundred thousand parts stops at ten thousand."""
    decoded, fidelity = take(tuple(range(100_000)))
    assert fidelity == "truncated"
    assert decoded[-1] == {"$cut": "nodes"}
    assert 9_000 < len(decoded) <= 10_001


def test_a_few_shared_parts_cannot_stand_for_billions() -> None:
    """Sixty lists that hold each other twice would be 2**60 nodes as JSON."""
    value: Any = ["x" * 1000]
    for _ in range(20):
        value = [value, value]
    decoded, fidelity = take(value)
    assert fidelity == "truncated"
    assert isinstance(decoded, str)


def test_a_shared_text_cannot_fill_the_memory() -> None:
    """A megabyte of text, a hundred thousand times, is cut before it is written."""
    big = "x" * 1_000_000
    encoded = encode(take_snapshot([big] * 100_000, max_bytes=LIMIT), max_bytes=LIMIT)
    assert encoded.fidelity == "truncated"
    assert len(encoded.text) <= LIMIT


@pytest.mark.parametrize("megabytes", [100, 1_000])
@pytest.mark.parametrize("wrap", [False, True], ids=["text", "dict"])
def test_h13_a_text_too_long_to_read_is_cut_unread(megabytes: int, wrap: bool) -> None:
    """Its beginning is kept where it is the value; what waits in the queue has a payload's size."""
    text = "x" * (megabytes * 1_000_000)
    snapshot = take_snapshot({"k": text} if wrap else text, max_bytes=LIMIT)
    assert not isinstance(snapshot, bytes)
    assert snapshot.size <= LIMIT
    encoded = encode(snapshot, max_bytes=LIMIT)
    assert (encoded.fidelity, encoded.whole) == ("truncated", None)
    assert json.loads(encoded.text) == ({"k": {"$cut": "text"}} if wrap else "x" * (LIMIT // 4))


@pytest.mark.parametrize("text", ["\x01", "\ud800", "\U0001f600", '"'], ids=repr)
def test_h13_the_beginning_of_such_a_text_is_whatever_fits(text: str) -> None:
    """What grows when it is escaped, and what UTF-8 cannot hold, stays below the limit too."""
    encoded = encode(take_snapshot(text * 34_000_000, max_bytes=1024), max_bytes=1024)
    assert 0 < len(encoded.text) <= 1024
    assert set(json.loads(encoded.text)) == {text if text != "\ud800" else "?"}


@pytest.mark.parametrize("wrap", [False, True], ids=["text", "dict"])
def test_a_long_value_is_cut_and_says_what_it_was(wrap: bool) -> None:
    """The beginning stays readable; length and hash are those of the whole JSON text."""
    text = "é" * 2_000
    value: Any = {"k": text} if wrap else text
    whole = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    encoded = encode(take_snapshot(value, max_bytes=1024), max_bytes=1024)
    assert encoded.fidelity == "truncated"
    assert encoded.whole == (len(whole), sha256(whole).hexdigest(), len(text.encode()))
    preview = json.loads(encoded.text)
    assert preview == (whole if wrap else text.encode())[:256].decode("utf-8", "ignore")


def test_h38_a_picture_within_a_message_is_cut_with_its_size_and_hash() -> None:
    """20 MB of Base64, as models take pictures: what is kept is a payload like any other."""
    url = "data:image/png;base64," + "iVBORw0KGgo=" * 1_700_000
    value = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]
    whole = json.dumps(value, separators=(",", ":")).encode()
    encoded = encode(take_snapshot(value, max_bytes=LIMIT), max_bytes=LIMIT)
    assert encoded.fidelity == "truncated"
    assert encoded.whole is not None
    assert encoded.whole[:2] == (len(whole), sha256(whole).hexdigest())
    assert len(encoded.text) <= LIMIT
    assert json.loads(encoded.text).startswith('[{"role":"user"')


def test_a_cut_value_stays_within_the_limit_however_it_is_escaped() -> None:
    """A control character takes six characters of JSON."""
    for value in ("\x01" * 10_000, '"' * 10_000, "\x01\\" * 10_000):
        encoded = encode(take_snapshot(value, max_bytes=1024), max_bytes=1024)
        assert len(encoded.text) <= 1024
        assert value.startswith(json.loads(encoded.text))


def test_a_very_large_copy_is_cut_on_the_spot() -> None:
    """What waits in the queue has at most the size of a payload."""
    snapshot = take_snapshot("x" * 20_000_000, max_bytes=LIMIT)
    assert not isinstance(snapshot, bytes)
    assert snapshot.size <= LIMIT


def test_a_snapshot_is_a_copy() -> None:
    """Nothing that happens afterwards is in it, for plain data and for objects."""
    inner: list[Any] = [1]
    for value in ({"a": inner}, Point(1, y=inner), (inner,), {"s": {1}, "l": inner}):
        snapshot = take_snapshot(value, max_bytes=LIMIT)
        before = encode(take_snapshot(value, max_bytes=LIMIT), max_bytes=LIMIT).text
        inner.append("later")
        assert encode(snapshot, max_bytes=LIMIT).text == before


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=30,
)
ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.characters(categories=["Cs"])
    | st.binary()
    | st.complex_numbers()
    | st.decimals()
    | st.dates()
    | st.uuids()
    | st.sampled_from([Color.RED, Level.HIGH, Unknown, len]),
    lambda children: (
        st.lists(children)
        | st.tuples(children, children)
        | st.dictionaries(st.text() | st.integers() | st.booleans() | st.none(), children)
        | st.builds(Point, st.integers(), children)
        | st.frozensets(st.integers() | st.text())
    ),
    max_leaves=30,
)


@given(JSON)
def test_json_comes_back_equal(value: Any) -> None:
    """Exact means exact: every JSON value comes back as it was, with its types."""
    decoded, fidelity = take(value)
    if fidelity == "exact":
        assert json.dumps(decoded) == json.dumps(value)
    else:  # a lone surrogate, which UTF-8 cannot hold
        assert fidelity == "structural"
        assert "\\ud" in json.dumps(value)


@given(ANY, st.sampled_from([1024, LIMIT]))
def test_any_value_becomes_json(value: Any, limit: int) -> None:
    """Whatever it is, the result is JSON that every parser takes, within the limit."""
    take(value, limit=limit)
