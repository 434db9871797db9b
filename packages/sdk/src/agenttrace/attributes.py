"""Flat values, names and tags, brought within the limits of the wire format on the way in."""

from __future__ import annotations

from itertools import islice
from math import isfinite
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_ATTRIBUTES: Final = 1024
MAX_EVENTS: Final = 1_000
"""Of one span, but for the chunks of its stream: a replay gives out every one of them."""
MAX_TEXT_CHARS: Final = 65_536
MAX_NAME_CHARS: Final = 512
MAX_TAG_CHARS: Final = 256
MAX_TAGS: Final = 64
MAX_CORRELATION_CHARS: Final = 128
MAX_ITEMS: Final = 1024
_MAX_INT64: Final = 2**63 - 1

Scalar: TypeAlias = str | int | float | bool | None
Flat: TypeAlias = Scalar | list[Scalar]


def clean_text(value: str, max_chars: int) -> str:
    """Return text that the wire format takes: valid UTF-8, no U+0000, at most `max_chars`."""
    text = str.__str__(value)[:max_chars]
    if not text.isprintable():
        text = text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    return text


def clean_name(value: object) -> str:
    """Return a name of 1 to 512 characters; what is no text is named by its class."""
    text = clean_text(value, MAX_NAME_CHARS) if isinstance(value, str) else ""
    return text or "unnamed"


def flatten(value: object) -> Flat:
    """Return a flat value: scalars and lists of them as they are, anything else as JSON text."""
    kind = type(value)
    if kind is bool or value is None:
        return value  # type: ignore[return-value]  # just checked
    if kind is str:
        return clean_text(value, MAX_TEXT_CHARS)  # type: ignore[arg-type]  # just checked
    if kind is int and -_MAX_INT64 <= value <= _MAX_INT64:  # type: ignore[operator]  # just checked
        return value  # type: ignore[return-value]  # just checked
    if kind is float and isfinite(value):  # type: ignore[arg-type]  # just checked
        return value  # type: ignore[return-value]  # just checked
    if kind is list or kind is tuple:
        items = [flatten(item) for item in value[:MAX_ITEMS]]  # type: ignore[index]  # just checked
        return [_write_text(item) if type(item) is list else item for item in items]  # type: ignore[misc]  # lists became text
    return _write_text(value)


def _write_text(value: object) -> str:
    from agenttrace.encoding.payload import encode  # noqa: PLC0415 -- only odd values need it
    from agenttrace.encoding.snapshot import take_snapshot  # noqa: PLC0415 -- the same

    snapshot = take_snapshot(value, max_bytes=MAX_TEXT_CHARS)
    text = encode(snapshot, max_bytes=MAX_TEXT_CHARS).text.decode()
    # A number, an enum member and the like: their text needs no quotes.
    return text[1:-1] if text[:1] == '"' and "\\" not in text else text


def count_dropped(attributes: Mapping[str, Flat], name: str) -> int:
    """Return how many were dropped by now, with one more; `name` is the attribute that says so."""
    count = attributes.get(name)
    return count + 1 if type(count) is int else 1


def clean_attributes(
    attributes: Mapping[str, object], limit: int = MAX_ATTRIBUTES
) -> dict[str, Flat]:
    """Return at most `limit` flat values by clean name."""
    items = list(islice(attributes.items(), limit))
    return {clean_name(key): flatten(value) for key, value in items}


def measure_attribute(key: str, value: Flat) -> int:
    """Return about how many bytes of memory an attribute takes."""
    size = key.__sizeof__() + value.__sizeof__()
    return size + sum(item.__sizeof__() for item in value) if type(value) is list else size


def clean_tags(tags: Iterable[str]) -> list[str]:
    """Return at most 64 tags in their order, each once; what is no text or empty is left out.

    They are looked for among the first 1,024: what gives them may have no end.
    """
    source: list[object] = [tags] if isinstance(tags, str) else list(islice(tags, MAX_ITEMS))
    cleaned = (clean_text(tag, MAX_TAG_CHARS) for tag in source if isinstance(tag, str))
    return list(dict.fromkeys(tag for tag in cleaned if tag))[:MAX_TAGS]
