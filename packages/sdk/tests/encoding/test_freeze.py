"""Hostile objects: what they do when they are looked at stays with them."""

from __future__ import annotations

import dataclasses
import json
import sys
import threading
import time
from typing import Any, NoReturn
from unittest.mock import MagicMock

import pytest

from agenttrace.encoding.freeze import freeze
from agenttrace.encoding.objects import name_class
from agenttrace.encoding.payload import encode
from agenttrace.encoding.snapshot import take_snapshot


def blow(*_args: object, **_kwargs: object) -> NoReturn:
    """Do what no recorder should ever cause."""
    raise SystemExit("user code ran")


ALL_MAGIC = [
    "__bool__",
    "__contains__",
    "__copy__",
    "__deepcopy__",
    "__dir__",
    "__eq__",
    "__format__",
    "__getattr__",
    "__getattribute__",
    "__getitem__",
    "__hash__",
    "__iter__",
    "__len__",
    "__reduce__",
    "__reduce_ex__",
    "__repr__",
    "__sizeof__",
    "__str__",
    "dict",
    "items",
    "keys",
    "model_dump",
    "values",
]


def make_hostile(base: type) -> type:
    """Return a subclass whose every method ends the program."""
    return type("Hostile", (base,), dict.fromkeys(ALL_MAGIC, blow))


@pytest.mark.parametrize(
    ("base", "args", "expected"),
    [
        (object, (), {"$opaque": "tests.Hostile"}),
        (dict, ({"a": 1},), {"a": 1}),
        (list, ([1],), [1]),
        (tuple, ([1],), [1]),
        (set, ([1],), [1]),
        (frozenset, ([1],), [1]),
        (str, ("s",), "s"),
        (int, (7,), 7),
        (float, (1.5,), 1.5),
        (bytes, (b"a",), {"$bytes": "YQ=="}),
        (bytearray, (b"a",), {"$bytes": "YQ=="}),
        (ValueError, ("v",), ["v"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_hostile_subclass_is_read_without_running_it(
    base: type, args: tuple[Any, ...], expected: Any
) -> None:
    """Containers are read through the built-in type's own methods."""
    hostile = make_hostile(base)
    hostile.__module__ = "tests"
    value = hostile(*args)
    encoded = encode(take_snapshot(value, max_bytes=9999), max_bytes=9999)
    assert json.loads(encoded.text) == expected


def test_a_property_never_runs() -> None:
    """A dataclass whose field is a property says nothing of it: only the property's code knows."""

    @dataclasses.dataclass
    class Odd:
        good: int = 1
        bad: int = 2

    Odd.bad = property(blow, lambda self, value: None)  # type: ignore[assignment]  # the point
    frozen = freeze(Odd())
    assert frozen.fidelity == "opaque"
    encoded = encode(frozen, max_bytes=9999)
    assert encoded.text == b'{"good":1,"bad":{"$opaque":"unreadable"}}'


def test_a_default_of_the_class_is_read() -> None:
    """A field that no object was given has the value that its class has."""

    @dataclasses.dataclass
    class Part:
        number: int = 7

    part = Part()
    del part.number
    assert encode(freeze(part), max_bytes=9999).text == b'{"number":7}'


def test_ctrl_c_is_the_user_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """A KeyboardInterrupt that comes while a value is read goes on to the program."""

    def interrupt(*_args: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr("agenttrace.encoding.freeze.Walk.read", interrupt)
    with pytest.raises(KeyboardInterrupt):
        freeze((1,))


def test_a_lying_metaclass_is_named_object() -> None:
    """Names come from the class, and a class may run anything when it is asked for them."""

    class Meta(type):
        @property
        def __module__(cls) -> str:  # type: ignore[override]  # the point
            raise SystemExit

    class Odd(metaclass=Meta):
        pass

    assert name_class(Odd) == "object"


def test_a_mock_has_no_fields() -> None:
    """An object that answers to every name is not taken for a pydantic model."""
    assert freeze(MagicMock()).fidelity == "opaque"


def test_a_slow_object_is_cut_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """100 ms of the thread's own time: a walk that takes longer ends, says so, has no hash."""

    @dataclasses.dataclass
    class Slow:
        value: int = 0

    now = [0.0]

    def tick() -> float:
        now[0] += 0.01
        return now[0]

    monkeypatch.setattr("agenttrace.encoding.freeze.thread_time", tick)
    frozen = freeze([Slow() for _ in range(5_000)])
    assert frozen.fidelity == "truncated"
    encoded = encode(frozen, max_bytes=10**7, with_hash=True)
    assert b'{"$cut":"time"}' in encoded.text
    assert encoded.hash is None


def test_a_busy_machine_changes_no_hash() -> None:
    """However long the walk takes by the wall clock, equal values have equal hashes."""

    @dataclasses.dataclass
    class Part:
        number: int
        text: str = "t"

    stop = threading.Event()

    def spin() -> None:
        while not stop.is_set():
            pass

    threads = [threading.Thread(target=spin) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        value = [Part(n) for n in range(3_300)]
        taken = [encode(freeze(value), max_bytes=10**7, with_hash=True) for _ in range(3)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert len({encoded.hash for encoded in taken}) == 1
    assert taken[0].hash is not None
    assert {encoded.fidelity for encoded in taken} == {"structural"}


def test_what_cannot_be_walked_has_no_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of its content was seen, so its hash would be that of any other."""

    def fail(*_args: object) -> NoReturn:
        raise RuntimeError("dictionary changed size during iteration")

    monkeypatch.setattr("agenttrace.encoding.freeze.Walk.read", fail)
    encoded = encode(freeze([{1}]), max_bytes=9999, with_hash=True)
    assert (encoded.text, encoded.hash) == (b'{"$opaque":"builtins.list"}', None)


def test_the_worst_value_takes_little_time() -> None:
    """The bounds hold the walk itself below a tenth of a second, by a wide margin."""
    value: Any = [{f"k{n}": (n, {n})} for n in range(200_000)]
    started = time.perf_counter()
    freeze(value)
    assert time.perf_counter() - started < 2  # 0.03 s when the machine is idle


def test_a_huge_integer_is_kept_exactly() -> None:
    """Python refuses to write more than 4,300 digits; hexadecimal has no such limit."""
    value = 7**6_000
    assert value > 10 ** sys.get_int_max_str_digits()
    encoded = encode(take_snapshot([value], max_bytes=10**6), max_bytes=10**6, with_hash=True)
    assert encoded.text == f'[{{"$int":"{value:x}"}}]'.encode()
    assert encoded.hash is not None
