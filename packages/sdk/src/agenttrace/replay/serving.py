"""What a recorded call gives the program again: its value, its exception, or why there is neither.

A recording is untrusted input: classes are looked for among the loaded ones and in the caller's
list, nothing is imported, nothing is unpickled.
"""

from __future__ import annotations

import re
from asyncio import CancelledError
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from agenttrace.encoding.classes import describe_missing, describe_way
from agenttrace.encoding.decode import decode_payload
from agenttrace.encoding.payload import encode
from agenttrace.encoding.raised import add_note, decode_error
from agenttrace.encoding.snapshot import Encoded, Whole, take_snapshot
from agenttrace.encoding.tree import MAX_CPU_SECONDS, MAX_DEPTH, MAX_NODES, MAX_TEXT_CHARS
from agenttrace.errors import DecodeError, ReplayedError
from agenttrace.wire import Fidelity, Outcome, SpanStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agenttrace.replay.tape import Node
    from agenttrace.trace import RecordedError, RecordedPayload, RecordedSpan
    from agenttrace.wire import ErrorRecord

_MAX_BYTES: Final = 2**62
_PLAIN: Final = "on={'type_degraded': 'warn'} serves it so"
_ERROR_FIELDS: Final = (
    *("type", "message", "cause_is_context", "context_is_cause", "suppress_context"),
    *("notes", "module", "qualname", "mro"),
)
ERROR_REDACTED: Final = "error_redacted"
_LOSSES: Final = {
    Fidelity.OPAQUE: "it holds an object of which only the class was recorded",
    Fidelity.REDACTED: "a secret was taken out of it when it was recorded",
    Fidelity.TRUNCATED: "it was too long to be recorded whole",
}
_LOSS_HINTS: Final = {
    Fidelity.OPAQUE: "register_codec() teaches the recorder the class; then record anew",
    Fidelity.REDACTED: "let the call return the secret in another way, or run it with live=",
    Fidelity.TRUNCATED: "record anew with a larger AGENTTRACE_PAYLOAD_MAX_BYTES",
}


_SMALLER: Final = "let the call return less, or register_codec() for what it returns; record anew"
_CUTS: Final = {
    "depth": (
        f"it is nested more than {MAX_DEPTH} levels deep",
        "let the call return something flatter, or register_codec() for it; then record anew",
    ),
    "nodes": (f"it has more than {MAX_NODES:,} values in it", _SMALLER),
    "text": (f"its texts have more than {MAX_TEXT_CHARS:,} characters", _SMALLER),
    "time": (f"to read it took more than {MAX_CPU_SECONDS * 1000:g} ms", _SMALLER),
}
_CUT_MARK: Final = re.compile(r'"\$cut":"(\w+)"')


class ReplayNote(str):
    """A note on a replayed exception: shown in tracebacks, and no part of what is recorded."""

    __slots__ = ()


class Served(NamedTuple):
    """What a call gives: `value`, or `error` to be raised. `is_cancelled`: a task waits for that.

    `reason` is why it cannot be given as it was; with `is_available` False, not at all.
    """

    value: Any = None
    error: BaseException | None = None
    is_cancelled: bool = False
    is_available: bool = True
    reason: str | None = None
    hint: str | None = None


