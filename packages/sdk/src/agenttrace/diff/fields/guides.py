"""What the rules and the recorded types say of each place in one value, as a tree beside it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agenttrace.diff.fields.paths import Key, Match
    from agenttrace.diff.fields.rules import FieldRules, Unordered
    from agenttrace.wire import JsonValue

LARGE_CHARS: Final = 1024 * 1024
"""A longer text is compared as it stands: no mask applies to it, and it is not read as JSON."""

ARGUMENTS: Final = "arguments"
"""Under this name tool calls have JSON as text."""


class Guide:
    """What is said of one place; `below` are the places below it of which something is said."""

    __slots__ = ("below", "is_ignored", "type", "unordered")

    def __init__(self) -> None:
        self.is_ignored = False
        self.unordered: Unordered | None = None
        self.type: str | None = None
        self.below: dict[str, Guide] = {}


def make_guide(
    value: JsonValue, rules: FieldRules, types: Mapping[str, Any] | None = None
) -> Guide | None:
    """Return what is said of the places in `value`, None when nothing is.

    `types` is a payload's map of JSON pointers to descriptors.
    """
    if not rules.has_paths and not types:
        return None
    root = Guide()
    for pointer, described in sorted((types or {}).items()):
        _descend(root, pointer).type = _write_type(described)
    if rules.has_paths:
        _mark_matches(root, open_texts(value, rules), rules)
    return root


def _descend(root: Guide, pointer: str) -> Guide:
    guide = root
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        guide = guide.below.setdefault(name, Guide())
    return guide


def _write_type(described: object) -> str:
    if isinstance(described, str):
        return described
    return json.dumps(described, sort_keys=True, ensure_ascii=False)


def _mark_matches(root: Guide, opened: JsonValue, rules: FieldRules) -> None:
    from agenttrace.diff.fields.paths import Match  # noqa: PLC0415 -- only with rules of paths

    top = Match(opened, None, "")
    top.guide = root
    for query in rules.ignored:
        for match in query.find_matches(top):
            _find_guide(match).is_ignored = True
    for query, unordered in rules.unordered_queries:
        for match in query.find_matches(top):
            _find_guide(match).unordered = unordered


def _find_guide(match: Match) -> Guide:
    """Return the guide of a match; what is above it is made once, however many are below."""
    chain = []
    at: Any = match
    while at.guide is None:
        chain.append(at)
        at = at.parent
    guide: Guide = at.guide
    for each in reversed(chain):
        guide = each.guide = guide.below.setdefault(str(each.key), Guide())
    return guide


def open_texts(value: JsonValue, rules: FieldRules) -> JsonValue:
    """Return a copy in which texts that are read as JSON stand as what they hold."""
    top = [value]
    waiting: list[tuple[Any, Key]] = [(top, 0)]
    while waiting:
        holder, key = waiting.pop()
        item = holder[key]
        if type(item) is str:
            item = read_json_text(key, item, rules)
        if type(item) is dict:
            holder[key] = copy = dict(item)
            waiting += [(copy, name) for name in copy]
        elif type(item) is list:
            holder[key] = listed = list(item)
            waiting += [(listed, at) for at in range(len(listed))]
    return top[0]


def read_json_text(key: Key, text: str, rules: FieldRules) -> JsonValue:
    """Return the object or list that a text holds where the rules read it as JSON, else None.

    A text in which an object has a name twice, or that is nested too deeply, is read as text.
    """
    mode = rules.parse_json_strings
    if mode == "none" or (mode == ARGUMENTS and key != ARGUMENTS):
        return None
    if len(text) > LARGE_CHARS or text[:64].lstrip(_BLANKS)[:1] not in {"{", "["}:
        return None
    try:
        return json.loads(text, object_pairs_hook=_make_object)
    except (ValueError, RecursionError):
        return None


_BLANKS: Final = " \t\n\r"


def _make_object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("an object has a name twice")
    return made
