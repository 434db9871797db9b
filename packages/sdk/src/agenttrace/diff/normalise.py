"""A captured value as it is compared: noise masked, numbers in one form, order gone where told.

The result is canonical JSON text: equal texts are equal values. What has neither an id nor a
number with a point in it, which is most, is read and written by C alone.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from agenttrace.diff.fields.changes import write_pointer
from agenttrace.diff.rules import DEFAULT, Rules

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agenttrace.wire import JsonValue

MAX_NORMALISED_BYTES: Final = 1024 * 1024
"""A longer value is compared byte for byte: no rule applies to it."""

_MAX_DEPTH: Final = 200
_MAX_EXACT: Final = 2.0**53
FLOAT_DIGITS: Final = 12
"""Floats whose first so many digits are equal are equal."""

_DIGITS: Final = f".{FLOAT_DIGITS}g"
_ARGUMENTS: Final = "arguments"


class TooDeepError(ValueError):
    """A value that is nested beyond what is compared by its parts."""


class Normaliser:
    """Brings values to the form in which they are compared, by some rules."""

    def __init__(self, rules: Rules = DEFAULT) -> None:
        self.rules = rules
        masks = rules.all_masks()
        self._masks = [(re.compile(mask.pattern), f"<{mask.name}>") for mask in masks]
        every = "|".join(f"(?:{pattern.pattern})" for pattern, _ in self._masks)
        is_plain = all(_is_combinable(pattern.pattern) for pattern, _ in self._masks)
        self._any_mask = re.compile(every) if every and is_plain else None
        self._ignore = [_compile(path) for path in rules.ignore]
        self._unordered = [(_compile(each.path), each.key) for each in rules.unordered]
        self._has_paths = bool(self._ignore or self._unordered)

    def write(self, part: str, text: str) -> str:
        """Return the canonical text of a value's JSON text; `part` is `input`, `output`, …."""
        if len(text) > MAX_NORMALISED_BYTES:
            return text
        try:
            if not self._has_paths and self._is_quiet(text):
                value = json.loads(text, parse_float=_read_float)
            else:
                value = self.simplify(part, json.loads(text))
            return _dump(value)
        except (ValueError, RecursionError):  # no JSON, or nested too deeply: as it stands
            return text

    def write_types(self, part: str, text: str, types: Mapping[str, Any]) -> str:
        """Return the canonical text of a value's recorded types at the places that count.

        `text` is the value's JSON text. It is empty where none of them counts: a path that is
        ignored takes the types below it along, and in a list whose order says nothing an item's
        position is none.
        """
        kept = [[pointer, described] for pointer, described in types.items()]
        if self._has_paths:
            ignored, unordered = self._find_places(part, text)
            kept = [
                [_lift(pointer, unordered), described]
                for pointer, described in kept
                if not any(_is_below(pointer, place) for place in ignored)
            ]
        return self.mask_text(_dump(sorted(kept, key=_dump))) if kept else ""

    def _find_places(self, part: str, text: str) -> tuple[list[str], list[str]]:
        """Return the JSON pointers within a value of what is ignored, and of unordered lists."""
        try:
            document = {part: json.loads(text)}
        except (ValueError, RecursionError):
            return [], []
        paths = self._ignore, [path for path, _ in self._unordered]
        ignored, unordered = (
            [write_pointer(place[1:]) for path in each for place in path(document) if place]
            for each in paths
        )
        return ignored, unordered

    def simplify(self, part: str, value: JsonValue) -> JsonValue:
        """Return a value as it is compared: the rules applied, nothing of the given one changed.

        Raises:
            TooDeepError: when it is nested more than 200 levels deep.

        """
        if self._has_paths:
            value = self._apply_paths(part, value)
        return self._walk(value, None, 0)

    def mask_text(self, text: str) -> str:
        """Return a text with its ids, times and what else is masked replaced."""
        for pattern, placeholder in self._masks:
            text = pattern.sub(placeholder, text)
        return text

    def _is_quiet(self, text: str) -> bool:
        """Tell whether no text within this JSON text can be changed by a rule about texts."""
        if "\\" in text:  # an escape may hide what a mask would find, or JSON within a text
            return False
        if self.rules.parse_json_strings == "all":
            return False
        if self.rules.parse_json_strings == _ARGUMENTS and '"arguments"' in text:
            return False
        if not self._masks:
            return True
        return self._any_mask is not None and self._any_mask.search(text) is None

    def _walk(self, value: JsonValue, key: str | None, depth: int) -> JsonValue:
        if depth > _MAX_DEPTH:
            raise TooDeepError(f"nested more than {_MAX_DEPTH} levels deep")
        if isinstance(value, str):
            return self._simplify_text(value, key, depth)
        if isinstance(value, float):
            return simplify_float(value)
        if isinstance(value, dict):
            return {name: self._walk(item, name, depth + 1) for name, item in value.items()}
        if isinstance(value, list):
            return [self._walk(item, key, depth + 1) for item in value]
        return value

    def _simplify_text(self, text: str, key: str | None, depth: int) -> JsonValue:
        parse = self.rules.parse_json_strings
        if (parse == "all" or (parse == _ARGUMENTS and key == _ARGUMENTS)) and (
            text.lstrip()[:1] in {"{", "["}
        ):
            try:
                return self._walk(json.loads(text), None, depth + 1)
            except (ValueError, RecursionError):
                pass  # it only looks like JSON: it stays a text
        if self._any_mask is not None and self._any_mask.search(text) is None:
            return text
        return self.mask_text(text)

    def _apply_paths(self, part: str, value: JsonValue) -> JsonValue:
        document = {part: json.loads(json.dumps(value))}
        for path in self._ignore:
            for place in sorted({*path(document)}, key=_rank_place, reverse=True):
                _remove(document, place)
        for path, name in self._unordered:
            for place in path(document):
                found = _find(document, place)
                if isinstance(found, list):
                    found.sort(key=lambda item, name=name: _rank_item(item, name))  # type: ignore[misc]
        return document.get(part)