class Server:
    """Makes values and exceptions of one recording; `classes` count before the loaded ones.

    `note` is told what was served although it is not the same to the letter.
    """

    def __init__(self, classes: Mapping[str, type], note: Callable[[str], None]) -> None:
        self.classes = classes
        self._note = note

    def serve(self, node: Node) -> Served:
        """Return what the call of this node gives; made anew each time."""
        span = node.span
        assert span is not None
        outcome = find_outcome(span)
        if outcome is None or outcome is Outcome.UNFINISHED:
            return refuse_unfinished()
        if outcome is Outcome.CANCELLED and span.error is None:
            return Served(error=CancelledError(), is_cancelled=True)
        if outcome is Outcome.CANCELLED:
            return self.serve_error(span)._replace(is_cancelled=True)
        if outcome is Outcome.ERROR:
            return self.serve_error(span)
        if outcome is Outcome.CLOSED and span.output is None:
            return refuse("it was ended by a GeneratorExit, not by an answer", "run it with live=")
        return self.serve_value(span.output)

    def serve_value(self, payload: RecordedPayload | None) -> Served:
        """Return a recorded output or chunk."""
        if payload is None:
            return refuse("its output was not recorded", "record anew with capture_output=True")
        if payload.fidelity in _LOSSES:
            why, hint = _LOSSES[payload.fidelity], _LOSS_HINTS[payload.fidelity]
            if payload.fidelity is Fidelity.TRUNCATED and payload.size_bytes is None:
                why, hint = _find_cut(payload) or (why, hint)
            return refuse(f"its output is not whole: {why}", hint)
        return self.decode(payload)

    def decode(self, payload: RecordedPayload) -> Served:
        """Return the value of a payload that is whole, of its types as far as that is possible."""
        record = spell_payload(payload)
        try:
            value = decode_payload(record, classes=self.classes)
        except DecodeError as error:
            return self._degrade(record, error)
        if payload.fidelity is Fidelity.STRUCTURAL and not _is_same(payload, value):
            return Served(
                value, reason="its output was recorded by its content, and its type is not certain"
            )
        return Served(value)

    def _degrade(self, record: dict[str, Any], error: DecodeError) -> Served:
        way = describe_way(error.culprit, is_shown_only=error.is_shown_only)
        hint = f"{way}; {_PLAIN}" if error.culprit else None
        try:
            value = decode_payload(record, classes=self.classes, degrade=True)
        except DecodeError as second:
            return refuse(f"its output cannot be decoded: {second}", hint)
        return Served(value, reason=f"its output is plain data now: {error}", hint=hint)

    def serve_error(self, span: RecordedSpan) -> Served:
        """Return the recorded exception of a call, with a note that says where it comes from."""
        if span.error is None:
            return refuse("it failed, and its error was not recorded", None)
        record = spell_error(span.error)
        try:
            error = decode_error(record, classes=self.classes)
        except DecodeError as second:
            return refuse(f"its error cannot be made again: {second}", None)
        add_note(error, ReplayNote(f"replayed from span {span.span_id} of run {span.run_id}"))
        if not issubclass(type(error), ReplayedError):  # isinstance() may ask the error itself
            reason, hint = self._find_loss(span.error)
            return Served(error=error, reason=reason, hint=hint)
        spelled = _spell_type(span.error)
        return Served(
            error=error,
            reason=f"{describe_missing(spelled)}: raised as a class of that name that extends "
            f"{_name_base(error)}",
            hint=f"{describe_way(spelled)}; {_PLAIN}",
        )

    def _find_loss(self, error: RecordedError) -> tuple[str | None, str | None]:
        """Return what of an exception or its causes is not as it was, and what to do; or None.

        Secrets that were taken out are noted, and no loss: an error of a web API holds its request,
        with the key in a header, and what catches it does not ask for that.
        """
        part: RecordedError | None = error
        is_redacted = False
        while part is not None:
            for payload in (part.args, part.attributes):
                if payload is None:
                    continue
                lost = self._find_lost(payload)
                if lost is not None:
                    why, hint = lost
                    return f"what the {part.type} held is not whole: {why}", hint
                is_redacted = is_redacted or payload.fidelity is Fidelity.REDACTED
            part = part.cause
        if is_redacted:
            self._note(ERROR_REDACTED)
        return None, None

    def _find_lost(self, payload: RecordedPayload) -> tuple[str, str | None] | None:
        """Return why arguments or attributes are not what they were, and what to do; else None."""
        if payload.fidelity in {Fidelity.OPAQUE, Fidelity.TRUNCATED}:
            return _LOSSES[payload.fidelity], f"{_LOSS_HINTS[payload.fidelity]}; {_PLAIN}"
        try:
            decode_payload(
                spell_payload(payload), classes=self.classes, with_redacted=True, with_classes=True
            )
        except DecodeError as loss:
            way = describe_way(loss.culprit, is_shown_only=loss.is_shown_only)
            return str(loss), f"{way}; {_PLAIN}" if loss.culprit else None
        return None


