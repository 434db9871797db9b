"""The way back: a payload decodes to an equal value of the same type, or says that it does not."""

from __future__ import annotations

import datetime as dt
import json
import math
import pathlib
import sys
import types
from collections import Counter, OrderedDict, defaultdict, deque
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from agenttrace.encoding.decode import MAX_LEVELS, decode_payload
from agenttrace.encoding.fidelity import RoundTrip
from agenttrace.encoding.payload import Policy, encode
from agenttrace.encoding.snapshot import take_snapshot
from agenttrace.errors import DecodeError

if TYPE_CHECKING:
    from types import ModuleType

LIMIT = 2**20


@pytest.fixture(scope="module")
def kinds() -> ModuleType:
    """Give the module of classes, loaded under a name as a program's own modules are."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("shop", pathlib.Path(__file__).parent / "kinds.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["shop"] = module
    spec.loader.exec_module(module)
    return module


def record(value: object, *, mode: str = "always", limit: int = LIMIT) -> dict[str, Any]:
    """Return the payload of a value as a reader of the recording has it."""
    policy = Policy(round_trip=RoundTrip(mode))
    encoded = encode(take_snapshot(value, max_bytes=limit), max_bytes=limit, policy=policy)
    payload = {"value": json.loads(encoded.text), "codec": "json", "fidelity": encoded.fidelity}
    if encoded.types is not None:
        payload |= {"codec": "typed", "types": json.loads(encoded.types)}
    return payload


def check(value: Any) -> dict[str, Any]:
    """Assert that a value is exact and comes back, and return its payload."""
    payload = record(value)
    again = decode_payload(payload)
    assert (type(again), again) == (type(value), value)
    assert payload["fidelity"] == "exact"
    return payload


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    "value",
    [
        (),
        (1, ("a", [2])),
        {1, 2},
        frozenset({"a", (1, 2)}),
        b"\x00\xff",
        bytearray(b"a"),
        Decimal("1.10"),
        1 + 2j,
        UUID(int=5),
        dt.datetime(2026, 1, 2, 3, 4, 5, 6),  # noqa: DTZ001 -- naive ones are met as often
        dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
        dt.datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN),
        dt.date(2026, 1, 2),
        dt.time(1, 2, tzinfo=dt.timezone(dt.timedelta(hours=-3, minutes=30))),
        dt.time(1, 2, tzinfo=BERLIN),
        dt.timedelta(days=-1, microseconds=1),
        dt.timedelta.max,
        pathlib.PurePosixPath("/a/b"),
        pathlib.PureWindowsPath("a\\b"),
        pathlib.Path("x"),
        deque([1, (2,)]),
        deque([1], 5),
        range(0, 9, 2),
        range(3, 0, -1),
        slice(1, None, (2,)),
        Fraction(-1, 3),
        types.SimpleNamespace(a=(1,), b=[]),
        types.MappingProxyType({"a": (1,)}),
        math.inf,
        -math.inf,
        2**64,
        -(2**70),
        7**6000,
        "\ud800",
        ["\udfff", {"k": "\ud800"}],
        {1: "a", 2: "b"},
        {1: "a", "1": "b"},
        {None: 1, True: 2, 1.5: 3, "b": 4},
        {2**70: 1, "a": 2},
        {(1, 2): "pair"},
        {b"k": 1},
        {UUID(int=1): (1,), "b": 2},
        {"": {"~/": {"~1": (1,), "/": {2}}}},
        [{"$float": "NaN"}, math.inf, {"$bytes": "x"}, b"x"],
        [0.0, -0.0, (1.0, 1, True)],
        OrderedDict(b=1, a=(2,)),
        Counter("aab"),
        defaultdict(list, a=[1]),
        defaultdict(None, a=(1,)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_of_the_standard_library_come_back(value: Any) -> None:
    """Equal, of the same type, alone and within others."""
    check(value)
    check({"deep": [value, {"k": value}]})


def test_nan_comes_back() -> None:
    """It equals nothing, so it is told by its text."""
    again = decode_payload(record({"a": (math.nan,)}))
    assert repr(again) == "{'a': (nan,)}"


def test_integers_that_json_readers_round_are_kept_in_the_map() -> None:
    """A reader that makes a float of what exceeds 64 bits has the digits beside it."""
    payload = record([2**70])
    payload["value"] = [float(2**70)]
    assert decode_payload(payload) == [2**70]


def build_objects(kinds: ModuleType) -> list[Any]:
    """Return an object of each class."""
    model = kinds.Model(name="n", tags=("t",), inner=kinds.Point(1, {2}))
    model._secret = (4,)
    order = kinds.Order(1, [kinds.Color.RED])
    order.total = 9
    text = kinds.Text("words")
    text.note = (1,)
    keyed = kinds.Keyed(a=(1,))
    keyed.note = {2}
    return [
        *(kinds.Color.RED, kinds.Color.PAIR, kinds.Level.HIGH),
        *(kinds.Access.READ, kinds.Access.READ | kinds.Access.WRITE),
        *(order, kinds.Point(1, {1: 2}), kinds.Loop(kinds.Loop())),
        *(kinds.Spot("a", (1,)), kinds.Pair(1, [kinds.Spot("b", 2)]), kinds.Row([1, (2,)])),
        kinds.Message(role="user", content="hi"),
        *(kinds.Struct(1, (2,)), kinds.Struct(1)),
        *(model, kinds.Model(name="only"), kinds.Open(), kinds.Open(a=2, more=(1,))),
        kinds.Numbers([1, 2]),
        *(text, kinds.Number(2**70), kinds.Ratio(0.5), kinds.Ratio("inf"), kinds.Octets(b"a")),
        *(kinds.Items([1, (2,)]), keyed, kinds.Ordered(b=1, a=2), kinds.Names({1, "a"})),
        *({kinds.Color.RED: 1}, {kinds.Point(1): 2}, {kinds.Point(1), kinds.Point(2)}),
        np.float64(1.5),
    ]


def test_objects_come_back(kinds: ModuleType) -> None:
    """Enum, dataclass, named tuple, TypedDict, msgspec, pydantic, and what extends a built-in."""
    for value in build_objects(kinds):
        check(value)
        check([{"a": value}])


def test_what_is_no_content_comes_back(kinds: ModuleType) -> None:
    """Fields that were set, private attributes, and what an object holds beside its fields."""
    model, order, text, keyed = (
        decode_payload(record(value))
        for value in build_objects(kinds)
        if type(value) in {kinds.Order, kinds.Model, kinds.Text, kinds.Keyed}
        and getattr(value, "name", "n") == "n"
    )
    model, order = (order, model) if type(model) is kinds.Order else (model, order)
    assert (order.total, order.cache) == (9, (1,))
    assert (model._secret, model.model_fields_set) == ((4,), {"name", "tags", "inner"})
    assert (text.note, keyed.note) == ((1,), {2})
    assert decode_payload(record(kinds.Model(name="a"))).model_fields_set == {"name"}


def test_each_decoding_makes_the_value_anew(kinds: ModuleType) -> None:
    """What one caller does to it, the next does not see; plain data included."""
    for value in ({"a": [1]}, kinds.Order(1, [1]), kinds.Keyed(a=[1])):
        payload = record(value)
        first, second = decode_payload(payload), decode_payload(payload)
        assert first == second
        assert first is not second
    payload = record({"a": [1]})
    decode_payload(payload)["a"].append(2)
    assert decode_payload(payload) == {"a": [1]}


def test_no_user_code_runs_while_a_value_is_recorded(kinds: ModuleType) -> None:
    """The check makes objects without validators, `__init__`, `__hash__` or `__post_init__`."""
    model = kinds.Checked.model_construct(value=1)
    assert record(model)["fidelity"] == "exact"
    wild = object.__new__(kinds.WildPoint)
    wild.x = 1
    assert record([wild])["fidelity"] == "exact"
    started = kinds.Started(1)
    assert record(started)["fidelity"] == "structural"


def test_what_cannot_be_made_again_is_structural() -> None:
    """A class that no module has, an array, a view: shown, and said to be no more than that."""

    class Local(str):
        __slots__ = ()

    for value in (Local("a"), np.arange(3), np.int64(3), {"a": 1}.keys(), memoryview(b"a")):
        payload = record(value)
        assert payload["fidelity"] == "structural"
        with pytest.raises(DecodeError):
            decode_payload(payload)
        assert decode_payload(payload, degrade=True) == payload["value"]


@pytest.mark.parametrize("value", [object(), [object()], "x" * 2000], ids=["opaque", "deep", "cut"])
def test_a_value_that_is_not_whole_is_refused(value: Any) -> None:
    """Never a text, a dict or None in its place."""
    with pytest.raises(DecodeError, match="does not hold the whole value"):
        decode_payload(record(value, limit=1024))


def test_the_value_reads_as_plain_data(kinds: ModuleType) -> None:
    """What a payload shows has no marks of types; they stand beside it."""
    payload = record({"order": kinds.Order(1, (kinds.Color.RED,)), "n": {1: "a"}})
    assert payload["value"] == {
        "order": {"number": 1, "items": ["red"], "total": 0, "shop": "corner"},
        "n": {"1": "a"},
    }
    assert payload["types"] == {
        "/order": {
            "type": "dataclass shop:Order",
            "attributes": {"value": {"cache": [1]}, "types": {"/cache": "tuple"}},
        },
        "/order/items": "tuple",
        "/order/items/0": "enum shop:Color RED",
        "/n": "dict int",
    }


def deepen(levels: int) -> Any:
    """Return a value of so many lists."""
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "types"),
    [
        (1, {"/a": "tuple"}),
        ([1], {"/1": "tuple"}),
        ([1], {"/-": "tuple"}),
        ({"a": 1}, {"/b": "tuple"}),
        ([[1]], {"/0/0/0": "tuple"}),
        (1, {"a": "tuple"}),
        (1, {"": 7}),
        (1, {"": {}}),
        (1, {"": {"type": 1}}),
        (1, ["tuple"]),
        (1, {"": "pickle"}),
        (1, {"": "tuple"}),
        ({}, {"": "set"}),
        ([1, 1], {"": "set"}),
        ([[1]], {"": "set"}),
        ([[1, 2]], {"": "dict int"}),
        ({"x": 1}, {"": "dict int"}),
        ({"01": 1}, {"": "dict int"}),
        ({"a": 1}, {"": {"type": "dict", "keys": {"b": [1]}}}),
        ({"a": 1}, {"": {"type": "dict", "keys": {"a": 1}}}),
        ({"a": 1, "b": 2}, {"": {"type": "dict", "keys": {"a": [1], "b": [1]}}}),
        ([[1]], {"": "pairs"}),
        ([[1, 2], [1, 3]], {"": "pairs"}),
        ({"$bytes": "?"}, {"": "bytes"}),
        ({"$bytes": "YQ==", "a": 1}, {"": "bytes"}),
        ({"$float": "1e999"}, {"": "float"}),
        ({"$int": "0x10"}, {"": "hex"}),
        (1, {"": "int 1_0"}),
        (1, {"": f"int {'9' * 5000}"}),
        ([1, 2], {"": "range"}),
        ([0, 9, 0], {"": "range"}),
        ([True, 2, 1], {"": "range"}),
        ([1, 0], {"": "fraction"}),
        ([1, 2], {"": "complex"}),
        ([1, 2, 3], {"": "deque 2"}),
        ([1], {"": "deque -1"}),
        ("nonsense", {"": "datetime"}),
        ("2026-01-02", {"": {"type": "datetime", "zone": "../../etc/passwd"}}),
        ("2026-01-02", {"": {"type": "datetime", "zone": "No/Where"}}),
        ("a", {"": "path os:system"}),
        ("nonsense", {"": "uuid"}),
        ("nonsense", {"": "decimal"}),
        ({}, {"": "defaultdict eval"}),
        ([], {"": "namedtuple builtins:tuple"}),
        ("x", {"": "dataclass no_such_module:Class"}),
        ({}, {"": "dataclass os:_Environ"}),
        ({}, {"": "dataclass builtins:dict"}),
        ({}, {"": "pydantic subprocess:Popen"}),
        ({"args": "ls"}, {"": "struct subprocess:Popen"}),
        ({}, {"": "attrs shop:Point"}),
        ({"x": 1}, {"": "dataclass shop:Point"}),
        ({"x": 1, "y": 2, "z": 3}, {"": "dataclass shop:Point"}),
        ("RED", {"": "enum shop:Color BLUE"}),
        ("RED", {"": "enum shop:Point x"}),
        (["ls"], {"": "exception os:system"}),
        (["ls"], {"": "exception shop:Point"}),
        (["ls"], {"": "exception subprocess:Popen"}),
        ("a", {"": "str shop:Number"}),
        ({"name": 1}, {"": {"type": "pydantic shop:Model", "extra": ["name"]}}),
        ({"name": 1}, {"": {"type": "pydantic shop:Model", "set": [1]}}),
        (
            {"x": 1, "y": 2},
            {"": {"type": "dataclass shop:Point", "attributes": {"value": {"x": 5}}}},
        ),
        (
            {"x": 1, "y": 2},
            {"": {"type": "dataclass shop:Point", "attributes": {"value": {"z": 5}}}},
        ),
        ({"x": 1, "y": 2}, {"": {"type": "dataclass shop:Point", "attributes": {"value": 5}}}),
        ({"a": 1}, {"": "codec pickle 1 shop:Point"}),
        (deepen(MAX_LEVELS + 1), {}),
        (1, {"/a" * (MAX_LEVELS + 2): "tuple"}),
        (1, {"": "shown shop:Point"}),
        (1, {"": "opaque"}),
        ([], {f"/{n}": "tuple" for n in range(50_000)}),
    ],
    ids=lambda part: json.dumps(part)[:60],
)
def test_a_map_that_does_not_fit_is_refused(kinds: ModuleType, value: Any, types: Any) -> None:
    """A recording is untrusted: no import, no call, no object of a class that was not meant."""
    loaded = set(sys.modules)
    payload = {"value": value, "codec": "typed", "fidelity": "exact", "types": types}
    with pytest.raises(DecodeError):
        decode_payload(payload)
    new = {name.partition(".")[0] for name in set(sys.modules) - loaded}
    assert new <= {"zoneinfo", "pathlib", "importlib", "tzdata"}  # time zones are files


def test_types_of_types_end() -> None:
    """A descriptor within a descriptor, a thousand times, is no loop."""
    described: Any = "tuple"
    for _ in range(900):
        described = {"type": "tuple", "of": described}
    with pytest.raises(DecodeError):
        decode_payload(
            {"value": [], "codec": "typed", "fidelity": "exact", "types": {"": described}}
        )


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"value": 1, "codec": "pickle", "fidelity": "exact"},
        {"codec": "json", "fidelity": "exact"},
        {"value": 1, "codec": "json"},
        {"value": {1}, "codec": "json", "fidelity": "exact"},
    ],
    ids=str,
)
def test_what_is_no_payload_is_refused(payload: dict[str, Any]) -> None:
    """Each time with an error that says why."""
    with pytest.raises(DecodeError):
        decode_payload(payload)


def test_a_class_may_be_given(kinds: ModuleType) -> None:
    """The caller's classes count before the loaded ones; without either the class is missing."""
    payload = record(kinds.Point(1, 2))
    payload["types"] = {"": "dataclass gone:Point"}
    with pytest.raises(DecodeError, match="'gone:Point' is not loaded"):
        decode_payload(payload)
    again = decode_payload(payload, classes={"gone:Point": kinds.Point})
    assert again == kinds.Point(1, 2)
