"""Classes whose objects tools return in tests."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from pydantic import BaseModel


class Hit(BaseModel):
    title: str
    score: float = 0.5
    tags: set[str] = set()


@dataclass(frozen=True)
class Point:
    x: int
    y: int


class Pair(NamedTuple):
    left: str
    right: int


class Colour(Enum):
    RED = "red"


class Plain:
    """Has the repr that holds an address."""


class BudgetError(Exception):
    """An error that can only be made with a keyword."""

    def __init__(self, *, code: int) -> None:
        super().__init__(f"over budget: {code}")
        self.code = code
