"""Classes of every kind that a value may be of, importable as a replaying program has them."""

from __future__ import annotations

import dataclasses
import enum
from collections import OrderedDict, namedtuple
from typing import Any, ClassVar, NamedTuple, TypedDict

import msgspec
import pydantic


class Color(enum.Enum):
    RED = "red"
    PAIR = (1, 2)


class Level(enum.IntEnum):
    HIGH = 3


class Access(enum.Flag):
    READ = 1
    WRITE = 2


@dataclasses.dataclass
class Order:
    number: int
    items: Any = None
    total: int = dataclasses.field(default=0, init=False)
    shop: ClassVar[str] = "corner"

    def __post_init__(self) -> None:
        self.cache = (self.number,)


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: Any = 2


@dataclasses.dataclass
class Loop:
    inner: Any = None


class Spot(NamedTuple):
    name: str
    value: Any


Pair = namedtuple("Pair", "left right")  # noqa: PYI024 -- the untyped kind is met as often


class Row(tuple[Any, ...]):
    __slots__ = ()


class Message(TypedDict):
    role: str
    content: str


class Struct(msgspec.Struct, frozen=True):
    a: int
    b: Any = None


class Started(msgspec.Struct):
    a: int

    def __post_init__(self) -> None:
        self.a += 1


class Model(pydantic.BaseModel):
    name: str
    tags: tuple[str, ...] = ()
    inner: Any = None
    _secret: Any = pydantic.PrivateAttr(default=None)


class Open(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow", frozen=True)
    a: int = 1


class Numbers(pydantic.RootModel[list[int]]):
    pass


class Checked(pydantic.BaseModel):
    value: int

    @pydantic.field_validator("value")
    @classmethod
    def _never(cls, value: int) -> int:
        raise AssertionError("user code ran")


class Text(str):
    __slots__ = ("note",)


class Number(int):
    pass


class Ratio(float):
    pass


class Octets(bytes):
    pass


class Items(list[Any]):
    pass


class Keyed(dict[str, Any]):
    pass


class Ordered(OrderedDict[str, Any]):
    pass


class Names(frozenset[Any]):
    pass


class Wild:
    """A member of a set whose hash is user code."""

    def __hash__(self) -> int:
        raise AssertionError("user code ran")


@dataclasses.dataclass(eq=False)
class WildPoint(Wild):
    x: int


class BudgetError(Exception):
    """An error that cannot be made without keywords."""

    def __init__(self, *, code: int, left: Any) -> None:
        super().__init__(f"budget {code}")
        self.code = code
        self.left = left


class ConnectError(OSError):
    """An error of the system with a place of its own."""

    def __init__(self, number: int, text: str, *, host: str) -> None:
        super().__init__(number, text)
        self.host = host
