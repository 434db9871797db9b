"""From the parts of two values to the edits between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from agenttrace.diff.fields.alignment import Aligner
from agenttrace.diff.fields.edits import (
    MISSING,
    Edit,
    Item,
    Kept,
    ListEdit,
    Member,
    ObjectEdit,
    Replaced,
    Retyped,
    Single,
    count_edit,
    count_singles,
)
from agenttrace.diff.fields.guides import LARGE_CHARS
from agenttrace.diff.fields.messages import are_messages
from agenttrace.diff.fields.parts import (
    Branch,
    Form,
    Leaf,
    Part,
    content_key,
    key_of,
    pair_members,
    type_of,
)
from agenttrace.diff.fields.plain import is_verbatim
from agenttrace.diff.fields.reading import MAX_FIELDS, has_more_fields, read_pair

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agenttrace.diff.fields.rules import FieldRules
    from agenttrace.diff.fields.steps import Steps
    from agenttrace.wire import JsonValue

MAX_HIDDEN_LOOKS: Final = 10_000
"""So many pairs that the rules make equal are looked into for what differs to the letter."""


class Comparison:
    """One comparison of two values."""

    def __init__(self, rules: FieldRules) -> None:
        self.rules = rules
        self.aligner = Aligner(rules)
        self.is_coarse = False
        self._fields_left = MAX_FIELDS
        self._looks_left = MAX_HIDDEN_LOOKS

    def compare(
        self, base: Part, base_value: JsonValue, head: Part, head_value: JsonValue
    ) -> Steps[Edit | None]:
        """Return the edit from one value to the other, None where they are equal to the letter."""
        if type_of(base) != type_of(head):
            edit = None
            if content_key(base) != content_key(head):
                edit = yield self._compare_contents(base, base_value, head, head_value)
            elif not is_verbatim(base_value, head_value):
                edit = Replaced(base_value, head_value, is_hidden=True)
            return Retyped(type_of(base), type_of(head), edit)
        if key_of(base) == key_of(head):
            if is_verbatim(base_value, head_value):
                return None
            if not self._can_look_into(base, head):
                return Replaced(base_value, head_value, is_hidden=True)
        return (yield self._compare_contents(base, base_value, head, head_value))  # type: ignore[no-any-return]

    def _can_look_into(self, base: Part, head: Part) -> bool:
        """Tell whether to go on into values that are equal by the rules, and not to the letter."""
        self._looks_left -= 1
        if not isinstance(base, Branch) or not isinstance(head, Branch) or self._looks_left < 0:
            return False
        return base.form is head.form and base.form is not Form.TEXT

    def _compare_contents(
        self, base: Part, base_value: Any, head: Part, head_value: Any
    ) -> Steps[Edit | None]:
        if isinstance(base, Branch) and isinstance(head, Branch) and base.form is head.form:
            if base.form is Form.OBJECT:
                return (yield self._compare_objects(base, base_value, head, head_value))  # type: ignore[no-any-return]
            if base.form is Form.LIST:
                return (yield self._compare_lists(base, base_value, head, head_value))  # type: ignore[no-any-return]
            return (yield self._compare_texts(base, base_value, head, head_value))  # type: ignore[no-any-return]
        if isinstance(base, Leaf) and isinstance(head, Leaf):
            if base.number is not None and head.number is not None:
                is_close = self.rules.are_close(base.number, head.number)
                return Replaced(base_value, head_value, is_hidden=is_close)
            if base.is_coarse and head.is_coarse:
                return (yield self._look_closer(base_value, head_value))  # type: ignore[no-any-return]
        return Replaced(base_value, head_value)

    def _look_closer(self, base: JsonValue, head: JsonValue) -> Steps[Edit | None]:
        """Compare parts of large values by the rules, while there are not too many of them."""
        self.is_coarse = True
        if isinstance(base, str) and isinstance(head, str):
            is_short = max(len(base), len(head)) <= LARGE_CHARS
            is_equal = is_short and self.rules.mask_text(base) == self.rules.mask_text(head)
            return Replaced(base, head, is_hidden=is_equal)
        if self._can_read(base, head):
            one, other = read_pair(base, head, self.rules)
            return (yield self.compare(one, base, other, head))  # type: ignore[no-any-return]
        return Replaced(base, head)

    def _can_read(self, base: JsonValue, head: JsonValue) -> bool:
        if has_more_fields([base, head], self._fields_left):
            return False
        self._fields_left -= count_fields(base) + count_fields(head)
        return True

    def _compare_texts(
        self, base: Branch, base_text: JsonValue, head: Branch, head_text: JsonValue
    ) -> Steps[Edit | None]:
        """Compare what two texts hold as JSON."""
        inner = yield self.compare(base.items[0], base.inner, head.items[0], head.inner)
        if inner is None:  # one value, written in two ways
            return Replaced(base_text, head_text, is_hidden=True)
        return Replaced(base_text, head_text, inner=inner)

    def _compare_objects(
        self, base: Branch, base_value: dict[str, Any], head: Branch, head_value: dict[str, Any]
    ) -> Steps[Edit | None]:
        members = []
        removed, added = _list_hidden(base, base_value, head, head_value)
        # In one order for both directions, so that a budget ends at one place.
        for base_name, head_name in sorted(pair_members(base, head), key=_rank_names):
            if base_name is not None and head_name is not None:
                edit = yield self.compare(
                    base.members[base_name],
                    base_value[base_name],
                    head.members[head_name],
                    head_value[head_name],
                )
                if edit is not None or base_name != head_name:
                    members.append(Member(base_name, head_name, edit))
            elif base_name is not None:
                removed.append(Single(base_name, base_value[base_name], is_hidden=False))
            elif head_name is not None:
                added.append(Single(head_name, head_value[head_name], is_hidden=False))
        for name in sorted({*base.ignored, *head.ignored}):
            one, other = base_value.get(name, MISSING), head_value.get(name, MISSING)
            if one is not MISSING and other is not MISSING and not is_verbatim(one, other):
                members.append(Member(name, name, Replaced(one, other, is_hidden=True)))
        return _make_object_edit(members, removed, added, list(base_value), list(head_value))

    def _compare_lists(
        self, base: Branch, base_value: list[Any], head: Branch, head_value: list[Any]
    ) -> Steps[Edit | None]:
        pairs = yield self.aligner.align(base, head)
        moved = _find_moved(base, head, pairs)
        ordered = base.unordered is None and head.unordered is None
        items: list[Item] = []
        for i, j in [*pairs, *moved]:
            base_at, head_at = base.place_of(i), head.place_of(j)
            one, other = base.items[i], head.items[j]
            edit = None
            if not _is_same(one, base_value[base_at], other, head_value[head_at]):
                edit = yield self.compare(one, base_value[base_at], other, head_value[head_at])
            items.append(Item(base_at, head_at, edit, is_moved=ordered and (i, j) in moved))
        items += _pair_hidden(base, base_value, head, head_value)
        items.sort()
        base_seen, head_seen = {item.base_at for item in items}, {item.head_at for item in items}
        is_chat = are_messages(base.items or head.items) and are_messages(head.items or base.items)
        return _make_list_edit(
            items,
            _list_rest(base, base_value, base_seen),
            _list_rest(head, head_value, head_seen),
            is_messages=is_chat,
        )


def _is_same(base: Part, base_value: JsonValue, head: Part, head_value: JsonValue) -> bool:
    """Tell, for most items without a step of its own, whether there is nothing to compare."""
    if base is head and isinstance(base, Leaf):  # a leaf of both, known to be equal to the letter
        return True
    return key_of(base) == key_of(head) and is_verbatim(base_value, head_value)


def _rank_names(pair: tuple[str | None, str | None]) -> str:
    return min(name for name in pair if name is not None)


def count_fields(value: JsonValue) -> int:
    """Return how many scalars, objects and lists a value has."""
    waiting: list[Any] = [value]
    fields = 0
    while waiting:
        each = waiting.pop()
        fields += 1
        if isinstance(each, dict):
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
    return fields


def _list_hidden(
    base: Branch, base_value: dict[str, Any], head: Branch, head_value: dict[str, Any]
) -> tuple[list[Single], list[Single]]:
    """Return the ignored members that one side alone has."""
    return (
        [Single(n, base_value[n], is_hidden=True) for n in base.ignored if n not in head_value],
        [Single(n, head_value[n], is_hidden=True) for n in head.ignored if n not in base_value],
    )


def _make_object_edit(
    members: list[Member],
    removed: list[Single],
    added: list[Single],
    base_order: list[str],
    head_order: list[str],
) -> ObjectEdit:
    is_same_order = base_order == head_order
    gone, new = tuple(sorted(removed, key=_name_single)), tuple(sorted(added, key=_name_single))
    changes = sum(count_edit(member.edit) for member in members)
    return ObjectEdit(
        tuple(sorted(members, key=lambda member: (member.base_name, member.head_name))),
        gone,
        new,
        None if is_same_order else tuple(base_order),
        None if is_same_order else tuple(head_order),
        changes + count_singles(gone) + count_singles(new),
    )


def _name_single(single: Single) -> str:
    return str(single.key)


def _find_moved(
    base: Branch, head: Branch, pairs: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Return pairs of equal items that stand in another order; short scalars do not count."""
    if base.unordered is not None or head.unordered is not None:
        return []
    base_seen, head_seen = {i for i, _ in pairs}, {j for _, j in pairs}
    places: dict[str, list[int]] = {}
    for j in range(len(head.items) - 1, -1, -1):
        if j not in head_seen and not isinstance(head.items[j], str):
            places.setdefault(key_of(head.items[j]), []).append(j)
    moved = []
    for i, item in enumerate(base.items):
        if i not in base_seen and places.get(key_of(item)):
            moved.append((i, places[key_of(item)].pop()))
    return moved


