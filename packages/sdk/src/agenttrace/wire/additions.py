"""Checked additions: lines that say what was added to runs on a server, which no recorder writes.

They are types of their own, so that whoever takes records in can take these from fewer callers.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from agenttrace.wire import ADDITION_TYPES
from agenttrace.wire.judgement import MAX_LINE_BYTES, UNKNOWN_TYPE, WireError
from agenttrace.wire.models import MAX_TAGS, Nanoseconds, RunId, SpanId, Tag, ValidRecord
from agenttrace.wire.structure import find_duplicate
from agenttrace.wire.validation import parse_line

MAX_COMMENT_BYTES: Final = 16 * 1024

_Text128: TypeAlias = Annotated[str, Meta(min_length=1, max_length=128)]
_Text256: TypeAlias = Annotated[str, Meta(min_length=1, max_length=256)]
_Comment: TypeAlias = Annotated[str, Meta(min_length=1, max_length=MAX_COMMENT_BYTES)]


class _Addition(msgspec.Struct, tag_field="type", kw_only=True, gc=False):
    v: Literal[1]
    run_id: RunId


class ValidAnnotation(_Addition, tag="annotation"):
    """A checked annotation. Without `span_id` it is of the run itself."""

    annotation_id: _Text128
    name: _Text128
    source: Literal["HUMAN", "MODEL", "CODE"]
    created_ns: Nanoseconds
    updated_ns: Nanoseconds
    span_id: SpanId | None = None
    score: float | None = None
    label: _Text256 | None = None
    comment: _Comment | None = None
    author: _Text128 | None = None


class ValidTags(_Addition, tag="tags"):
    """Checked tags that were added to a run, beside those that were recorded."""

    tags: Annotated[list[Tag], Meta(min_length=1, max_length=MAX_TAGS)]


ValidAddition: TypeAlias = ValidAnnotation | ValidTags

_decode: Final = msgspec.json.Decoder(ValidAnnotation | ValidTags).decode


class _Head(msgspec.Struct, gc=False):
    type: str = ""


_decode_head: Final = msgspec.json.Decoder(_Head).decode


def parse_any(line: bytes) -> ValidRecord | ValidAddition:
    """Return the record or addition that this line holds.

    Raises:
        WireError: as `parse_line` says.

    """
    try:
        return parse_line(line)
    except WireError as error:
        if error.code != UNKNOWN_TYPE:
            raise
    return parse_addition(line)


def parse_addition(line: bytes) -> ValidAddition:
    """Return the addition that this line holds.

    Raises:
        WireError: as `parse_line` says.

    """
    if len(line) > MAX_LINE_BYTES:
        raise WireError("too_large", f"the line has {len(line)} bytes; at most {MAX_LINE_BYTES}")
    if not is_addition(line):
        raise WireError(UNKNOWN_TYPE, "type must be 'run', 'span', 'event', 'annotation' or 'tags'")
    twice = find_duplicate(line)
    if twice is not None:
        raise WireError("invalid_field", f"{twice}: is there twice")
    try:
        addition: ValidAddition = _decode(line)
        _check(addition)
    except (msgspec.ValidationError, ValueError) as error:
        raise WireError("invalid_field", str(error)) from error
    return addition


def is_addition(line: bytes) -> bool:
    """Tell whether a line says that it is an addition, in order or not."""
    try:
        return _decode_head(line).type in ADDITION_TYPES
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _check(addition: ValidAddition) -> None:
    _check_id(addition.run_id, "run_id")
    if isinstance(addition, ValidTags):
        texts: list[str | None] = [*addition.tags]
    else:
        if addition.span_id is not None:
            _check_id(addition.span_id, "span_id")
        if addition.score is None and addition.label is None and addition.comment is None:
            raise ValueError("one of score, label and comment must be there")
        if len((addition.comment or "").encode()) > MAX_COMMENT_BYTES:
            raise ValueError(f"comment: has more than {MAX_COMMENT_BYTES} bytes of UTF-8")
        texts = [addition.annotation_id, addition.name, addition.label]
        texts += [addition.comment, addition.author]
    if any("\0" in text for text in texts if text is not None):
        raise ValueError("a text must not contain U+0000")


def _check_id(text: str, name: str) -> None:
    if not set(text) <= set("0123456789abcdef") or not text.strip("0"):
        raise ValueError(f"{name}: must be lower-case hexadecimal digits, not all zero")
