"""A recorded stream read from its span and events, or why it cannot be given out again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from agenttrace.chunks import find_text
from agenttrace.encoding.classes import find_class
from agenttrace.replay.serving import Served, find_outcome, refuse, refuse_unfinished
from agenttrace.replay.streams import Chunk, Tale
from agenttrace.replaying import ASYNC_GENERATOR, GENERATOR
from agenttrace.semconv import EVENT_CHUNK, STREAM_CHUNKS, STREAM_KIND
from agenttrace.stream_kinds import COROUTINE, VALUE
from agenttrace.wire import Outcome, SpanType

if TYPE_CHECKING:
    from agenttrace.replay.serving import Server
    from agenttrace.replay.tape import Node
    from agenttrace.replaying import CallKind
    from agenttrace.trace import RecordedEvent, RecordedSpan

_FUNCTIONS: Final = frozenset({GENERATOR, ASYNC_GENERATOR})


def is_stream(kind: CallKind, node: Node) -> bool:
    """Tell whether a call of this kind gives a stream, or gave one when it was recorded."""
    assert node.span is not None
    attributes = node.span.attributes or {}
    return kind in _FUNCTIONS or STREAM_CHUNKS in attributes or STREAM_KIND in attributes


def read_tale(
    kind: CallKind, node: Node, events: list[RecordedEvent], server: Server
) -> tuple[Tale | None, Served]:
    """Return the stream of a node; without one, `Served` says why."""
    span = node.span
    assert span is not None
    outcome = find_outcome(span)
    if outcome is None or outcome is Outcome.UNFINISHED:
        return None, refuse_unfinished()
    kinds = _read_kinds(span)
    bodies = [event for event in events if event.name == EVENT_CHUNK]
    why = _find_mismatch(kind, span, kinds, bodies, server)
    if why is not None:
        return None, why
    chunks, lost = _read_chunks(bodies, server)
    if lost is not None and not lost.is_available:
        return None, lost
    ending = _read_end(span, outcome, kinds, [chunk.value for chunk in chunks], server)
    if not ending.is_available:
        return None, ending
    tale = Tale(chunks, outcome, ending.error, ending.value, kinds, span.duration_ns or 0)
    return tale, lost or ending


def _read_kinds(span: RecordedSpan) -> list[str]:
    kinds = (span.attributes or {}).get(STREAM_KIND)
    return [kind for kind in kinds if isinstance(kind, str)] if isinstance(kinds, list) else []


def _find_mismatch(
    kind: CallKind,
    span: RecordedSpan,
    kinds: list[str],
    bodies: list[RecordedEvent],
    server: Server,
) -> Served | None:
    """Return why this function cannot give what was recorded; None when it can."""
    count = (span.attributes or {}).get(STREAM_CHUNKS)
    if kind in _FUNCTIONS and (kinds or count is None):
        return refuse("it is a generator function now, and was none", "record anew")
    if kind not in _FUNCTIONS and not kinds:
        return refuse("it was a generator function, and is none now", "record anew")
    if count is not None and count != len(bodies):
        return refuse(f"{len(bodies)} of its {count} chunks were recorded", "record anew")
    for name in kinds:
        if ":" in name and find_class(name, server.classes) is None:
            return refuse(
                f"its stream is a {name}, which is not loaded",
                f"import {name.partition(':')[0]}, or give the class with classes=",
            )
    return None


def _read_chunks(bodies: list[RecordedEvent], server: Server) -> tuple[list[Chunk], Served | None]:
    """Return the chunks, and what is lost of the first that is not as it was."""
    chunks = []
    lost = None
    for event in bodies:
        served = server.serve_value(event.body)
        if not served.is_available:
            return [], served
        lost = lost or (served if served.reason is not None else None)
        chunks.append(Chunk(event.offset_ns or 0, event.seq, served.value))
    return chunks, lost


def _read_end(
    span: RecordedSpan, outcome: Outcome, kinds: list[str], chunks: list[Any], server: Server
) -> Served:
    if outcome is Outcome.ERROR and VALUE not in kinds:
        return server.serve_error(span)
    is_awaited = bool(kinds) and kinds[-1] not in {VALUE, GENERATOR, ASYNC_GENERATOR}
    is_plain = is_awaited and (
        kinds[-1] == COROUTINE or STREAM_CHUNKS not in (span.attributes or {})
    )
    if is_plain and outcome is Outcome.OK:
        return server.serve_value(span.output)
    if span.output is None or _join(span, chunks) == span.output.value:
        return Served()  # what is shown as the output is what was streamed
    return server.serve_value(span.output)


def _join(span: RecordedSpan, chunks: list[Any]) -> str | None:
    """Return the text that the chunks add up to, as the recorder joins it; None for no text."""
    is_model = span.span_type is SpanType.LLM_CALL
    texts = [find_text(chunk) if type(chunk) is not str and is_model else chunk for chunk in chunks]
    if not texts or any(type(text) is not str for text in texts):
        return None
    return "".join(text for text in texts if type(text) is str)
