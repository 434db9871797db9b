"""Does a traced function do what the plain one does, whatever breaks inside? A program and a law.

    python packages/sdk/tests/differential.py --examples 10000

Each example is a function of one of the kinds, the arguments of a call, an internal part of the SDK
and an error that this part raises. The plain and the traced function are called and consumed in the
same way; what the caller sees has to be the same: the same objects, the same exception objects, the
same kinds and signatures, arguments that nobody touched.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import inspect
import sys
import warnings
from contextlib import ExitStack, asynccontextmanager, contextmanager
from contextvars import Context
from importlib import import_module
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from agenttrace import Tracer
from agenttrace.exporters import MemoryExporter
from agenttrace.settings import Settings
from agenttrace.wrappers import trace_llm

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Iterator

_MODULES: Final = (
    "adoption",
    "attributes",
    "calls",
    "chunks",
    "context",
    "encoding.snapshot",
    "failures",
    "links",
    "recorder",
    "recording_methods",
    "retries",
    "returned",
    "run",
    "span",
    "spec",
    "streams",
    "usage",
)
# The boundaries themselves: each contains what happens within it, so a fault of its own is as if
# the wrapper had one. And what runs the function's own body, which is no part beside it.
_BOUNDARIES: Final = frozenset(
    {
        "agenttrace.recorder.Recorder.boundary",
        "agenttrace.recorder.Recorder.enter_run",
        "agenttrace.recorder.Recorder.exit_run",
        "agenttrace.recorder.Recorder.enter_span",
        "agenttrace.recorder.Recorder.open_call",
        "agenttrace.recorder.Recorder.close_call",
        "agenttrace.recorder.Recorder.end_span",
        "agenttrace.recorder.Recorder.end_span_by",
        "agenttrace.streams.Stream.advance",
        "agenttrace.streams.Stream.advance_async",
        "agenttrace.streams.Stream.inside",
        "agenttrace.streams.Stream.is_inside",
        "agenttrace.streams.Stream.record",
        "agenttrace.streams.Stream.finish",
        "agenttrace.streams.Stream.fail",
        "agenttrace.streams.Stream.close",
        "agenttrace.streams.Stream.hand_over",
        "agenttrace.streams.Stream.leave_block",
        "agenttrace.streams.Stream.has_ended",
        "agenttrace.streams.Stream._has_been_ended",
        "agenttrace.recording_methods._enter",
        "agenttrace.streams.open_stream",
        "agenttrace.calls.open_stream",
        "agenttrace.streams.drive",
        "agenttrace.calls.drive",
        "agenttrace.returned.drive",
        "agenttrace.streams.drive_async",
        "agenttrace.returned.drive_async",
        "agenttrace.streams._close",
        "agenttrace.streams.close_async",
        "agenttrace.calls.close_async",
        "agenttrace.streams.relay",
        "agenttrace.adoption.relay",
        "agenttrace.recording_methods.relay",
        "agenttrace.streams.relay_async",
        "agenttrace.recording_methods.relay_async",
        "agenttrace.streams.unwatch",
        "agenttrace.returned.unwatch",
        "agenttrace.calls.follow",
        "agenttrace.returned.follow",
        "agenttrace.recording_methods.follow",
    }
)
_ERRORS: Final = (ValueError("fault"), MemoryError(), RecursionError(), SystemExit(3))


def list_internals() -> list[str]:
    """Return the dotted names of the functions, methods and classes that may be broken."""
    found: list[str] = []
    for name in _MODULES:
        module = import_module(f"agenttrace.{name}")
        for key, value in vars(module).items():
            place = f"{module.__name__}.{key}"
            if isinstance(value, FunctionType) and value.__module__.startswith("agenttrace"):
                found.append(place)
            if isinstance(value, type) and value.__module__ == module.__name__:
                found += [
                    f"{place}.{method}"
                    for method, function in vars(value).items()
                    if isinstance(function, FunctionType) and not method.startswith("__a")
                ]
    skipped = ("__enter__", "__exit__", "__repr__", "_make_", "agenttrace.recording_methods._find")
    return [x for x in found if x not in _BOUNDARIES and not any(s in x for s in skipped)]


INTERNALS: Final = list_internals()


class Words:
    """A stream object as the model clients make them."""

    def __init__(self, items: list[Any], error: BaseException | None) -> None:
        self._iterator = _generate(items, error)

    def __iter__(self) -> Iterator[Any]:
        for item in self._iterator:  # noqa: UP028 -- to delegate would close it with the loop
            yield item

    def __next__(self) -> Any:
        return next(self._iterator)

    def __enter__(self) -> Words:  # noqa: PYI034 -- it returns itself in fact
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End it."""
        self._iterator.close()