def _list_ignored(branch: Branch, size: int) -> list[int]:
    if branch.at is None:
        return []
    shown = set(branch.at)
    return [at for at in range(size) if at not in shown]


def _pair_hidden(
    base: Branch, base_value: list[Any], head: Branch, head_value: list[Any]
) -> Iterable[Item]:
    """Pair the ignored items in their order."""
    one, other = _list_ignored(base, len(base_value)), _list_ignored(head, len(head_value))
    for i, j in zip(one, other, strict=False):
        same = is_verbatim(base_value[i], head_value[j])
        edit = None if same else Replaced(base_value[i], head_value[j], is_hidden=True)
        yield Item(i, j, edit, is_moved=False)


def _list_rest(branch: Branch, value: list[Any], seen: set[int]) -> tuple[Single, ...]:
    hidden = set(_list_ignored(branch, len(value)))
    return tuple(Single(at, item, at in hidden) for at, item in enumerate(value) if at not in seen)


def _make_list_edit(
    items: list[Item], removed: tuple[Single, ...], added: tuple[Single, ...], *, is_messages: bool
) -> ListEdit:
    kept: list[Kept] = []
    changed = []
    for item in items:
        if item.edit is not None or item.is_moved:
            changed.append(item)
        elif kept and _follows(kept[-1], item):
            kept[-1] = kept[-1]._replace(size=kept[-1].size + 1)
        else:
            kept.append(Kept(item.base_at, item.head_at, 1))
    changes = sum(count_edit(item.edit) + item.is_moved for item in changed)
    changes += count_singles(removed) + count_singles(added)
    return ListEdit(tuple(kept), tuple(changed), removed, added, is_messages, changes)


def _follows(kept: Kept, item: Item) -> bool:
    return kept.base_at + kept.size == item.base_at and kept.head_at + kept.size == item.head_at
