"""The differences of a delta as a flat list, in the order of the value, for who shows them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from agenttrace.diff.fields.edits import (
    MISSING,
    Edit,
    ListEdit,
    ObjectEdit,
    Replaced,
    Retyped,
    Single,
)
from agenttrace.diff.fields.messages import MessageOutcome, is_cut
from agenttrace.diff.fields.plain import write_plain
from agenttrace.diff.fields.reading import MAX_FIELDS, has_more_fields
from agenttrace.diff.fields.texts import TextDiff, compare_texts, is_long_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agenttrace.diff.fields.delta import FieldDelta
    from agenttrace.diff.fields.paths import Key
    from agenttrace.wire import JsonValue


class ChangeKind(StrEnum):
    """What a change is. RETYPED: the recorded type differs, which JSON cannot say."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"
    RETYPED = "retyped"


class Place:
    """A place in a value, as the way down to it. Texts that hold JSON are gone through."""

    __slots__ = ("above", "key")

    def __init__(self, above: Place | None = None, key: Key = "") -> None:
        self.above = above
        self.key = key

    @property
    def keys(self) -> tuple[Key, ...]:
        """The names and positions from the top down."""
        found = []
        at = self
        while at.above is not None:
            found.append(at.key)
            at = at.above
        return tuple(reversed(found))

    @property
    def pointer(self) -> str:
        """The place as a JSON pointer."""
        return write_pointer(self.keys)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Place) and self.keys == other.keys

    def __hash__(self) -> int:
        return hash(self.keys)

    def __str__(self) -> str:
        """Return it as people write it: `messages[0].function.arguments.b`."""
        written = []
        for key in self.keys:
            if isinstance(key, int):
                written.append(f"[{key}]")
            elif key.isidentifier():
                written.append(f".{key}" if written else key)
            else:
                written.append(f"[{write_plain(key)}]")
        return "".join(written)

    def __repr__(self) -> str:
        return f"Place({str(self)!r})"


