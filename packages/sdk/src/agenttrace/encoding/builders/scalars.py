"""Numbers, texts, bytes, dates and the like."""

from __future__ import annotations

import re
from binascii import a2b_base64
from datetime import timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from agenttrace.encoding.builders.shapes import (
    INTEGER,
    Builder,
    expect,
    expect_tag,
    find_base,
    find_kind,
    restore,
)
from agenttrace.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace.encoding.decode import Decoder

_HEX: Final = re.compile(r"-?[1-9a-f][0-9a-f]*", re.ASCII)
_FLOATS: Final = frozenset({"NaN", "Infinity", "-Infinity"})
_PATHS: Final = frozenset(
    {"PurePath", "PurePosixPath", "PureWindowsPath", "Path", "PosixPath", "WindowsPath"}
)
_MAX_ZONE_CHARS: Final = 64


def build_int(decoder: Decoder, content: Any, argument: str, extra: dict[str, Any], _: int) -> Any:
    """Return an integer of its own class, or one beyond 64 bits."""
    if ":" in argument:
        cls = find_kind(decoder, argument, int)
        expect(content, int)
        return restore(decoder, find_base(cls).__new__(cls, content), extra)
    if type(content) not in {int, float} or not INTEGER.fullmatch(argument):
        raise DecodeError("an integer is not written as one")
    return int(argument)


def build_hex(_decoder: Decoder, content: Any, _argument: str, _extra: Any, _: int) -> Any:
    """Return an integer of thousands of digits."""
    text = expect_tag(content, "$int")
    if not _HEX.fullmatch(text):
        raise DecodeError("an integer is not written in hexadecimal")
    return int(text, 16)


def build_float(
    decoder: Decoder, content: Any, argument: str, extra: dict[str, Any], _: int
) -> Any:
    """Return a float of its own class, or one that JSON lacks."""
    if argument:
        cls = find_kind(decoder, argument, float)
        expect(content, float)
        return restore(decoder, find_base(cls).__new__(cls, content), extra)
    text = expect_tag(content, "$float")
    if text not in _FLOATS:
        raise DecodeError("a float is neither NaN nor infinite")
    return float(text)


def build_str(decoder: Decoder, content: Any, argument: str, extra: dict[str, Any], _: int) -> Any:
    """Return a text of its own class."""
    cls = find_kind(decoder, argument, str)
    return restore(decoder, find_base(cls).__new__(cls, expect(content, str)), extra)


def _read_base64(text: str) -> bytes:
    return a2b_base64(text.encode("ascii"), strict_mode=True) if text else b""


def build_text(_decoder: Decoder, content: Any, _argument: str, _extra: Any, _: int) -> Any:
    """Return a text with lone surrogates."""
    return _read_base64(expect_tag(content, "$text")).decode("utf-8", "surrogatepass")


def build_bytes(base: type) -> Builder:
    """Return a builder of bytes or of a bytearray."""

    def build(decoder: Decoder, content: Any, argument: str, extra: dict[str, Any], _: int) -> Any:
        data = _read_base64(expect_tag(content, "$bytes"))
        if not argument:
            return base(data)
        cls = find_kind(decoder, argument, base)
        make: Any = base
        made = make.__new__(cls, data)
        if base is bytearray:
            make.__init__(made, data)
        return restore(decoder, made, extra)

    return build


def build_fraction(_decoder: Decoder, content: Any, _argument: str, _extra: Any, _: int) -> Any:
    """Return a fraction."""
    if type(content) is not list or [*map(type, content)] != [int, int]:
        raise DecodeError("a fraction is no list of two integers")
    return Fraction(*content)


def build_complex(_decoder: Decoder, content: Any, _argument: str, _extra: Any, _: int) -> Any:
    """Return a complex number."""
    if type(content) is not list or [*map(type, content)] != [float, float]:
        raise DecodeError("a complex number is no list of two floats")
    return complex(*content)


def build_delta(_decoder: Decoder, content: Any, _argument: str, _extra: Any, _: int) -> Any:
    """Return a span of time."""
    if type(content) is list and [*map(type, content)] == [int, int]:
        return timedelta(days=content[0], microseconds=content[1])
    return timedelta(seconds=expect(content, int, float))


def build_moment(parse: Callable[[str], Any]) -> Builder:
    """Return a builder of dates with times, or of times."""

    def build(
        _decoder: Decoder, content: Any, _argument: str, extra: dict[str, Any], _: int
    ) -> Any:
        made = parse(expect(content, str))
        zone = extra.get("zone")
        if zone is not None:
            from zoneinfo import ZoneInfo  # noqa: PLC0415 -- reads files, and few times have one

            if type(zone) is not str or len(zone) > _MAX_ZONE_CHARS:
                raise DecodeError("a time zone is no name")
            made = made.replace(tzinfo=ZoneInfo(zone))
        return made.replace(fold=1) if extra.get("fold") == 1 else made

    return build


def build_from_text(make: Callable[[str], Any]) -> Builder:
    """Return a builder of what its own text makes again."""

    def build(_decoder: Decoder, content: Any, _argument: str, _extra: Any, _: int) -> Any:
        return make(expect(content, str))

    return build


def build_path(_decoder: Decoder, content: Any, argument: str, _extra: Any, _: int) -> Any:
    """Return a path of the kind that is named."""
    import pathlib  # noqa: PLC0415 -- found by name

    if argument not in _PATHS:
        raise DecodeError(f"{argument[:200]!r} is no kind of path")
    return getattr(pathlib, argument)(expect(content, str))
