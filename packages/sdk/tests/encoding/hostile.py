"""Objects that no recorder should look at too closely, each under a name."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import datetime as dt
import decimal
import enum
import io
import itertools
import math
import queue
import re
import socket
import sys
import tempfile
import threading
import types
import uuid
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from unittest.mock import AsyncMock, MagicMock, Mock

import msgspec
import numpy as np
import pydantic

if TYPE_CHECKING:
    from collections.abc import Generator

_METHODS = (
    "__bool__ __bytes__ __call__ __complex__ __contains__ __copy__ __deepcopy__ __dir__ "
    "__eq__ __float__ __format__ __fspath__ __getattr__ __getattribute__ __getitem__ "
    "__getstate__ __hash__ __index__ __int__ __iter__ __len__ __length_hint__ __next__ "
    "__reduce__ __reduce_ex__ __repr__ __sizeof__ __str__ as_dict dict isoformat items "
    "json keys model_dump model_dump_json to_dict tolist utcoffset values "
)
MAGIC = _METHODS.split()


class Touched(BaseException):
    """What a hostile object raises when it is looked at."""


def touch(*_args: object, **_kwargs: object) -> NoReturn:
    """Do what no recorder should ever cause."""
    TOUCHES.append(1)
    raise Touched


TOUCHES: list[int] = []


def make_hostile(base: type, *args: Any) -> Any:
    """Return an object of a subclass whose every method is counted and raises."""
    kind = type("Hostile", (base,), {})
    made = kind(*args)
    for name in MAGIC:
        setattr(kind, name, touch)
    return made


class Lazy:
    """A descriptor as an ORM has them: reading it would load a row."""

    def __get__(self, instance: object, owner: type) -> Any:
        if instance is None:
            return self
        return touch()

    def __set__(self, instance: object, value: object) -> None:
        return None


@dataclasses.dataclass
class Loop:
    """A dataclass that holds itself."""

    inner: Any = None


@dataclasses.dataclass
class Row:
    """A row whose column is loaded when it is read."""

    number: int = 1
    lazy: Any = None


class Tree(pydantic.BaseModel):
    """A pydantic model that may hold itself."""

    child: Any = None


class Zone(dt.tzinfo):
    """A time zone of the user's."""

    utcoffset = dst = tzname = touch


class Meta(type):
    """A metaclass that lies and raises."""

    def __getattr__(cls, name: str) -> NoReturn:
        touch()

    def __instancecheck__(cls, instance: object) -> NoReturn:
        touch()

    __hash__ = touch
    __eq__ = touch
    __repr__ = touch


class Color(enum.Enum):
    """An enum whose members look back."""

    RED = 1
    __str__ = __repr__ = touch


def generate() -> Generator[int, None, None]:
    """Count the values that are taken from it."""
    TOUCHES.append(1)
    yield 1


def nest(levels: int, wrap: Any) -> Any:
    """Return a value of so many levels."""
    value: Any = 1
    for _ in range(levels):
        value = wrap(value)
    return value


def hold_itself(value: Any, put: Any) -> Any:
    """Return the value after it was put into itself."""
    put(value, value)
    return value


def spread(levels: int) -> Any:
    """Return a few lists that stand for billions."""
    value: Any = ["x" * 1_000]
    for _ in range(levels):
        value = [value, value]
    return value


def make_row() -> Row:
    """Return a row whose class has a lazy column."""
    Row.lazy = Lazy()
    return Row()


def make_exception() -> BaseException:
    """Return an exception with all its methods replaced."""
    return make_hostile(ValueError, "text", make_hostile(object))  # type: ignore[no-any-return]  # it is one