def write_pointer(keys: Iterable[Key]) -> str:
    """Return the JSON pointer (RFC 6901) of a place."""
    return "".join(f"/{str(key).replace('~', '~0').replace('/', '~1')}" for key in keys)


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. A side that has nothing there is `MISSING`, its place None.

    Of RETYPED both are the types, None for what JSON can say. `message` is set within lists of
    chat messages: what became of the message. `is_hidden`: the rules leave it out of account.
    """

    kind: ChangeKind
    base_place: Place | None
    head_place: Place | None
    base: JsonValue
    head: JsonValue
    message: MessageOutcome | None = None
    is_hidden: bool = False

    @property
    def path(self) -> str:
        """Where it is: in head, or of what is gone in base."""
        return str(self.head_place or self.base_place or "")

    @property
    def text(self) -> TextDiff | None:
        """The lines and words that differ, of texts that are long or have several lines.

        Of an object or list that is too large to be looked into it is that of its JSON text.
        """
        if self.kind is not ChangeKind.CHANGED:
            return None
        if is_long_text(self.base, self.head):
            return compare_texts(self.base, self.head)
        if has_more_fields([self.base, self.head], MAX_FIELDS):
            return compare_texts(_write_text(self.base), _write_text(self.head))
        return None


def _write_text(value: JsonValue) -> str:
    return value if isinstance(value, str) else write_plain(value)


class MessageRow(NamedTuple):
    """A message on the side or sides that have it, by position."""

    base_at: int | None
    head_at: int | None
    outcome: MessageOutcome


class _Frame(NamedTuple):
    base: Place
    head: Place
    message: MessageOutcome | None


def list_changes(delta: FieldDelta, *, include_hidden: bool = False) -> list[Change]:
    """Return the differences that the rules let through, or all, in the order of head.

    A text that holds JSON is shown by what differs within it, and not as a text besides.
    """
    found: list[Change] = []
    if delta.edit is None:
        return found
    stack: list[Iterator[Any]] = [_list_edit(delta.edit, _Frame(Place(), Place(), None))]
    while stack:
        each = next(stack[-1], None)
        if each is None:
            stack.pop()
        elif isinstance(each, Change):
            if include_hidden or not each.is_hidden:
                found.append(each)
        else:
            stack.append(_list_edit(*each))
    return found


def _list_edit(edit: Edit, frame: _Frame) -> Iterator[Any]:
    """Yield changes, and as `(edit, frame)` what has more of them below."""
    if isinstance(edit, Replaced):
        if edit.inner is not None:
            yield edit.inner, frame
        else:
            yield Change(
                ChangeKind.CHANGED,
                frame.base,
                frame.head,
                edit.base,
                edit.head,
                _judge_text(edit, frame.message),
                edit.is_hidden,
            )
    elif isinstance(edit, Retyped):
        types = edit.base_type, edit.head_type
        yield Change(ChangeKind.RETYPED, frame.base, frame.head, *types, frame.message)
        if edit.edit is not None:
            yield edit.edit, frame
    elif isinstance(edit, ObjectEdit):
        yield from _list_object(edit, frame)
    else:
        yield from _list_list(edit, frame)


def _judge_text(edit: Replaced, message: MessageOutcome | None) -> MessageOutcome | None:
    if message is not None and is_cut(edit.base, edit.head):
        return MessageOutcome.TRUNCATED
    return message


def _list_object(edit: ObjectEdit, frame: _Frame) -> Iterator[Any]:
    for member in edit.members:
        if member.edit is not None:
            below = Place(frame.base, member.base_name), Place(frame.head, member.head_name)
            yield member.edit, _Frame(*below, frame.message)
    for single in edit.removed:
        yield _show_removed(single, frame.base, frame.message)
    for single in edit.added:
        yield _show_added(single, frame.head, frame.message)


def _list_list(edit: ListEdit, frame: _Frame) -> Iterator[Any]:
    """Yield in the order of head, what is gone before what came to stand at its place."""
    chat = edit.is_messages
    rows: list[tuple[int, int, Any]] = [(item.head_at, 1, item) for item in edit.items]
    rows += [(int(single.key), 0, single) for single in edit.removed]
    rows += [(int(single.key), 2, single) for single in edit.added]
    for _, order, each in sorted(rows, key=lambda row: row[:2]):
        if order == 0:
            outcome = MessageOutcome.DROPPED if chat else frame.message
            yield _show_removed(each, frame.base, outcome)
        elif order == 2:  # noqa: PLR2004 -- as given above
            outcome = MessageOutcome.INJECTED if chat else frame.message
            yield _show_added(each, frame.head, outcome)
        else:
            below = Place(frame.base, each.base_at), Place(frame.head, each.head_at)
            if each.is_moved:
                outcome = MessageOutcome.REORDERED if chat else frame.message
                yield Change(ChangeKind.MOVED, *below, each.base_at, each.head_at, outcome)
            if each.edit is not None:
                outcome = MessageOutcome.CHANGED if chat else frame.message
                yield each.edit, _Frame(*below, outcome)


def _show_removed(single: Single, above: Place, outcome: MessageOutcome | None) -> Change:
    place = Place(above, single.key)
    return Change(ChangeKind.REMOVED, place, None, single.value, MISSING, outcome, single.is_hidden)


def _show_added(single: Single, above: Place, outcome: MessageOutcome | None) -> Change:
    place = Place(above, single.key)
    return Change(ChangeKind.ADDED, None, place, MISSING, single.value, outcome, single.is_hidden)


def list_messages(delta: FieldDelta) -> list[tuple[Place, list[MessageRow]]]:
    """Return for each list of chat messages that differs what became of every message.

    The place is that in head. Rows are in the order of head, those of base alone before the
    message that follows them. Lists within messages are none of their own.
    """
    found: list[tuple[Place, list[MessageRow]]] = []
    waiting: list[tuple[Edit | None, Place]] = [(delta.edit, Place())]
    while waiting:
        edit, place = waiting.pop()
        if isinstance(edit, Replaced):
            waiting.append((edit.inner, place))
        elif isinstance(edit, Retyped):
            waiting.append((edit.edit, place))
        elif isinstance(edit, ObjectEdit):
            waiting += [(m.edit, Place(place, m.head_name)) for m in reversed(edit.members)]
        elif isinstance(edit, ListEdit):
            if edit.is_messages:
                found.append((place, _list_rows(edit)))
            else:
                waiting += [(item.edit, Place(place, item.head_at)) for item in edit.items[::-1]]
    return found


def _list_rows(edit: ListEdit) -> list[MessageRow]:
    rows = [
        MessageRow(kept.base_at + step, kept.head_at + step, MessageOutcome.UNCHANGED)
        for kept in edit.kept
        for step in range(kept.size)
    ]
    for item in edit.items:
        outcome = MessageOutcome.REORDERED if item.is_moved else _judge_message(item.edit)
        rows.append(MessageRow(item.base_at, item.head_at, outcome))
    added = [int(each.key) for each in edit.added if not each.is_hidden]
    removed = [int(each.key) for each in edit.removed if not each.is_hidden]
    rows += [MessageRow(None, at, MessageOutcome.INJECTED) for at in added]
    rows.sort(key=lambda row: row.head_at or 0)
    dropped = [MessageRow(at, None, MessageOutcome.DROPPED) for at in removed]
    return _weave(rows, dropped)


def _judge_message(edit: Edit | None) -> MessageOutcome:
    if edit is None or not edit.changes:
        return MessageOutcome.UNCHANGED
    waiting: list[Any] = [_list_edit(edit, _Frame(Place(), Place(), MessageOutcome.CHANGED))]
    while waiting:
        each = next(waiting[-1], None)
        if each is None:
            waiting.pop()
        elif not isinstance(each, Change):
            waiting.append(_list_edit(*each))
        elif not each.is_hidden and each.message is not MessageOutcome.TRUNCATED:
            return MessageOutcome.CHANGED
    return MessageOutcome.TRUNCATED


def _weave(rows: list[MessageRow], dropped: list[MessageRow]) -> list[MessageRow]:
    """Put what was dropped before the first message that followed it in base."""
    woven: list[MessageRow] = []
    at = 0
    for row in rows:
        is_anchor = row.base_at is not None and row.outcome is not MessageOutcome.REORDERED
        while is_anchor and at < len(dropped) and (dropped[at].base_at or 0) < (row.base_at or 0):
            woven.append(dropped[at])
            at += 1
        woven.append(row)
    return woven + dropped[at:]
