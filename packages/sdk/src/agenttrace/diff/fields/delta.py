"""Two values compared: the delta between them, made, turned round, and applied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agenttrace.diff.fields.comparison import Comparison
from agenttrace.diff.fields.edits import (
    Edit,
    Item,
    Kept,
    ListEdit,
    Member,
    ObjectEdit,
    Replaced,
    Retyped,
    Single,
)
from agenttrace.diff.fields.plain import is_verbatim
from agenttrace.diff.fields.reading import read_pair
from agenttrace.diff.fields.rules import DEFAULT_RULES, FieldRules
from agenttrace.diff.fields.steps import Steps, run_steps
from agenttrace.errors import AgentTraceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agenttrace.wire import JsonValue


class PatchError(AgentTraceError, ValueError):
    """A delta that was made of another value than the one that it is applied to."""


@dataclass(frozen=True, slots=True)
class FieldDelta:
    """What differs from one value to another, to the letter; the rules say what of it counts.

    `edit` is None when nothing differs at all. `changes` counts the differences that the rules let
    through. `is_approximate`: a budget was met, and a smaller delta may exist. `is_coarse`: a
    value is so large that its parts were matched as they stand, before any rule.
    """

    edit: Edit | None
    is_approximate: bool = False
    is_coarse: bool = False

    @property
    def changes(self) -> int:
        """How many differences the rules let through; `list_changes` lists as many."""
        return 0 if self.edit is None else self.edit.changes

    @property
    def is_empty(self) -> bool:
        """Whether the values are equal by the rules."""
        return not self.changes


def compare_values(
    base: JsonValue,
    head: JsonValue,
    rules: FieldRules = DEFAULT_RULES,
    *,
    base_types: Mapping[str, Any] | None = None,
    head_types: Mapping[str, Any] | None = None,
) -> FieldDelta:
    """Return what differs from `base` to `head`, which are what `json.loads` returns.

    1 and 1.0 are equal, 1 and true are not, null is not a missing member, NaN equals NaN. The
    types are those of recorded payloads: JSON pointers and what stands there. The delta refers to
    parts of both values; nothing is copied, and neither is changed.

    Raises:
        TypeError: when a value is none that JSON has.

    """
    if is_verbatim(base, head) and (base_types or {}) == (head_types or {}):
        return FieldDelta(None)
    one, other = read_pair(base, head, rules, base_types, head_types)
    comparison = Comparison(rules)
    edit = run_steps(comparison.compare(one, base, other, head))
    return FieldDelta(edit, comparison.aligner.is_approximate, comparison.is_coarse)


def invert_delta(delta: FieldDelta) -> FieldDelta:
    """Return the delta from head to base."""
    edit = None if delta.edit is None else run_steps(_invert(delta.edit))
    return FieldDelta(edit, delta.is_approximate, delta.is_coarse)


def _invert(edit: Edit) -> Steps[Edit]:
    if isinstance(edit, Replaced):
        inner = None if edit.inner is None else (yield _invert(edit.inner))
        return Replaced(edit.head, edit.base, edit.is_hidden, inner)
    if isinstance(edit, Retyped):
        below = None if edit.edit is None else (yield _invert(edit.edit))
        return Retyped(edit.head_type, edit.base_type, below)
    if isinstance(edit, ObjectEdit):
        members = []
        for member in edit.members:
            below = None if member.edit is None else (yield _invert(member.edit))
            members.append(Member(member.head_name, member.base_name, below))
        members.sort(key=lambda member: (member.base_name, member.head_name))
        return ObjectEdit(
            tuple(members), edit.added, edit.removed, edit.head_order, edit.base_order, edit.changes
        )
    items = []
    for item in edit.items:
        below = None if item.edit is None else (yield _invert(item.edit))
        items.append(Item(item.head_at, item.base_at, below, item.is_moved))
    return ListEdit(
        tuple(sorted(Kept(each.head_at, each.base_at, each.size) for each in edit.kept)),
        tuple(sorted(items, key=lambda item: item.base_at)),
        edit.added,
        edit.removed,
        edit.is_messages,
        edit.changes,
    )


def apply_delta(value: JsonValue, delta: FieldDelta) -> JsonValue:
    """Return head, to the letter, for the base that the delta was made of; shares parts of both.

    Raises:
        PatchError: when `value` is not that base.

    """
    if delta.edit is None:
        return value
    try:
        return run_steps(_apply(value, delta.edit))
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise PatchError(f"the delta was made of another value: {error!r}") from error


def _apply(value: Any, edit: Edit) -> Steps[Any]:
    if isinstance(edit, Replaced):
        _check_same(value, edit.base)
        return edit.head
    if isinstance(edit, Retyped):
        return value if edit.edit is None else (yield _apply(value, edit.edit))
    if isinstance(edit, ObjectEdit):
        return (yield _apply_to_object(value, edit))
    return (yield _apply_to_list(value, edit))


def _apply_to_object(value: dict[str, Any], edit: ObjectEdit) -> Steps[dict[str, Any]]:
    _check_singles(edit.removed, value)
    gone = {single.key for single in edit.removed} | {each.base_name for each in edit.members}
    made = {name: item for name, item in value.items() if name not in gone}
    for member in edit.members:
        item = value[member.base_name]
        made[member.head_name] = item if member.edit is None else (yield _apply(item, member.edit))
    made.update((str(single.key), single.value) for single in edit.added)
    order = value if edit.head_order is None else edit.head_order
    if len(made) != len(order):
        raise PatchError(
            f"the delta was made of another object: {sorted(made)[:8]} are its members"
        )
    return {name: made[name] for name in order}


def _apply_to_list(value: list[Any], edit: ListEdit) -> Steps[list[Any]]:
    _check_singles(edit.removed, value)
    kept = sum(each.size for each in edit.kept) + len(edit.items)
    if len(value) != kept + len(edit.removed):
        raise PatchError(f"the delta was made of another list: this one has {len(value)} items")
    made: list[Any] = [None] * (kept + len(edit.added))
    for base_at, head_at, size in edit.kept:
        made[head_at : head_at + size] = value[base_at : base_at + size]
    for item in edit.items:
        found = value[item.base_at]
        made[item.head_at] = found if item.edit is None else (yield _apply(found, item.edit))
    for single in edit.added:
        made[int(single.key)] = single.value
    return made


def _check_singles(singles: Iterable[Single], value: Any) -> None:
    for single in singles:
        _check_same(value[single.key], single.value)


def _check_same(value: JsonValue, expected: JsonValue) -> None:
    if not is_verbatim(value, expected):
        raise PatchError("the delta was made of another value: what it replaces is not there")
