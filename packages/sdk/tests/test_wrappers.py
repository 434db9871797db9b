"""What a wrapper does to a function: nothing that the program can see, and one span a call."""

from __future__ import annotations

import asyncio
import functools
import inspect
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from agenttrace import ConfigurationError
from agenttrace.wrappers import (
    trace,
    trace_agent,
    trace_decision,
    trace_llm,
    trace_retrieval,
    trace_tool,
)

if TYPE_CHECKING:
    from .conftest import Recording


def test_the_result_is_the_same_object(recording: Recording) -> None:
    """Nothing is copied on its way to the caller."""
    answer = {"a": [1]}

    @trace_tool(recording.tracer)
    def tool() -> dict[str, list[int]]:
        return answer

    assert tool() is answer


@pytest.mark.parametrize(
    "error",
    [ValueError("x"), KeyboardInterrupt(), SystemExit(2), GeneratorExit(), BaseException("b")],
    ids=lambda error: type(error).__name__,
)
def test_the_exception_is_the_same_object(recording: Recording, error: BaseException) -> None:
    """It goes through untouched, whatever it is."""

    @trace_tool(recording.tracer)
    def tool() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        tool()
    assert caught.value is error
    assert error.__cause__ is None
    assert error.__context__ is None


@pytest.mark.parametrize(
    ("error", "status", "outcome"),
    [
        (ValueError("x"), "ERROR", "error"),
        (asyncio.CancelledError(), "CANCELLED", "cancelled"),
        (GeneratorExit(), "COMPLETED", "closed"),
        (KeyboardInterrupt(), "INTERRUPTED", "error"),
        (SystemExit(0), "ERROR", "error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else value,
)
def test_a_span_ends_by_what_comes_out_of_it(
    recording: Recording, error: BaseException, status: str, outcome: str
) -> None:
    """Status is for people, outcome for a replay."""

    @trace_tool(recording.tracer)
    def tool() -> None:
        raise error

    with recording.tracer.run("agent"), pytest.raises(type(error)):
        tool()
    span = recording.span("tool")
    assert (span["status"], span["outcome"]) == (status, outcome)
    assert ("error" in span) == (outcome != "closed")


def test_kind_and_signature_stay(recording: Recording) -> None:
    """Frameworks that look at a function find what they would have found."""

    def plain(a: int, *, b: str = "x") -> None:
        """Do it."""

    async def coroutine(a: int) -> None: ...

    def generator(a: int) -> Any:
        yield a

    async def async_generator(a: int) -> Any:
        yield a

    for function in (plain, coroutine, generator, async_generator):
        wrapped = trace_tool(recording.tracer)(function)
        assert inspect.signature(wrapped) == inspect.signature(function)
        assert wrapped.__name__ == function.__name__
        assert wrapped.__doc__ == function.__doc__
        for test in (
            inspect.iscoroutinefunction,
            inspect.isgeneratorfunction,
            inspect.isasyncgenfunction,
        ):
            assert test(wrapped) == test(function)


def test_arguments_are_bound_by_name(recording: Recording) -> None:
    """Positional and by keyword are the same call: one input, one hash, defaults filled in."""

    @trace_tool(recording.tracer)
    def tool(query: str, limit: int = 5, *, deep: bool = False) -> None: ...

    with recording.tracer.run("agent"):
        tool("a")
        tool(query="a")
        tool("a", 5, deep=False)
        tool("a", limit=6)
    spans = recording.spans()
    assert spans[0]["input"]["value"] == {"query": "a", "limit": 5, "deep": False}
    assert len({span["input_hash"] for span in spans[:3]}) == 1
    assert spans[3]["input_hash"] != spans[0]["input_hash"]
    assert {span["hash_version"] for span in spans} == {1}


def test_variable_and_positional_only_parameters_are_bound(recording: Recording) -> None:
    """Each keeps its parameter's name, even where a keyword has the same."""

    @trace_tool(recording.tracer)
    def tool(first: int, /, *rest: int, **named: int) -> int:
        return first + sum(rest) + sum(named.values())

    with recording.tracer.run("agent"):
        assert tool(1, 2, 3, first=4, named=5, rest=6) == 21
    assert recording.span("tool")["input"]["value"] == {
        "first": 1,
        "rest": [2, 3],
        "named": {"first": 4, "named": 5, "rest": 6},
    }


def test_methods_leave_out_their_receiver(recording: Recording) -> None:
    """`self` and `cls` are no input: they would make every instance another call."""
    tracer = recording.tracer

    class Agent:
        @trace_tool(tracer)
        def method(self, a: int) -> int:
            return a

        @trace_tool(tracer)
        @classmethod
        def above_class(cls, a: int) -> str:
            return cls.__name__ * a

        @classmethod
        @trace_tool(tracer)
        def below_class(cls, a: int) -> str:
            return cls.__name__ * a

        @trace_tool(tracer)
        @staticmethod
        def above_static(a: int) -> int:
            return a

        @staticmethod
        @trace_tool(tracer)
        def below_static(a: int) -> int:
            return a

    with tracer.run("agent"):
        agent = Agent()
        assert (agent.method(1), Agent.above_class(1), Agent.below_class(1)) == (
            1,
            "Agent",
            "Agent",
        )
        assert (Agent.above_static(1), agent.below_static(1)) == (1, 1)
    assert [span["input"]["value"] for span in recording.spans()] == [{"a": 1}] * 5


def test_only_methods_have_a_receiver(recording: Recording) -> None:
    """A plain or static function's first parameter is an input, whatever its name."""
    tracer = recording.tracer

    @trace_tool(tracer)
    def classify(cls: str) -> str:
        return cls

    class Agent:
        @trace_tool(tracer)
        @staticmethod
        def static(self: int, a: int) -> int:  # noqa: PLW0211 -- the point
            return self + a

    with tracer.run("agent"):
        classify("a")
        classify("b")
        Agent.static(1, 2)
    spans = recording.spans()
    assert [span["input"]["value"] for span in spans] == [
        {"cls": "a"},
        {"cls": "b"},
        {"self": 1, "a": 2},
    ]
    assert len({span["input_hash"] for span in spans}) == 3


def test_a_wrapper_without_a_tracer_is_told_where_it_is_written() -> None:
    """The message says what to write instead."""
    with pytest.raises(ConfigurationError, match=r"write @trace_tool\(tracer\), not @trace_tool"):

        @trace_tool  # type: ignore[arg-type]  # the point
        def tool() -> None: ...


def test_partials_and_callables_are_named(recording: Recording) -> None:
    """What has no name of its own is named by what it wraps, or by its class."""

    def add(a: int, b: int) -> int:
        return a + b

    class Adder:
        def __call__(self, a: int) -> int:
            return a

    with recording.tracer.run("agent"):
        assert trace_tool(recording.tracer)(functools.partial(add, 1))(2) == 3
        assert trace_tool(recording.tracer)(Adder())(4) == 4
        assert trace_tool(recording.tracer)(len)("abc") == 3
    assert [(s["name"], s["input"]["value"]) for s in recording.spans()] == [
        ("add", {"b": 2}),
        ("Adder", {"a": 4}),
        ("len", {"obj": "abc"}),
    ]


def test_a_call_that_does_not_fit_raises_as_it_would(recording: Recording) -> None:
    """The function's own TypeError comes out, and the call is on record."""

    @trace_tool(recording.tracer)
    def tool(a: int) -> None: ...

    with recording.tracer.run("agent"), pytest.raises(TypeError, match="unexpected keyword"):
        tool(b=1)  # type: ignore[call-arg]  # the point
    assert recording.span("tool")["error"]["type"] == "builtins.TypeError"


def test_a_deferred_call_that_does_not_fit_raises_when_it_begins(recording: Recording) -> None:
    """A wrapper of such a kind is of that kind itself: nothing of it runs at the call."""

    async def coroutine(a: int) -> None: ...

    async def async_generator(a: int) -> Any:
        yield a

    def generator(a: int) -> Any:
        yield a

    def begin(wrapped: Any) -> None:
        started = wrapped(1, 2)
        if inspect.isgenerator(started):
            next(started)
        asyncio.run(started if inspect.iscoroutine(started) else anext(started))

    with recording.tracer.run("agent"):
        for function in (coroutine, async_generator, generator):
            with pytest.raises(TypeError, match="takes 1 positional argument but 2 were given"):
                begin(trace_tool(recording.tracer)(function))
    errors = [(span["name"], span["error"]["type"]) for span in recording.spans()]
    assert errors == [
        (name, "builtins.TypeError") for name in ("coroutine", "async_generator", "generator")
    ]


def test_a_call_outside_a_run_opens_one(recording: Recording) -> None:
    """The run is named after the function, holds its input and output, and ends with it."""

    @trace_tool(recording.tracer)
    def outer(a: int) -> int:
        return inner(a) + 1

    @trace_tool(recording.tracer)
    def inner(a: int) -> int:
        return a

    assert outer(1) == 2
    assert recording.tracer.current_run() is None
    (run,) = recording.runs()
    assert (run["name"], run["status"], run["input"]["value"], run["output"]["value"]) == (
        "outer",
        "COMPLETED",
        {"a": 1},
        2,
    )
    assert {span["run_id"] for span in recording.spans()} == {run["run_id"]}


def test_an_error_outside_a_run_is_the_run_s_too(recording: Recording) -> None:
    """An implicit run ends as its only call did."""

    @trace_tool(recording.tracer)
    def tool() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        tool()
    (run,) = recording.runs()
    assert (run["status"], run["error"]["message"]) == ("ERROR", "no")


def test_a_coroutine_is_recorded_while_it_is_awaited(recording: Recording) -> None:
    """A cancelled one is CANCELLED, and cancellation goes on."""
    tracer = recording.tracer

    @trace_tool(tracer)
    async def tool(a: int) -> int:
        await asyncio.sleep(0 if a else 60)
        return a

    async def work() -> None:
        async with tracer.run("agent"):
            assert await tool(1) == 1
            task = asyncio.create_task(tool(0))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(work())
    assert [(s["status"], s["outcome"], s["lane"]) for s in recording.spans()] == [
        ("COMPLETED", "ok", 0),
        ("CANCELLED", "cancelled", 1),
    ]


def test_options_are_recorded(recording: Recording) -> None:
    """Name, effect and replay key are the user's; capture can be switched off."""
    tracer = recording.tracer

    @trace_tool(
        tracer,
        name="charge",
        capture_input=False,
        capture_output=False,
        effect="write",
        replay_key=lambda card: f"card-{card}",
    )
    def charge_card(card: int) -> str:
        return "secret"

    @trace_tool(tracer, replay_key="fixed")
    def other() -> None: ...

    with tracer.run("agent"):
        charge_card(7)
        other()
    charge, fixed = recording.spans()
    assert (charge["name"], charge["effect"], charge["replay_key"]) == ("charge", "write", "card-7")
    assert not {"input", "output", "input_hash"} & charge.keys()
    assert fixed["replay_key"] == "fixed"


def test_a_replay_key_that_raises_is_none(recording: Recording) -> None:
    """It is the user's function, and its failure is counted."""

    @trace_tool(recording.tracer, replay_key=lambda: 1 / 0)  # type: ignore[arg-type,return-value]  # the point
    def tool() -> int:
        return 1

    with recording.tracer.run("agent"):
        assert tool() == 1
    assert "replay_key" not in recording.span("tool")
    assert recording.tracer.stats().errors == {"replay_key": 1}


def test_each_wrapper_has_its_type_and_effect(recording: Recording) -> None:
    """Models and retrievals read, decisions touch nothing, of the rest nothing is known."""
    tracer = recording.tracer
    wrappers = [trace_llm, trace_tool, trace_decision, trace_retrieval, trace_agent, trace]
    with tracer.run("agent"):
        for wrapper in wrappers:
            assert wrapper(tracer)(lambda: 1)() == 1
    assert [(s["span_type"], s["effect"]) for s in recording.spans()] == [
        ("LLM_CALL", "read"),
        ("TOOL_CALL", "unknown"),
        ("DECISION", "none"),
        ("RETRIEVAL", "read"),
        ("AGENT", "unknown"),
        ("CUSTOM", "unknown"),
    ]


def test_a_wrong_effect_or_type_is_told_where_it_is_written(recording: Recording) -> None:
    """Decorators raise when they are made, not when the function is called."""
    with pytest.raises(ConfigurationError, match="expected one of none, read, write, unknown"):
        trace_tool(recording.tracer, effect="writes")
    with pytest.raises(ConfigurationError, match="expected one of LLM_CALL"):
        trace(recording.tracer, span_type="TOOL")


def test_the_source_is_hashed(recording: Recording) -> None:
    """fn_hash is the SHA-256 of the source text; a builtin has none."""

    def tool() -> int:
        return 1

    with recording.tracer.run("agent"):
        trace_tool(recording.tracer)(tool)()
        trace_tool(recording.tracer)(len)("")
    expected = sha256(inspect.getsource(tool).encode()).hexdigest()
    assert recording.span("tool")["fn_hash"] == expected
    assert "fn_hash" not in recording.span("len")


def test_the_traceback_is_the_program_s(recording: Recording) -> None:
    """It names the user's frames and source, and none of the recorder's own."""

    @trace_tool(recording.tracer)
    def tool() -> None:
        inner()

    def inner() -> None:
        error = ValueError("bad")
        error.add_note("while testing")
        raise error from KeyError("first")

    with recording.tracer.run("agent"), pytest.raises(ValueError, match="bad"):
        tool()
    error = recording.span("tool")["error"]
    assert error["type"] == "builtins.ValueError"
    assert error["notes"] == ["while testing"]
    assert (error["cause"]["type"], error["cause"]["message"]) == ("builtins.KeyError", "'first'")
    lines = error["traceback"].splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert [line.strip() for line in lines[2::2]] == [
        "inner()",
        'raise error from KeyError("first")',
    ]
    assert "agenttrace/streams.py" not in error["traceback"]
