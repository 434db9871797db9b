"""The normal form of a value: what two values share that are equal by the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agenttrace.diff.fields.parts import (
    IGNORED,
    Branch,
    Form,
    Leaf,
    Part,
    content_key,
    digest_text,
    key_of,
    write_scalar,
)
from agenttrace.diff.fields.reading import read_value
from agenttrace.diff.fields.rules import DEFAULT_RULES, FieldRules
from agenttrace.diff.fields.steps import Steps, run_steps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agenttrace.wire import JsonValue


def hash_value(
    value: JsonValue, rules: FieldRules = DEFAULT_RULES, types: Mapping[str, Any] | None = None
) -> str:
    """Return a digest that values have in common exactly when they are equal by the rules.

    Two exceptions, for both of which `compare_values` may find no change where digests differ:
    numbers within a tolerance, and values of more than `MAX_FIELDS` fields, whose parts are hashed
    as they stand. Equal digests are always equal values.

    Raises:
        TypeError: when the value is none that JSON has.

    """
    return digest_text("", key_of(read_value(value, rules, types)))


def normalise_value(value: JsonValue, rules: FieldRules = DEFAULT_RULES) -> JsonValue:
    """Return a value as it is compared, made anew: for people, and for tests of rules.

    Placeholders stand for what is masked; what is ignored is gone; a text that is read as JSON is
    `{"$json": …}`; items whose order says nothing are in one of their own; a long text is itself;
    a number with a tolerance is `{"$near": …}`, and what is too large to be looked into
    `{"$large": digest}`. Ignored as a whole the value is `{"$ignored": true}`.
    """
    return run_steps(_write(read_value(value, rules)))


def _write(part: Part) -> Steps[JsonValue]:
    if isinstance(part, Branch):
        return (yield _write_branch(part))
    if part == IGNORED:
        return {"$ignored": True}
    if isinstance(part, Leaf):
        return _write_leaf(part)
    return write_scalar(part)


def _write_leaf(leaf: Leaf) -> JsonValue:
    if leaf.text is not None:
        return leaf.text
    key = content_key(leaf)
    if leaf.is_coarse:
        return {"$large": key}
    if leaf.number is not None:
        return {"$near": key}
    return write_scalar(key)


def _write_branch(branch: Branch) -> Steps[JsonValue]:
    if branch.form is Form.OBJECT:
        masked = branch.masked or {}
        made = {}
        for name in sorted(branch.members, key=lambda each: masked.get(each, each)):
            made[masked.get(name, name)] = yield _write(branch.members[name])
        return made
    if branch.form is Form.TEXT:
        return {"$json": (yield _write(branch.items[0]))}
    items = branch.items if branch.unordered is None else sorted(branch.items, key=key_of)
    written: list[JsonValue] = []
    for item in items:
        below = yield _write(item)
        written.append(below)
    return written
