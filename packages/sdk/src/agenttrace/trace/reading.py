"""From a file to lines to records: streaming, and no line that cannot be read stops the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

import msgspec

from agenttrace.trace.records import (
    RecordedAnnotation,
    RecordedEvent,
    RecordedLine,
    RecordedSpan,
    RecordedTags,
    RunSnapshot,
)
from agenttrace.wire import WIRE_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MAX_LINE_BYTES: Final = 16 * 1024 * 1024
"""The wire format's limit of a line; a longer one is skipped without being held in memory."""

_MAX_WHY_CHARS: Final = 300
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_decode: Final[Callable[[bytes], RecordedLine]] = msgspec.json.Decoder(
    RunSnapshot | RecordedSpan | RecordedEvent | RecordedAnnotation | RecordedTags
).decode


class Line(NamedTuple):
    """A line of a file: its number from 1, where it begins, and its bytes without the newline.

    `is_whole` is False for a last line without a newline: its writer may not be done with it.
    `is_too_long` lines come without their text.
    """

    number: int
    offset: int
    text: bytes
    is_whole: bool = True
    is_too_long: bool = False


class Problem(NamedTuple):
    """A line that could not be read, counted from 1, and why."""

    line: int
    message: str
    is_cut: bool = False
    """It has no end: the last line of a file whose program was killed, or still writes it."""


class LineError(ValueError):
    """A line that is no record of this wire format; the text says why."""


def iterate_lines(file: BinaryIO) -> Iterator[Line]:
    """Yield each line that is not blank, from the file's beginning."""
    offset, number = 0, 0
    while raw := file.readline(MAX_LINE_BYTES + 2):
        number += 1
        line = _make_line(raw, number, offset)
        offset += len(raw)
        if line.is_too_long:
            is_whole = False
            while not is_whole and (more := file.readline(MAX_LINE_BYTES)):
                offset += len(more)
                is_whole = more.endswith(b"\n")
        if line.is_too_long or line.text.strip():
            yield line


def read_line(file: BinaryIO, number: int, offset: int) -> Line:
    """Return the line at which a file stands."""
    return _make_line(file.readline(MAX_LINE_BYTES + 2), number, offset)


def _make_line(raw: bytes, number: int, offset: int) -> Line:
    is_whole = raw.endswith(b"\n")
    if not is_whole and len(raw) > MAX_LINE_BYTES:
        return Line(number, offset, b"", is_whole=False, is_too_long=True)
    text = raw.rstrip(b"\r\n")
    if number == 1:
        text = text.removeprefix(_BYTE_ORDER_MARK)
    return Line(number, offset, text, is_whole)


def split_lines(texts: Iterable[bytes]) -> Iterator[Line]:
    """Yield texts that are lines already."""
    for number, text in enumerate(texts, 1):
        yield Line(number, 0, text)


def decode_line(line: Line) -> RecordedLine:
    """Return what a line holds: a record, or what was added to a run on a server.

    Raises:
        LineError: when it is too long, no JSON, of another version, or lacks what it needs.

    """
    if line.is_too_long:
        raise LineError(f"longer than {MAX_LINE_BYTES} bytes")
    try:
        return _decode(line.text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LineError(describe_error(error, line)) from error


def describe_error(error: Exception, line: Line) -> str:
    """Return why a line could not be decoded."""
    if isinstance(error, msgspec.ValidationError):
        version = _read_version(line.text)
        if version is not None and version != WIRE_VERSION:
            return (
                f"a record of version {version}, and this release reads version {WIRE_VERSION}: "
                "read it with the release that wrote it"
            )
        return f"not a record: {_shorten(str(error))}"
    if not line.is_whole:
        return "cut off; its program may still be writing it"
    if isinstance(error, RecursionError):
        return "not valid JSON: nested too deeply"
    return f"not valid JSON: {error}"


def _shorten(text: str) -> str:
    """Return a text without its middle: it quotes what it found first, and ends with the place."""
    if len(text) <= _MAX_WHY_CHARS:
        return text
    half = _MAX_WHY_CHARS // 2
    return f"{text[:half]}…{text[-half:]}"


def _read_version(text: bytes) -> int | None:
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    version = found.get("v") if isinstance(found, dict) else None
    return version if type(version) is int else None
