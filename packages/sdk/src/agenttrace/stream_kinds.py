"""What kind of stream a call gave: a replay gives one of the same kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agenttrace.encoding.objects import find_in_class, spell_class
from agenttrace.semconv import STREAM_KIND

if TYPE_CHECKING:
    from agenttrace.span import Span

GENERATOR: Final = "generator"
ASYNC_GENERATOR: Final = "async_generator"
COROUTINE: Final = "coroutine"
VALUE: Final = "value"
"""What a manager gave to its block, where that is no stream."""
_NAMED: Final = frozenset({GENERATOR, ASYNC_GENERATOR, COROUTINE})


def note_kind(span: Span, value: object) -> None:
    """Record what kind of object the caller was given, after those that led to it."""
    with span.run.recorder.boundary("stream"):
        known = span.attributes.get(STREAM_KIND) if span.attributes else None
        kinds = list(known) if type(known) is list else []
        span.set_own_attribute(STREAM_KIND, [*kinds, name_kind(type(value))])


def name_kind(kind: type) -> str:
    """Return `generator` and the like, or the class as `module:Qualname`."""
    if kind.__module__ != "builtins":
        return spell_class(kind) or VALUE
    if kind.__name__ in _NAMED:
        return kind.__name__
    return GENERATOR if find_in_class(kind, "__next__") is not None else VALUE
