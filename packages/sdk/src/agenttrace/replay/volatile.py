"""What does not count when two inputs are compared: places by JSONPath, and texts by pattern."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from agenttrace.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

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

    def are_equal(self, recorded: JsonValue, live: JsonValue) -> bool:
        """Tell whether two inputs are the same but for what does not count."""
        return bool(self._clean(recorded) == self._clean(live))

    def _clean(self, value: JsonValue) -> JsonValue:
        cleaned = deepcopy(value)
        for path in self._ignore:
            for match in path.finditer(cleaned):
                _take_out(match)
        return self._mask_texts(cleaned)

    def _mask_texts(self, value: JsonValue) -> JsonValue:
        if isinstance(value, str):
            for pattern in self._mask:
                value = pattern.sub("<masked>", value)
            return value
        if isinstance(value, list):
            return [self._mask_texts(item) for item in value]
        if isinstance(value, dict):
            return {key: self._mask_texts(item) for key, item in value.items()}
        return value


def _take_out(match: Any) -> None:
    """Put a mark in the place of what a path found: the length of a list stays what it is."""
    if match.parent is not None:
        match.parent.obj[match.parts[-1]] = "<ignored>"


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
    return found


def _compile_pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise ConfigurationError(f"mask {text!r} is no regular expression: {error}") from error