class WordStreamManager:
    """What is entered to get one."""

    def __init__(self, words: Words) -> None:
        self._words = words

    def __enter__(self) -> Words:
        return self._words

    def __exit__(self, *exc: object) -> None:
        self._words.close()


def _generate(items: list[Any], error: BaseException | None) -> Generator[Any, Any, Any]:
    yield from items
    if error is not None:
        raise error
    return items


class Case(NamedTuple):
    """One call: what the function does, with what it is called, how its answer is consumed."""

    kind: str
    args: list[Any]
    kwargs: dict[str, Any]
    items: list[Any]
    error: BaseException | None
    limit: int


def make_function(case: Case) -> Callable[..., Any]:  # noqa: C901 -- one arm for each kind
    """Return a function of the kind; what it returns or yields are the case's own objects."""
    items, error = case.items, case.error

    def body(a: Any, b: Any, rest: Any, c: Any) -> list[Any]:
        if error is not None:
            raise error
        return [items, a, b, *rest, c]

    def plain(a: Any = 1, b: Any = 2, *rest: Any, c: Any = 3) -> Any:
        return body(a, b, rest, c)

    async def coroutine(a: Any = 1, b: Any = 2, *rest: Any, c: Any = 3) -> Any:
        await asyncio.sleep(0)
        return body(a, b, rest, c)

    def generator(a: Any = 1, b: Any = 2, *rest: Any, c: Any = 3) -> Generator[Any, Any, Any]:
        yield a
        return (yield from _generate([*items, b, *rest, c], error))

    async def async_generator(
        a: Any = 1, b: Any = 2, *rest: Any, c: Any = 3
    ) -> AsyncGenerator[Any, None]:
        for item in _generate([*items, a, b, *rest, c], error):
            await asyncio.sleep(0)
            yield item

    @contextmanager
    def manager(a: Any = 1, b: Any = 2, *rest: Any, c: Any = 3) -> Iterator[Any]:
        yield [a, b, *rest, c]
        if error is not None:
            raise error

    @asynccontextmanager
    async def async_manager(
        a: Any = 1, b: Any = 2, *rest: Any, c: Any = 3
    ) -> AsyncGenerator[Any, None]:
        yield [a, b, *rest, c]
        if error is not None:
            raise error

    def returns(make: Callable[..., Any]) -> Callable[..., Any]:
        def function(a: Any = 1, b: Any = 2, *rest: Any, c: Any = 3) -> Any:
            return make(a, b, *rest, c=c)

        return function

    def words(*args: Any, c: Any) -> Words:
        return Words([*items, *args, c], error)

    return {
        "plain": plain,
        "coroutine": coroutine,
        "generator": generator,
        "async_generator": async_generator,
        "manager": manager,
        "async_manager": async_manager,
        "returned_coroutine": returns(coroutine),
        "returned_generator": returns(generator),
        "returned_async_generator": returns(async_generator),
        "returned_stream": returns(words),
        "returned_manager": returns(lambda *args, c: WordStreamManager(words(*args, c=c))),
    }[case.kind]


KINDS: Final = (
    "plain",
    "coroutine",
    "generator",
    "async_generator",
    "manager",
    "async_manager",
    "returned_coroutine",
    "returned_generator",
    "returned_async_generator",
    "returned_stream",
    "returned_manager",
)


def observe(function: Callable[..., Any], case: Case) -> list[Any]:
    """Return all that a caller sees: ids of what comes out, of the error, and kinds."""
    seen: list[Any] = []
    try:
        asyncio.run(_consume(function, case, seen))
    except BaseException as error:  # noqa: BLE001 -- the point
        is_ours = case.error is error
        if type(error) is TypeError:  # arguments that do not fit: at the call, or when it begins
            seen.clear()
        seen.append(("raised", type(error), is_ours or str(error)))
    return seen


