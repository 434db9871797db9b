"""What does not count when two inputs are compared: places by JSONPath, and texts by pattern."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from agenttrace.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jsonpath import JSONPath

    from agenttrace.wire import JsonValue


class Volatile:
    """Rules for what no two runs have alike, such as `$.request_id` and `build-[0-9]+`."""

    def __init__(self, ignore: Iterable[str], mask: Iterable[str]) -> None:
        """Read the rules.

        Raises:
            ConfigurationError: for a JSONPath or a pattern that cannot be read.

        """
        self._ignore = [_compile_path(path) for path in _list(ignore)]
        self._mask = [_compile_pattern(pattern) for pattern in _list(mask)]

    def __bool__(self) -> bool:
        return bool(self._ignore or self._mask)

    def are_equal(
        self,
        recorded: JsonValue,
        live: JsonValue,
        recorded_types: Mapping[str, Any] | None = None,
        live_types: Mapping[str, Any] | None = None,
    ) -> bool:
        """Tell whether two inputs are the same but for what does not count.

        Types are those of payloads, by JSON pointer: what JSON cannot say is part of an input.
        """
        return self._clean(recorded, recorded_types) == self._clean(live, live_types)

    def _clean(
        self, value: JsonValue, types: Mapping[str, Any] | None
    ) -> tuple[str, dict[str, Any]]:
        cleaned = deepcopy(value)
        left = dict(types or {})
        # Of a text, JSONPath takes it for JSON: no place is within one.
        for path in self._ignore if isinstance(value, dict | list) else ():
            for match in [*path.finditer(cleaned)]:
                place = _take_out(match)
                left = {at: said for at, said in left.items() if not _is_within(at, place)}
        # As text: 1 and True are equal in Python, and are two inputs.
        return json.dumps(self._mask_texts(cleaned), sort_keys=True), left

    def _mask_texts(self, value: JsonValue) -> JsonValue:
        if isinstance(value, str):
            for pattern in self._mask:
                value = pattern.sub("<masked>", value)
            return value
        if isinstance(value, list):
            return [self._mask_texts(item) for item in value]
        if isinstance(value, dict):
            return {key: self._mask_texts(item) for key, item in value.items()}
        if isinstance(value, float) and value.is_integer():
            return int(value)  # as the canonical form that is hashed has it
        return value


def _take_out(match: Any) -> str:
    """Take out what a path found, and return its JSON pointer.

    A field may be on one side only. In a list a mark takes its place, so that its length counts.
    """
    if match.parent is not None:
        around, name = match.parent.obj, match.parts[-1]
        if isinstance(around, list):
            around[name] = "<ignored>"
        else:
            around.pop(name, None)
    steps = (str(part).replace("~", "~0").replace("/", "~1") for part in match.parts)
    return "".join(f"/{step}" for step in steps)


def _is_within(pointer: str, place: str) -> bool:
    return pointer == place or pointer.startswith(f"{place}/")


def _list(given: Iterable[str]) -> list[str]:
    return [given] if isinstance(given, str) else list(given)


def _compile_path(text: str) -> JSONPath:
    import jsonpath  # noqa: PLC0415 -- only who has such rules

    try:
        found = jsonpath.compile(text)
    except jsonpath.JSONPathError as error:
        raise ConfigurationError(f"ignore {text!r} is no JSONPath: {error}") from error
    if not isinstance(found, jsonpath.JSONPath):
        raise ConfigurationError(f"ignore {text!r} is several JSONPaths; give them one by one")
    if not found.segments:
        raise ConfigurationError(
            f"ignore {text!r} is all of an input; name a place within it, such as '$.request_id', "
            "or let changed inputs by with on={'input_changed': 'serve'}"
        )
    return found


def _compile_pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise ConfigurationError(f"mask {text!r} is no regular expression: {error}") from error