def build(stack: contextlib.ExitStack) -> dict[str, Any]:
    """Return more than sixty objects; what has to be closed is left to the stack."""
    opened = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 -- the stack is its manager
    connection = socket.socket()
    stack.callback(connection.close)
    coroutine = AsyncMock()
    generator = generate()
    stack.callback(generator.close)
    local = threading.local()
    local.value = 1
    return {
        "object": make_hostile(object),
        "class": type("Hostile", (), dict.fromkeys(MAGIC, touch)),
        "metaclass": Meta("Odd", (), {})(),
        "class of a metaclass": Meta("Odd", (), {}),
        "dict": make_hostile(dict, {"a": 1}),
        "list": make_hostile(list, [1]),
        "tuple": make_hostile(tuple, (1,)),
        "set": make_hostile(set, {1}),
        "frozenset": make_hostile(frozenset, {1}),
        "str": make_hostile(str, "s"),
        "int": make_hostile(int, 7),
        "float": make_hostile(float, 1.5),
        "complex": make_hostile(complex, 1j),
        "bytes": make_hostile(bytes, b"\xff\xfe"),
        "bytearray": make_hostile(bytearray, b"\xff"),
        "ordered dict": make_hostile(collections.OrderedDict, {"a": 1}),
        "counter": make_hostile(collections.Counter),
        "deque": make_hostile(collections.deque, [1]),
        "decimal": make_hostile(decimal.Decimal, "1.5"),
        "date": make_hostile(dt.date, 2026, 1, 2),
        "datetime": make_hostile(dt.datetime, 2026, 1, 2),
        "naive datetime": dt.datetime(2026, 1, 2),  # noqa: DTZ001 -- the point
        "datetime of a user's zone": dt.datetime(2026, 1, 2, tzinfo=Zone()),
        "time of a user's zone": dt.time(1, 2, tzinfo=Zone()),
        "timedelta": make_hostile(dt.timedelta, 1),
        "namespace": make_hostile(types.SimpleNamespace),
        "mapping proxy": types.MappingProxyType(make_hostile(dict, {"a": 1})),
        "exception": make_exception(),
        "enum": Color.RED,
        "uuid": uuid.UUID(int=1),
        "generator": generator,
        "iterator": iter([1, 2]),
        "endless iterator": itertools.count(),
        "map": map(touch, [1]),
        "coroutine function": coroutine,
        "open file": opened,
        "text file": io.StringIO("text"),
        "socket": connection,
        "lock": threading.Lock(),
        "condition": threading.Condition(),
        "event": threading.Event(),
        "thread": threading.current_thread(),
        "thread local": local,
        "queue": queue.Queue(),
        "module": sys,
        "function": touch,
        "method": [].append,
        "lambda": lambda: None,
        "frame": sys._getframe(),
        "code": touch.__code__,
        "regular expression": re.compile("a"),
        "weak reference": weakref.ref(Loop),
        "weak dict": weakref.WeakValueDictionary(),
        "mock": Mock(),
        "magic mock": MagicMock(),
        "array": np.zeros(1_000_000),
        "array of objects": np.array([object()], dtype=object),
        "numpy int64": np.int64(3),
        "numpy float": np.float64("nan"),
        "numpy datetime": np.datetime64("2026-01-02"),
        "memoryview": memoryview(bytearray(10)),
        "orm row": make_row(),
        "dataclass cycle": hold_itself(Loop(), lambda a, b: setattr(a, "inner", b)),
        "pydantic cycle": hold_itself(Tree(), lambda a, b: setattr(a, "child", b)),
        "list cycle": hold_itself([], list.append),
        "dict cycle": hold_itself({}, lambda a, b: a.update(x=b)),
        "lists 100,000 deep": nest(100_000, lambda value: [value]),
        "tuples 100,000 deep": nest(100_000, lambda value: (value,)),
        "dataclasses 10,000 deep": nest(10_000, Loop),
        "pydantic 500 deep": nest(500, lambda value: Tree.model_construct(child=value)),
        "structs": nest(200, msgspec.defstruct("Struct", ["a"])),
        "billions of parts": spread(40),
        "a million keys": {str(n): n for n in range(1_000_000)},
        "a million rows": [{"n": n} for n in range(300_000)],
        "a million in a set": set(range(1_000_000)),
        "10 MB of text": "x" * 10_000_000,
        "10 MB of escapes": "\x00" * 10_000_000,
        "10 MB of bytes": b"\xff" * 10_000_000,
        "NaN keys": {math.nan: 1, float("nan"): 2},
        "infinite keys": {math.inf: 1, -math.inf: 2},
        "colliding keys": {1: "a", "1": "b", None: "d", "null": "e"},
        "keys of every kind": {(1,): 1, b"": 2, frozenset(): 3, Color.RED: 4, 1.5: 5},
        "surrogates": {"\ud800": "\udfff", "a\x00": "a"},
        "huge integer": 7**100_000,
        "numbers": [2**53 + 1, 2**63, 2**64, 10**400, 5e-324, 1e308, -0.0, math.nan, -math.inf],
        "combining marks": "a" + "\u0301" * 100_000,
        "odd texts": ["\u202e", "\ufdfa" * 1000, "\x1b]8;;x\x07", "\ufeff", "\u2028", "\U0001f600"],
        "keys that look like tags": {"$float": "NaN", "$cut": 1, "__proto__": 2, "": 3, "/~": 4},
        "path": Path("\udcff"),
        "dict view": dict.items(make_hostile(dict, {"a": 1})),
        "user objects": collections.UserDict(a=1),
        "chain map": collections.ChainMap({}, {}),
    }