async def _consume(function: Callable[..., Any], case: Case, seen: list[Any]) -> None:
    value = function(*case.args, **case.kwargs)
    # An object's own name shows where it is; its kind and its class's name are to be the same.
    seen.append((type(value).__name__, isinstance(value, Words | WordStreamManager)))
    if inspect.isawaitable(value):
        value = await value
    if hasattr(value, "__aenter__") and not hasattr(value, "__anext__"):
        async with value as entered:
            seen.append([id(each) for each in entered])
    elif hasattr(value, "__enter__") and not hasattr(value, "__next__"):
        with value as entered:
            _take(entered, case, seen)
    elif hasattr(value, "__anext__"):
        await _take_async(value, case, seen)
    else:
        _take(value, case, seen)


def _take(values: Any, case: Case, seen: list[Any]) -> None:
    for count, value in enumerate(values, start=1):
        seen.append(id(value))
        if count == case.limit:
            break
    if hasattr(values, "close"):
        seen.append(values.close())


async def _take_async(values: Any, case: Case, seen: list[Any]) -> None:
    left = case.limit
    async for value in values:
        seen.append(id(value))
        left -= 1
        if left == 0:
            break
    seen.append(await values.aclose())


VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=8) | st.binary(max_size=8) | st.builds(object),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)
CASES = st.builds(
    Case,
    kind=st.sampled_from(KINDS),
    args=st.lists(VALUES, max_size=4),
    kwargs=st.dictionaries(st.sampled_from(["a", "b", "c", "zz"]), VALUES, max_size=2),
    items=st.lists(VALUES, max_size=3),
    error=st.none()
    | st.sampled_from([ValueError, KeyError, MemoryError, SystemExit]).map(lambda kind: kind("e")),
    limit=st.integers(0, 4),
)
FAULTS = st.none() | st.tuples(st.sampled_from(INTERNALS), st.sampled_from(_ERRORS))


def check(case: Case, fault: tuple[str, BaseException] | None) -> None:
    """Compare the traced function with the plain one, while a part of the recorder is broken."""
    plain = make_function(case)
    before = repr((case.args, case.kwargs, case.items))
    expected = observe(plain, case)
    tracer = Tracer(exporter=MemoryExporter(), settings=Settings())
    traced = trace_llm(tracer)(make_function(case))
    assert inspect.signature(traced) == inspect.signature(plain)
    for is_kind in (
        inspect.iscoroutinefunction,
        inspect.isgeneratorfunction,
        inspect.isasyncgenfunction,
    ):
        assert is_kind(traced) == is_kind(plain)
    try:
        with tracer.run("agent"), ExitStack() as stack:
            if fault is not None:
                target, error = fault
                stack.enter_context(patch(target, _make_fault(error)))
            inside = observe(traced, case)
            outside = Context().run(observe, traced, case)
            gc.collect(0)
        assert inside == expected == outside, (case, fault, inside, expected, outside)
        assert repr((case.args, case.kwargs, case.items)) == before
    finally:
        tracer.shutdown(timeout_s=0)


def _make_fault(error: BaseException) -> Callable[..., Any]:
    def fault(*_args: object, **_kwargs: object) -> Any:
        raise error

    return fault


def run_examples(count: int) -> None:
    """Check so many generated examples."""

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=CASES, fault=FAULTS)
    def law(case: Case, fault: tuple[str, BaseException] | None) -> None:
        global checked  # noqa: PLW0603 -- a program counts
        try:
            check(case, fault)
        except (SystemExit, GeneratorExit) as error:  # Hypothesis would end with it
            raise AssertionError(f"{fault} came out of {case}") from error
        checked += 1

    law()


checked = 0


def main() -> None:
    """Check as many examples as the command line says, and print how many there were."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--examples", type=int, default=10_000)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    import logging

    logging.disable()
    run_examples(arguments.examples)
    sys.stdout.write(f"{checked} examples over {len(INTERNALS)} internals: no difference\n")


if __name__ == "__main__":
    main()
