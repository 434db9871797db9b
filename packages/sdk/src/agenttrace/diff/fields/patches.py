"""A delta as a JSON Patch (RFC 6902), for tools that know nothing of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agenttrace.diff.fields.changes import Place
from agenttrace.diff.fields.edits import Edit, Item, Kept, ListEdit, ObjectEdit, Replaced, Retyped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agenttrace.diff.fields.delta import FieldDelta
    from agenttrace.wire import JsonValue


def export_patch(delta: FieldDelta) -> list[dict[str, JsonValue]]:
    """Return the operations that turn base into head, hidden differences included.

    The order of names, which JSON Patch cannot say, is not kept, and neither are recorded types.
    Parts of head stand in it as they are: copy them before changing what it was applied to.
    """
    operations: list[dict[str, JsonValue]] = []
    if delta.edit is None:
        return operations
    stack: list[Iterator[Any]] = [_export(delta.edit, Place())]
    while stack:
        each = next(stack[-1], None)
        if each is None:
            stack.pop()
        elif isinstance(each, dict):
            operations.append(each)
        else:
            stack.append(_export(*each))
    return operations


def _export(edit: Edit, place: Place) -> Iterator[Any]:
    """Yield operations, and as `(edit, place)` what has more of them below."""
    if isinstance(edit, Replaced):
        yield {"op": "replace", "path": place.pointer, "value": edit.head}
    elif isinstance(edit, Retyped):
        if edit.edit is not None:
            yield edit.edit, place
    elif isinstance(edit, ObjectEdit):
        yield from _export_object(edit, place)
    else:
        yield from _export_list(edit, place)


def _export_object(edit: ObjectEdit, place: Place) -> Iterator[Any]:
    for single in edit.removed:
        yield {"op": "remove", "path": Place(place, single.key).pointer}
    renamed = [member for member in edit.members if member.base_name != member.head_name]
    for member in renamed:
        source = Place(place, member.base_name).pointer
        yield {"op": "move", "from": source, "path": Place(place, member.head_name).pointer}
    for single in edit.added:
        yield {"op": "add", "path": Place(place, single.key).pointer, "value": single.value}
    for member in edit.members:
        if member.edit is not None:
            yield member.edit, Place(place, member.head_name)


def _export_list(edit: ListEdit, place: Place) -> Iterator[Any]:
    """Remove from the end, bring what stays into its order, add from the beginning, then edit."""
    for single in reversed(edit.removed):
        yield {"op": "remove", "path": Place(place, single.key).pointer}
    # Where the items that stay are to stand among themselves, in the order in which they stand.
    order = [head_at for _, head_at in sorted(_list_pairs(edit.kept, edit.items))]
    wanted = sorted(order)
    if order != wanted:
        for at, head_at in enumerate(wanted):
            now = order.index(head_at, at)
            if now != at:
                order.insert(at, order.pop(now))
                source = Place(place, now).pointer
                yield {"op": "move", "from": source, "path": Place(place, at).pointer}
    for single in edit.added:
        yield {"op": "add", "path": Place(place, single.key).pointer, "value": single.value}
    for item in edit.items:
        if item.edit is not None:
            yield item.edit, Place(place, item.head_at)


def _list_pairs(kept: tuple[Kept, ...], items: tuple[Item, ...]) -> Iterator[tuple[int, int]]:
    for base_at, head_at, size in kept:
        yield from ((base_at + step, head_at + step) for step in range(size))
    yield from ((item.base_at, item.head_at) for item in items)