def simplify_float(value: float) -> float | int:
    """Return a number in one form: whole ones as integers, others with 12 digits that matter."""
    if value.is_integer() and abs(value) < _MAX_EXACT:
        return int(value)
    rounded = float(format(value, _DIGITS))
    return int(rounded) if rounded.is_integer() and abs(rounded) < _MAX_EXACT else rounded


def are_close(base: JsonValue, head: JsonValue, rules: Rules) -> bool:
    """Tell whether two simplified values are equal, numbers within the tolerance of the rules."""
    stack = [(base, head)]
    while stack:
        left, right = stack.pop()
        if _is_number(left) and _is_number(right):
            room = max(rules.numeric_abs, rules.numeric_rel * max(abs(left), abs(right)))
            if left != right and not abs(left - right) <= room:
                return False
        elif type(left) is not type(right):
            return False
        elif isinstance(left, dict):
            if left.keys() != right.keys():
                return False
            stack.extend((left[key], right[key]) for key in left)
        elif isinstance(left, list):
            if len(left) != len(right):
                return False
            stack.extend(zip(left, right, strict=True))
        elif left != right:
            return False
    return True


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _read_float(text: str) -> float | int:
    return simplify_float(float(text))


def _is_below(pointer: str, place: str) -> bool:
    return pointer == place or pointer.startswith(f"{place}/")


def _lift(pointer: str, unordered: list[str]) -> str:
    """Return a pointer without the positions of items in lists whose order says nothing."""
    for place in sorted(unordered, key=len, reverse=True):
        if pointer.startswith(f"{place}/"):
            item, slash, rest = pointer[len(place) + 1 :].partition("/")
            del item
            pointer = f"{place}/*{slash}{rest}"
    return pointer


def _dump(value: JsonValue) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _is_combinable(pattern: str) -> bool:
    """Tell whether a pattern means the same as one of several, and in the midst of JSON text."""
    return not re.search(r"\(\?[aiLmsux-]|\\[1-9]|\(\?P=|\(\?\(|\^|\$|\\[AZ]|\"", pattern)


def _compile(path: str) -> Callable[[JsonValue], list[tuple[str | int, ...]]]:
    from jsonpath import compile  # noqa: A004, PLC0415 -- 40 ms, only with rules that have paths

    query = compile(path)
    return lambda document: [tuple(match.parts) for match in query.finditer(document)]


def _rank_place(place: tuple[str | int, ...]) -> tuple[tuple[bool, int, str], ...]:
    """Rank places so that, from the last on, taking one out does not move those still to go."""
    return tuple(
        (isinstance(part, str), 0 if isinstance(part, str) else part, str(part)) for part in place
    )


def _remove(document: JsonValue, place: tuple[str | int, ...]) -> None:
    if not place:
        return
    holder = _find(document, place[:-1])
    if isinstance(holder, dict):
        holder.pop(place[-1], None)
    elif isinstance(holder, list) and isinstance(place[-1], int):
        del holder[place[-1]]


def _find(document: JsonValue, place: tuple[str | int, ...]) -> JsonValue:
    found: Any = document
    for part in place:
        try:
            found = found[part]
        except (KeyError, IndexError, TypeError):  # its holder was taken out
            return None
    return found


def _rank_item(item: JsonValue, key: str | None) -> str:
    if key is not None and isinstance(item, dict) and key in item:
        return "0" + _dump(item[key])
    return "1" + _dump(item)
