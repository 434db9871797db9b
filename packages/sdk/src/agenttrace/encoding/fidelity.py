"""Whether a payload is exact: it is decoded as it was written, and read again to the same tree."""

from __future__ import annotations

from math import copysign
from typing import TYPE_CHECKING, Any, Final

import orjson

from agenttrace.encoding.classes import pick_class
from agenttrace.encoding.tree import SHOWN, Frozen, Pairs, Tag, Tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace.encoding.shown import Shown

ALWAYS: Final = "always"
SAMPLED: Final = "sampled"
NEVER: Final = "never"
FIRST_CHECKS: Final = 10
"""Of each combination of classes so many payloads are checked, when checks are sampled, …"""
CHECK_EVERY: Final = 100
"""… and then one in so many."""
_MAX_COMBINATIONS: Final = 10_000


class RoundTrip:
    """The checks of one recorder, on its recording thread; what failed is never exact again."""

    __slots__ = ("_checked", "_failed", "_failed_together", "mode")

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self._checked: dict[frozenset[str], int] = {}
        self._failed: set[str] = set()
        self._failed_together: set[frozenset[str]] = set()

    def holds(self, frozen: Frozen, shown: Shown, text: bytes, types: bytes) -> bool:
        """Tell whether this payload decodes to an equal value of the same types."""
        kinds = shown.kinds
        if self.mode == NEVER or kinds in self._failed_together:
            return False
        if not self._failed.isdisjoint(map(pick_class, kinds)):
            return False
        if any(kind.startswith(SHOWN) for kind in kinds):
            return False
        count = self._checked.get(kinds, 0)
        is_due = count < FIRST_CHECKS or count % CHECK_EVERY == 0
        if self.mode == ALWAYS or is_due:
            culprit = check_round_trip(frozen.tree, text, types)
            if culprit is not None:
                self._blame(kinds, culprit)
                return False
        if len(self._checked) >= _MAX_COMBINATIONS:
            self._checked.clear()
        self._checked[kinds] = count + 1
        return True

    def _blame(self, kinds: frozenset[str], culprit: str) -> None:
        if culprit:
            self._failed.add(culprit)
        elif any(map(pick_class, kinds)):  # which of them it is was not found
            self._failed_together.add(kinds)


def check_round_trip(tree: Tree, text: bytes, types: bytes) -> str | None:
    """Return None when the payload reads back to `tree`, else the class at fault, or ""."""
    # Imported at the first check: what a payload is decoded with is not small.
    from agenttrace.encoding.decode import Decoder  # noqa: PLC0415
    from agenttrace.encoding.freeze import freeze  # noqa: PLC0415
    from agenttrace.errors import DecodeError  # noqa: PLC0415

    try:
        value = Decoder(is_check=True).decode(orjson.loads(text), orjson.loads(types))
        return find_difference(tree, freeze(value, with_classes=True).tree, "")
    except DecodeError as error:
        return error.culprit
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 -- a codec is someone else's code
        return ""


def find_difference(one: Tree, other: Tree, inside: str) -> str | None:  # noqa: PLR0911 -- one return a kind of node
    """Return the class within which two trees differ, "" outside any, None when they are equal."""
    kind = type(one)
    if kind is not type(other):
        return inside
    if isinstance(one, Tag):
        assert isinstance(other, Tag)
        return _compare_tags(one, other)
    if kind is list:
        return _compare_lists(one, other, inside)  # type: ignore[arg-type]  # just checked
    if kind is dict:
        names, parts = list(one), list(one.values())  # type: ignore[arg-type, union-attr]  # just checked
        if names != list(other):  # type: ignore[arg-type]  # just checked
            return inside
        return _compare_lists(parts, list(other.values()), inside)  # type: ignore[union-attr]  # just checked
    if isinstance(one, Pairs):
        assert isinstance(other, Pairs)
        return _compare_lists(_flatten(one), _flatten(other), inside)
    if kind is float and one == 0:
        return None if copysign(1, one) == copysign(1, other) else inside  # type: ignore[arg-type]  # just checked
    return None if one == other else inside


def _flatten(pairs: Pairs) -> list[Tree]:
    return [part for pair in pairs.items for part in pair]


def _compare_lists(one: Sequence[Tree], other: Sequence[Tree], inside: str) -> str | None:
    if len(one) != len(other):
        return inside
    for first, second in zip(one, other, strict=True):
        found = find_difference(first, second, inside)
        if found is not None:
            return found
    return None


def _compare_tags(one: Tag, other: Tag) -> str | None:
    inside = pick_class(one.type)
    if (one.tag, one.name, one.type) != (other.tag, other.name, other.type):
        return inside
    extra: Any = one.extra or {}
    again: Any = other.extra or {}
    return find_difference(extra, again, inside) or find_difference(one.value, other.value, inside)
