"""What changes one value into another: a tree that follows the value down to what differs.

Every edit keeps both sides to the letter, also where the rules leave a difference out of account:
those are hidden, and count as no change. `changes` is how many of an edit's differences are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from agenttrace.wire import JsonValue


class _Missing(Enum):
    MISSING = "missing"

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing.MISSING
"""Stands where there is no value, which is not null."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """One value for another. `inner` leads on where both are texts that hold JSON."""

    base: JsonValue
    head: JsonValue
    is_hidden: bool = False
    inner: Edit | None = None

    @property
    def changes(self) -> int:
        """How many differences the rules let through."""
        if self.is_hidden:
            return 0
        return 1 if self.inner is None else self.inner.changes


@dataclass(frozen=True, slots=True)
class Retyped:
    """Another recorded type, which JSON cannot say; `edit` is what differs in the content."""

    base_type: str | None
    head_type: str | None
    edit: Edit | None

    @property
    def changes(self) -> int:
        """How many differences the rules let through."""
        return 1 + (0 if self.edit is None else self.edit.changes)


class Member(NamedTuple):
    """A member of both objects that differs: in its name, which is then hidden, or its value."""

    base_name: str
    head_name: str
    edit: Edit | None


class Single(NamedTuple):
    """A member, by name, or an item, by position, that one side alone has."""

    key: str | int
    value: JsonValue
    is_hidden: bool


@dataclass(frozen=True, slots=True)
class ObjectEdit:
    """Members that differ. The orders are those of all names, None where they are equal."""

    members: tuple[Member, ...]
    removed: tuple[Single, ...]
    added: tuple[Single, ...]
    base_order: tuple[str, ...] | None
    head_order: tuple[str, ...] | None
    changes: int


class Kept(NamedTuple):
    """`size` items that are equal to the letter, from these positions on."""

    base_at: int
    head_at: int
    size: int


class Item(NamedTuple):
    """An item of both lists. `is_moved`: others that are in both passed it."""

    base_at: int
    head_at: int
    edit: Edit | None
    is_moved: bool


@dataclass(frozen=True, slots=True)
class ListEdit:
    """What became of each item: kept, changed or moved, removed, added.

    `is_messages`: the items are the messages of a chat.
    """

    kept: tuple[Kept, ...]
    items: tuple[Item, ...]
    removed: tuple[Single, ...]
    added: tuple[Single, ...]
    is_messages: bool
    changes: int


Edit: TypeAlias = Replaced | Retyped | ObjectEdit | ListEdit


def count_edit(edit: Edit | None) -> int:
    """Return how many differences of an edit the rules let through."""
    return 0 if edit is None else edit.changes


def count_singles(singles: tuple[Single, ...]) -> int:
    """Return how many of them the rules let through."""
    return sum(not single.is_hidden for single in singles)