def _spell_type(error: RecordedError) -> str:
    if error.mro:
        return error.mro[0]
    module, _, name = error.type.rpartition(".")
    return f"{module}:{name}"


def find_outcome(span: RecordedSpan) -> Outcome | None:
    """Return how a span ended; an import of other recorders has the status alone."""
    if span.status in {SpanStatus.STARTED, SpanStatus.INTERRUPTED}:
        return Outcome.UNFINISHED if span.error is None else span.outcome
    if span.outcome is not None:
        return span.outcome
    return {
        SpanStatus.COMPLETED: Outcome.OK,
        SpanStatus.ERROR: Outcome.ERROR,
        SpanStatus.CANCELLED: Outcome.CANCELLED,
    }[span.status]


def refuse_unfinished() -> Served:
    """Return what there is of a call that was going on when its program died: nothing."""
    return refuse(
        "it had not ended when the recording did (unfinished)",
        "its answer was never recorded: run it with live=, or record anew",
    )


def _find_cut(payload: RecordedPayload) -> tuple[str, str] | None:
    """Return which of the recorder's limits a value met that was not too long, and the way on."""
    found = _CUT_MARK.search(payload.json)
    return None if found is None else _CUTS.get(found[1])


def refuse(reason: str, hint: str | None) -> Served:
    """Return what there is of a call that cannot be served, and why."""
    return Served(is_available=False, reason=reason, hint=hint)


def _is_same(payload: RecordedPayload, value: object) -> bool:
    """Tell whether a decoded value is written as the payload was: then its types are proven."""
    again = encode(take_snapshot(value, max_bytes=_MAX_BYTES), max_bytes=_MAX_BYTES)
    return again.text.decode() == payload.json and _read_types(again) == (payload.types or {})


def _read_types(encoded: Encoded) -> object:
    from json import loads  # noqa: PLC0415 -- only values whose types were never proven

    return {} if encoded.types is None else loads(encoded.types)


def _name_base(error: BaseException) -> str:
    bases = type(error).__mro__
    return next(
        base.__name__
        for base in bases[1:]
        if base is not ReplayedError and not issubclass(base, ReplayedError)
    )


def spell_payload(payload: RecordedPayload) -> dict[str, Any]:
    """Return a recorded payload as the wire has it."""
    record: dict[str, Any] = {
        "value": payload.value,
        "codec": payload.codec,
        "fidelity": payload.fidelity.value,
    }
    if payload.types is not None:
        record["types"] = payload.types
    return record


def spell_error(error: RecordedError) -> ErrorRecord:
    """Return a recorded error as the wire has it."""
    record: dict[str, Any] = {
        name: value for name in _ERROR_FIELDS if (value := getattr(error, name)) is not None
    }
    for name in ("args", "attributes"):
        payload = getattr(error, name)
        if payload is not None:
            record[name] = spell_payload(payload)
    for name in ("cause", "context"):
        part = getattr(error, name)
        if part is not None:
            record[name] = spell_error(part)
    return record  # type: ignore[return-value]  # built by the names of its fields


def keep_payload(payload: RecordedPayload) -> Encoded:
    """Return a recorded payload as a span keeps one, byte for byte."""
    from orjson import dumps  # noqa: PLC0415 -- as _read_types

    whole = None
    if payload.size_bytes is not None and payload.sha256 is not None:
        whole = Whole(payload.size_bytes, payload.sha256, payload.size_bytes)
    encoded = Encoded(
        bytes(payload.text),
        payload.fidelity.value,
        whole=whole,
        types=None if payload.types is None else dumps(payload.types),
    )
    encoded.is_final = True
    return encoded
