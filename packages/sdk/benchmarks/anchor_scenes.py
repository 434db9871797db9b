"""The five programs that `replay_anchors.py` has every tool record and replay.

Each takes a `Stage` and returns what it saw, as text by name. Nothing of AgentTrace is needed here:
the interpreter of the other tools plays them too.
"""

from __future__ import annotations

import asyncio
import enum
import random
import uuid
from collections import namedtuple
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

Seen = dict[str, str]
Tool = Callable[..., Any]
CALLS: Final = 6
FAILURES: Final = 2
CHUNKS: Final = 3
CHANCE: Final = random.Random()  # noqa: S311 -- how long a call takes
"""Not of `os.urandom` or the functions of `random`, which a tool may record and give again: how
long the world takes is no answer that a replay could serve."""


class Answer(BaseModel):
    """A pydantic model."""

    text: str


@dataclass(frozen=True)
class Hit:
    """A frozen dataclass."""

    title: str
    rank: int


class Colour(enum.Enum):
    """A member of an Enum."""

    RED = "red"


Point = namedtuple("Point", "x y")  # noqa: PYI024 -- the plain kind is what programs return


class QuotaError(Exception):
    """An error whose class must be given a keyword."""

    def __init__(self, message: str, *, limit: int) -> None:
        super().__init__(message)
        self.limit = limit


VALUES: Final[dict[str, object]] = {
    "pydantic": Answer(text="yes"),
    "dataclass": Hit("one", 1),
    "namedtuple": Point(1, 2),
    "Enum": Colour.RED,
    "datetime": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    "Decimal": Decimal("1.10"),
    "bytes": b"\x00\xff",
    "set": {1},
    "int keys": {1: "one"},
}


@dataclass
class Stage:
    """What a tool gives a program: its decorator, its way to set concurrent work apart."""

    wrap: Callable[[Tool], Tool]
    apart: Callable[[str], AbstractContextManager[object]] = lambda _name: nullcontext()
    bodies: list[str] = field(default_factory=list)  # what ran for real


async def gather(stage: Stage) -> Seen:
    """R3: calls of one tool at once, each started and answered after a moment of its own."""

    async def fetch(number: int) -> str:
        stage.bodies.append("fetch")
        await _wait()
        return f"answer {number} {uuid.uuid4().hex[:4]}"

    tool = stage.wrap(fetch)

    async def work(number: int) -> str:
        with stage.apart(f"worker {number}"):
            await _wait()
            return str(await tool(number))

    answers = await asyncio.gather(*map(work, range(CALLS)))
    return {f"call {number}": answer for number, answer in enumerate(answers)}


async def race(stage: Stage) -> Seen:
    """R4: the first answer wins, the other call is cancelled, and the next call tells which won."""

    async def ask(source: str) -> str:
        stage.bodies.append("ask")
        await asyncio.sleep({"slow": 1.0, "fast": 0.05}[source])
        return source

    async def conclude(winner: str) -> str:
        stage.bodies.append("conclude")
        return f"from {winner}"

    tool, after = stage.wrap(ask), stage.wrap(conclude)

    async def work(source: str) -> str:
        with stage.apart(source):
            return str(await tool(source))

    tasks = [asyncio.create_task(work(source)) for source in ("slow", "fast")]
    winner = "nobody"
    for first in asyncio.as_completed(tasks):
        winner = await first
        break
    for task in tasks:
        task.cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    loser = "cancelled" if isinstance(ends[0], asyncio.CancelledError) else repr(ends[0])
    return {"winner": winner, "loser": loser, "next": str(await after(winner))}


async def keep_types(stage: Stage) -> Seen:
    """R10: what comes back is of the type that was returned, and equal to it."""

    def make(kind: str) -> object:
        stage.bodies.append("make")
        return VALUES[kind]

    tool = stage.wrap(make)
    seen = {}
    for kind, value in VALUES.items():
        got = tool(kind)
        same = type(got) is type(value) and got == value
        seen[kind] = "the same" if same else f"{type(got).__name__} {got!r}"
    return seen


async def fail(stage: Stage) -> Seen:
    """R11: errors of the program's own and of packages, caught by class, and a retry after two."""
    left = [ConnectionError("reset")] * FAILURES

    def charge(amount: int) -> str:
        stage.bodies.append("charge")
        raise QuotaError("spent", limit=amount)

    def look_up(key: str) -> str:
        stage.bodies.append("look_up")
        if left:
            raise left.pop()
        return key

    def fetch(url: str) -> str:
        stage.bodies.append("fetch")
        request = httpx.Request("GET", url)
        httpx.Response(429, headers={"retry-after": "7"}, request=request).raise_for_status()
        return url

    def parse(text: str) -> int:
        stage.bodies.append("parse")
        return TypeAdapter(int).validate_python(text)

    return (
        _catch(stage.wrap(charge))
        | _catch_status(stage.wrap(fetch))
        | _catch_validation(stage.wrap(parse))
        | _retry(stage.wrap(look_up))
    )


async def stream(stage: Stage) -> Seen:
    """R12: an async generator that breaks after three chunks."""

    async def speak(prompt: str) -> AsyncIterator[str]:
        stage.bodies.append("speak")
        for number in range(CHUNKS):
            await asyncio.sleep(0.01)
            yield f"chunk {number}"
        raise RuntimeError("line cut")

    chunks: list[str] = []
    end = "no error"
    try:
        async for chunk in stage.wrap(speak)("go"):
            chunks.append(chunk)  # noqa: PERF401 -- those before the error count
    except RuntimeError as error:
        end = f"RuntimeError {error}"
    return {"chunks": ", ".join(chunks) or "none", "end": end}


SCENES: Final[dict[str, Callable[[Stage], Awaitable[Seen]]]] = {
    "R3 gather": gather,
    "R4 race": race,
    "R10 types": keep_types,
    "R11 errors": fail,
    "R12 stream": stream,
}


def _catch(charge: Tool) -> Seen:
    try:
        charge(3)
    except QuotaError as error:
        return {"own class": f"caught, limit {getattr(error, 'limit', 'gone')}"}
    except Exception as error:  # noqa: BLE001 -- which one it is, is what is asked
        return {"own class": f"not caught: {type(error).__name__}"}
    return {"own class": "no error"}


def _catch_status(fetch: Tool) -> Seen:
    try:
        fetch("http://shop/orders")
    except httpx.HTTPStatusError as error:
        response = getattr(error, "response", None)
        headers = getattr(response, "headers", {})
        return {"httpx": f"caught, retry-after {headers.get('retry-after', 'gone')}"}
    except Exception as error:  # noqa: BLE001 -- which one it is, is what is asked
        return {"httpx": f"not caught: {type(error).__name__}"}
    return {"httpx": "no error"}


def _catch_validation(parse: Tool) -> Seen:
    try:
        parse("x")
    except ValidationError as error:
        return {"pydantic": f"caught, errors {[each['type'] for each in error.errors()]}"}
    except Exception as error:  # noqa: BLE001 -- which one it is, is what is asked
        return {"pydantic": f"not caught: {type(error).__name__}"}
    return {"pydantic": "no error"}


def _retry(look_up: Tool) -> Seen:
    for attempt in range(1, FAILURES + 2):
        try:
            return {"retry": f"{look_up('key')!r} in attempt {attempt}"}
        except ConnectionError:
            continue
        except Exception as error:  # noqa: BLE001 -- which one it is, is what is asked
            return {"retry": f"not caught: {type(error).__name__}"}
    return {"retry": "never answered"}


async def _wait() -> None:
    await asyncio.sleep(CHANCE.random() / 20)
