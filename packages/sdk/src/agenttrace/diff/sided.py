"""What differs within a row as short texts of both sides: for people, whatever the format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from agenttrace.diff.fields import MISSING, ChangeKind
from agenttrace.diff.flags import shorten, shorten_apart
from agenttrace.trace.visible import show_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agenttrace.diff.contents import Contents
    from agenttrace.diff.fields import Change
    from agenttrace.wire import JsonValue

VALUE_CHARS: Final = 100
MAX_CHANGES: Final = 8


class Sided(NamedTuple):
    """A fact about both sides, as texts; `base` alone where there is nothing to set against it."""

    title: str
    base: str | None = None
    head: str | None = None


def describe_contents(found: Iterable[Contents], *, most: int = MAX_CHANGES) -> Iterator[Sided]:
    """Yield what differs within values, of each the first `most` places."""
    for contents in found:
        if contents.is_too_large:
            yield Sided(contents.part, "over 1 MiB, not looked into")
        if contents.differs_unseen:
            yield Sided(contents.part, "differs in what was cut off")
        for change in contents.changes[:most]:
            yield _describe_change(change)
        if len(contents.changes) > most:
            yield Sided(f"and {len(contents.changes) - most:,} more")


def _describe_change(change: Change) -> Sided:
    about = "" if change.message is None else f" ({change.message.value})"
    title = f"{show_text(change.path, max_chars=400)}{about}"
    if change.kind is ChangeKind.MOVED:
        return Sided(title, f"moved from {change.base} to {change.head}")
    if change.kind is ChangeKind.RETYPED:
        types = [show_text(str(each or "plain JSON")) for each in (change.base, change.head)]
        return Sided(f"type of {title}", types[0], types[1])
    if MISSING in (change.base, change.head):
        return Sided(title, _show_value(change.base), _show_value(change.head))
    sides = shorten_apart(
        _write_null(change.base), _write_null(change.head), max_chars=VALUE_CHARS, before=20
    )
    base, head = (show_text(each or "", max_chars=VALUE_CHARS) for each in sides)
    return Sided(title, base, head)


def _write_null(value: JsonValue) -> JsonValue:
    return "null" if value is None else value


def _show_value(value: JsonValue) -> str:
    if value is MISSING:
        return "nothing"
    return show_text(shorten(value, max_chars=VALUE_CHARS), max_chars=VALUE_CHARS)
