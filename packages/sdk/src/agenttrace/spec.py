"""What all spans of one wrapped function, or of one `tracer.span()` call, have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agenttrace.attributes import clean_name
from agenttrace.errors import ConfigurationError
from agenttrace.wire import Effect, SpanType

if TYPE_CHECKING:
    from collections.abc import Callable
    from weakref import ref

    from agenttrace.usage import Rates

_DEFAULT_EFFECTS: Final = {
    SpanType.LLM_CALL: Effect.READ,
    SpanType.RETRIEVAL: Effect.READ,
    SpanType.DECISION: Effect.NONE,
}


class Spec:
    """What a wrapper or `tracer.span()` was told; shared by the spans that come of it."""

    __slots__ = (
        "boundary",
        "capture_input",
        "capture_output",
        "effect",
        "first_receiver",
        "function",
        "is_keyed",
        "is_method",
        "model",
        "name",
        "rates",
        "receiver_digest",
        "replay_key",
        "span_type",
        "stream",
        "texts",
    )

    def __init__(  # noqa: PLR0913 -- what a wrapper may be told, each by its name
        self,
        name: str,
        span_type: SpanType,
        *,
        effect: str | None = None,
        model: str | None = None,
        rates: Rates | None = None,
        replay_key: str | Callable[..., str] | None = None,
        capture_input: bool = True,
        capture_output: bool = True,
        function: Callable[..., object] | None = None,
        boundary: bool | None = None,
        stream: bool | None = None,
    ) -> None:
        self.name = clean_name(name)
        self.span_type = span_type
        default = _DEFAULT_EFFECTS.get(span_type, Effect.UNKNOWN)
        self.effect = (default if effect is None else read_effect(effect)).value
        self.model = None if model is None else clean_name(model)
        self.rates = rates
        self.replay_key = replay_key
        self.capture_input = capture_input
        self.capture_output = capture_output
        self.function = function
        # Whether it is a unit of replay; None is what its type says.
        self.boundary = boundary
        self.stream = stream
        # Whether the first argument is no part of the input; the first one that there was, and
        # what it looked like then.
        self.is_method = False
        self.is_keyed = replay_key is not None  # or a method: more than its input tells it apart
        self.first_receiver: ref[object] | None = None
        self.receiver_digest: str | None = None
        # What the worker writes for every span of this kind; the source's hash takes I/O to find.
        self.texts: tuple[bytes, bytes, bytes, bytes] | None = None


def read_effect(value: str) -> Effect:
    """Return the effect of this name.

    Raises:
        ConfigurationError: when there is none.

    """
    try:
        return Effect(value)
    except ValueError as error:
        names = ", ".join(Effect)
        raise ConfigurationError(f"effect {value!r}; expected one of {names}") from error


def read_span_type(value: SpanType | str) -> SpanType:
    """Return the span type of this name.

    Raises:
        ConfigurationError: when there is none.

    """
    try:
        return SpanType(value)
    except ValueError as error:
        names = ", ".join(SpanType)
        raise ConfigurationError(f"span type {value!r}; expected one of {names}") from error
