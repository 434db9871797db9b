"""JSONPath on values of any depth: python-jsonpath reads and selects, the walk is our own.

The library's own walk for `..` recurses and stops at 100 levels, and its matches carry their whole
path as text: both grow with the square of the depth. Here a match knows its parent and its key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from jsonpath import JSONPath, JSONPathEnvironment, JSONPathError, JSONPathMatch
from jsonpath.segments import JSONPathRecursiveDescentSegment
from jsonpath.selectors import Filter

from agenttrace.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from jsonpath.filter import BaseExpression
    from jsonpath.segments import JSONPathSegment

Key: TypeAlias = str | int
"""The name of a member of an object, or the position in a list."""

_STRICT: Final = JSONPathEnvironment(strict=True)
_HOLDERS: Final = frozenset({dict, list})
_MAX_CHARS: Final = 2_000
_MAX_DESCENTS: Final = 2


class Match(JSONPathMatch):
    """A place in the value. What the library would write into it and never reads is left out."""

    __slots__ = ("guide", "key")

    def __init__(self, value: object, parent: Match | None, key: Key) -> None:
        root: Any = value if parent is None else parent.root
        super().__init__(filter_context={}, obj=value, parent=parent, path="", parts=(), root=root)
        self.key = key
        self.guide: Any = None  # who walks many matches notes here what it made of this one

    def new_child(self, obj: object, key: Key) -> Match:
        """Return the match of a member or an item."""
        return Match(obj, self, key)

    def add_child(self, *children: JSONPathMatch) -> None:
        """Keep nothing: a match that knew all below it would be the value once more."""


class Query:
    """A JSONPath that was read, and can be asked of values."""

    __slots__ = ("_path", "text")

    def __init__(self, text: str, path: JSONPath) -> None:
        self.text = text
        self._path = path

    @property
    def segments(self) -> Sequence[JSONPathSegment]:
        """Its steps."""
        return self._path.segments

    def find_matches(self, top: Match) -> Iterator[Match]:
        """Yield the places that match, below `top` or `top` itself; some may come twice."""
        matches: Iterable[Any] = [top]
        for segment in self._path.segments:
            matches = _select(segment, matches)
        yield from matches


def compile_query(text: str) -> Query:
    """Return the JSONPath that this text is.

    Raises:
        ConfigurationError: when it is none, or one whose time could not be bounded.

    """
    if len(text) > _MAX_CHARS:
        raise ConfigurationError(
            f"{text[:80]!r}… is no JSONPath; expected a text of at most {_MAX_CHARS} characters"
        )
    try:
        path = _STRICT.compile(text)
    except (JSONPathError, RecursionError, ValueError) as error:
        said = getattr(error, "message", None) or type(error).__name__
        raise ConfigurationError(
            f"{text!r} is no JSONPath: {said}; expected one such as $.messages[*].id"
        ) from error
    if not isinstance(path, JSONPath):
        raise ConfigurationError(f"{text!r} joins several paths; write each as a rule of its own")
    descents = sum(isinstance(s, JSONPathRecursiveDescentSegment) for s in path.segments)
    if descents > _MAX_DESCENTS:
        raise ConfigurationError(
            f"{text!r} has '..' {descents} times; expected at most {_MAX_DESCENTS}: "
            "each searches everything below what the one before it found"
        )
    if any(_descends(selector.expression) for selector in _list_filters(path)):
        raise ConfigurationError(
            f"{text!r} has '..' or '$' within a filter, which would search the value "
            "anew for each item; write '..' before the filter"
        )
    return Query(text, path)


def compile_narrow(text: str) -> Query:
    """Return the JSONPath that this text is, if it finds each place once, whatever the value.

    It costs what the value has, at most: for whoever asks a server.

    Raises:
        ConfigurationError: when it is none, or may find a place more than once.

    """
    query = compile_query(text)
    segments = query.segments
    descents = sum(isinstance(s, JSONPathRecursiveDescentSegment) for s in segments)
    if descents > 1:
        raise ConfigurationError(f"{text!r} has '..' {descents} times; expected it once at most")
    if any(len(segment.selectors) > 1 for segment in segments):
        raise ConfigurationError(f"{text!r} has several names in brackets; write a path for each")
    return query


def _list_filters(path: JSONPath) -> list[Filter]:
    selectors = [selector for segment in path.segments for selector in segment.selectors]
    return [each for each in selectors if isinstance(each, Filter)]


def _descends(expression: BaseExpression) -> bool:
    """Tell whether a filter searches more than the item's own fields."""
    waiting = [expression]
    while waiting:
        each = waiting.pop()
        path = getattr(each, "path", None)
        if isinstance(path, JSONPath):
            is_deep = any(isinstance(s, JSONPathRecursiveDescentSegment) for s in path.segments)
            if is_deep or type(each).__name__ != "RelativeFilterQuery":
                return True
        waiting += each.children()
    return False


def _select(segment: JSONPathSegment, matches: Iterable[JSONPathMatch]) -> Iterator[JSONPathMatch]:
    if isinstance(segment, JSONPathRecursiveDescentSegment):
        matches = _descend(matches)
    for match in matches:
        for selector in segment.selectors:
            yield from selector.resolve(match)


def _descend(matches: Iterable[JSONPathMatch]) -> Iterator[JSONPathMatch]:
    """Yield each match and every object and list below it, in document order."""
    for match in matches:
        waiting: list[Any] = [match]
        while waiting:
            each = waiting.pop()
            yield each
            value = each.obj
            below: Any = ()
            if isinstance(value, dict):
                below = value.items()
            elif isinstance(value, list):
                below = enumerate(value)
            found = [Match(item, each, key) for key, item in below if type(item) in _HOLDERS]
            waiting += reversed(found)
