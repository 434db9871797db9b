"""Decorators that record a function's calls: `@trace_tool(tracer)` and its kin.

They take functions, methods, coroutine functions, generator functions and async generator
functions, above or below `@staticmethod` and `@classmethod`, and leave kind and signature as they
are. A call outside a run opens a run of its own, named after the function.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from agenttrace.calls import wrap_async_generator, wrap_coroutine, wrap_function, wrap_generator
from agenttrace.errors import ConfigurationError
from agenttrace.signature import drops_receiver, make_bind
from agenttrace.spec import Spec, read_span_type
from agenttrace.tracer import Tracer
from agenttrace.usage import read_rates
from agenttrace.wire import SpanType

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from agenttrace.usage import Rates

__all__ = [
    "trace",
    "trace_agent",
    "trace_decision",
    "trace_llm",
    "trace_retrieval",
    "trace_tool",
]

_F = TypeVar("_F")


class Decorator(Protocol):
    """Takes a function and returns one of the same kind and signature."""

    def __call__(self, function: _F, /) -> _F:
        """Return `function`, recorded."""


def trace(  # noqa: PLR0913 -- what a wrapper may be told, each by its name
    tracer: Tracer,
    *,
    name: str | None = None,
    span_type: SpanType | str = SpanType.CUSTOM,
    capture_input: bool = True,
    capture_output: bool = True,
    effect: str | None = None,
    replay_key: str | Callable[..., str] | None = None,
    boundary: bool | None = None,
    stream: bool | None = None,
) -> Decorator:
    """Record calls as spans of any type.

    Args:
        tracer: what records.
        name: the span's name; the function's own by default.
        span_type: what kind of step this is.
        capture_input: whether to record the arguments (and their hash).
        capture_output: whether to record what is returned or yielded.
        effect: what the body does to the world: `none`, `read`, `write` or `unknown`.
        replay_key: the user's own key for matching in a replay: a text, or a function of the same
            arguments that returns one.
        boundary: whether a replay serves the call from the record instead of running it; None is
            what its type says (calls of models and tools, and retrievals, are served).
        stream: whether what is returned is recorded until it ends: None finds out, False never,
            True takes any iterable for a stream.

    Raises:
        ConfigurationError: for a span type or an effect that does not exist.

    """
    return _make_decorator(
        tracer,
        read_span_type(span_type),
        name=name,
        capture_input=capture_input,
        capture_output=capture_output,
        effect=effect,
        replay_key=replay_key,
        boundary=boundary,
        stream=stream,
    )


def trace_tool(  # noqa: PLR0913 -- as trace
    tracer: Tracer,
    *,
    name: str | None = None,
    capture_input: bool = True,
    capture_output: bool = True,
    effect: str | None = None,
    replay_key: str | Callable[..., str] | None = None,
    boundary: bool | None = None,
    stream: bool | None = None,
) -> Decorator:
    """Record calls of a tool. Its effect is `unknown` unless it is given. Arguments as `trace`."""
    return _make_decorator(
        tracer,
        SpanType.TOOL_CALL,
        name=name,
        capture_input=capture_input,
        capture_output=capture_output,
        effect=effect,
        replay_key=replay_key,
        boundary=boundary,
        stream=stream,
    )


def trace_llm(  # noqa: PLR0913 -- as trace
    tracer: Tracer,
    *,
    model: str | None = None,
    cost_per_prompt_token: float | str | Decimal | None = None,
    cost_per_completion_token: float | str | Decimal | None = None,
    name: str | None = None,
    capture_input: bool = True,
    capture_output: bool = True,
    effect: str | None = None,
    replay_key: str | Callable[..., str] | None = None,
    boundary: bool | None = None,
    stream: bool | None = None,
) -> Decorator:
    """Record calls of a model, with tokens and cost as far as they are known.

    Usage is read from what is returned or streamed: objects and dicts of the OpenAI, Anthropic and
    Google clients and the like. When nothing is reported and rates are given, tokens are estimated
    (`agenttrace.usage.estimate_tokens`) and marked so. Rates are US dollars a token; a float counts
    as the decimal number that it is written as. Without rates the price tables are asked. Without
    `model`, the answer's own is taken.

    Raises:
        ConfigurationError: for a rate that is negative or no number, and as `trace`.

    """
    rates = read_rates(cost_per_prompt_token, cost_per_completion_token)
    return _make_decorator(
        tracer,
        SpanType.LLM_CALL,
        name=name,
        capture_input=capture_input,
        capture_output=capture_output,
        effect=effect,
        replay_key=replay_key,
        boundary=boundary,
        stream=stream,
        model=model,
        rates=None if rates.prompt is None and rates.completion is None else rates,
    )


def trace_retrieval(  # noqa: PLR0913 -- as trace
    tracer: Tracer,
    *,
    name: str | None = None,
    capture_input: bool = True,
    capture_output: bool = True,
    effect: str | None = None,
    replay_key: str | Callable[..., str] | None = None,
    boundary: bool | None = None,
    stream: bool | None = None,
) -> Decorator:
    """Record retrievals: a parameter `query` in, a list of documents (`id content score`) out."""
    return _make_decorator(
        tracer,
        SpanType.RETRIEVAL,
        name=name,
        capture_input=capture_input,
        capture_output=capture_output,
        effect=effect,
        replay_key=replay_key,
        boundary=boundary,
        stream=stream,
    )


def trace_decision(  # noqa: PLR0913 -- as trace
    tracer: Tracer,
    *,
    name: str | None = None,
    capture_input: bool = True,
    capture_output: bool = True,
    effect: str | None = None,
    replay_key: str | Callable[..., str] | None = None,
    boundary: bool | None = None,
    stream: bool | None = None,
) -> Decorator:
    """Record decisions: best a parameter `options` in, a dict with `chosen` and `reason` out."""
    return _make_decorator(
        tracer,
        SpanType.DECISION,
        name=name,
        capture_input=capture_input,
        capture_output=capture_output,
        effect=effect,
        replay_key=replay_key,
        boundary=boundary,
        stream=stream,
    )


def trace_agent(  # noqa: PLR0913 -- as trace
    tracer: Tracer,
    *,
    name: str | None = None,
    capture_input: bool = True,
    capture_output: bool = True,
    effect: str | None = None,
    replay_key: str | Callable[..., str] | None = None,
    boundary: bool | None = None,
    stream: bool | None = None,
) -> Decorator:
    """Record an agent's own calls: a span that holds the agent's steps. Arguments as `trace`."""
    return _make_decorator(
        tracer,
        SpanType.AGENT,
        name=name,
        capture_input=capture_input,
        capture_output=capture_output,
        effect=effect,
        replay_key=replay_key,
        boundary=boundary,
        stream=stream,
    )


def _make_decorator(  # noqa: PLR0913 -- as trace
    tracer: Tracer,
    span_type: SpanType,
    *,
    name: str | None,
    capture_input: bool,
    capture_output: bool,
    effect: str | None,
    replay_key: str | Callable[..., str] | None,
    boundary: bool | None,
    stream: bool | None,
    model: str | None = None,
    rates: Rates | None = None,
) -> Decorator:
    if not isinstance(tracer, Tracer):
        raise ConfigurationError(
            f"a wrapper takes the tracer first: write @trace_tool(tracer), not @trace_tool; "
            f"got {type(tracer).__name__}"
        )

    def make_spec(function: Callable[..., Any]) -> Spec:
        return Spec(
            _find_name(function) if name is None else name,
            span_type,
            effect=effect,
            model=model,
            rates=rates,
            replay_key=replay_key,
            capture_input=capture_input,
            capture_output=capture_output,
            function=function,
            boundary=boundary,
            stream=stream,
        )

    # A wrong effect is told where it is written, not at the first function.
    Spec("check", span_type, effect=effect)

    def decorate(function: Any) -> Any:
        if isinstance(function, staticmethod):
            inner = function.__func__
            return staticmethod(_wrap(tracer, inner, make_spec(inner), has_receiver=False))
        if isinstance(function, classmethod):
            inner = function.__func__
            return classmethod(_wrap(tracer, inner, make_spec(inner), has_receiver=True))
        return _wrap(tracer, function, make_spec(function))

    return decorate


def _find_name(function: Callable[..., Any]) -> str:
    name = getattr(function, "__name__", None)
    if isinstance(name, str):
        return name
    inner = getattr(function, "func", None)  # a functools.partial
    return type(function).__name__ if inner is None else _find_name(inner)


def _wrap(
    tracer: Tracer, function: Callable[..., Any], spec: Spec, *, has_receiver: bool | None = None
) -> Callable[..., Any]:
    bind = make_bind(function, has_receiver=has_receiver)
    if drops_receiver(bind):
        spec.is_method = spec.is_keyed = True
    for is_kind, wrap in _KINDS:
        if is_kind(function):
            return wrap(tracer.recorder, function, spec, bind)
    return wrap_function(tracer.recorder, function, spec, bind)


_KINDS: Final = (
    (inspect.iscoroutinefunction, wrap_coroutine),
    (inspect.isasyncgenfunction, wrap_async_generator),
    (inspect.isgeneratorfunction, wrap_generator),
)
