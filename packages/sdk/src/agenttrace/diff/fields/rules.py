"""What a comparison of values leaves out of account, compiled once and used for every value."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from agenttrace.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agenttrace.diff.fields.paths import Query

ParseStrings: TypeAlias = Literal["arguments", "all", "none"]

_MIN_MASKED_CHARS: Final = 6  # the shortest thing that a built-in mask finds is longer
_MAX_DIGITS: Final = 17  # tell all floats apart
_MAX_REMEMBERED: Final = 20_000
_MAX_REMEMBERED_CHARS: Final = 500  # of each: 20 MB of texts and what they read as at most


@dataclass(frozen=True, slots=True)
class Mask:
    """Each match of `pattern` in a text is read as `<name>`. Built-in ones have `hints`.

    A text that has none of the hints in it is not searched: it cannot match.
    """

    name: str
    pattern: str
    hints: tuple[str, ...] = ()


def _make_pattern(kinds: str) -> str:
    """Return the pattern of ids with these prefixes; words such as `call_center` are none."""
    is_random = r"(?=[A-Za-z]*[0-9]|[a-z]*[A-Z])"
    return rf"(?<![0-9A-Za-z])(?:{kinds})[_-]{is_random}[0-9A-Za-z]{{8,}}(?![0-9A-Za-z])"


BUILTIN_MASKS: Final = (
    Mask(
        "uuid",
        r"(?<![0-9A-Za-z])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![0-9A-Za-z])",
        ("-",),
    ),
    Mask(
        "time",
        r"(?<!\d)\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?(?!\d)",
        (":",),
    ),
    Mask("call", _make_pattern("call|toolu|fc"), ("call", "toolu", "fc")),
    Mask("completion", _make_pattern("chatcmpl|cmpl|resp|msg"), ("cmpl", "resp", "msg")),
    Mask("request", _make_pattern("req|run"), ("req", "run")),
    Mask("hex", r"(?<![0-9A-Za-z])(?=[0-9]*[a-fA-F])[0-9a-fA-F]{16,}(?![0-9A-Za-z])"),
    Mask(
        "tmp",
        r"(?:/private)?/(?:var/folders/[\w+-]+/[\w+-]+/T|var/tmp|tmp)/[\w.+-]+"
        r"|[A-Za-z]:\\(?:[^\\\s\"]+\\)*Temp\\[\w.+-]+",
        ("/tmp/", "/T/", "Temp"),  # noqa: S108 -- what to look for
    ),
)
"""Ids, times and temporary paths, which two runs of one program never share."""


@dataclass(frozen=True, slots=True)
class Unordered:
    """A list, by its JSONPath, whose order says nothing. `key` names what its items are known by.

    Without `key`, or where items lack it or share it, equal items are matched and the others are
    added and removed.
    """

    path: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class FieldRules:
    """The rules by which two values are compared; `FieldRules()` masks and parses, nothing more.

    Paths are JSONPath (RFC 9535), from the value that is compared, and reach into texts that are
    read as JSON. Two numbers are equal when they differ by at most `numeric_abs`, or by
    `numeric_rel` times the greater one; floats also where their first `float_digits` digits are
    equal. `parse_json_strings` says which texts are compared as the
    JSON object or list that they hold: those named `arguments`, as tool calls have them, all, or
    none. Patterns run on whole values: take them from those whom you trust.

    Raises:
        ConfigurationError: when a path is no JSONPath, a pattern no regular expression, one
            matches the empty text, or a tolerance is negative or not finite.

    """

    ignore: tuple[str, ...] = ()
    masks: tuple[Mask, ...] = BUILTIN_MASKS
    numeric_abs: float = 0.0
    numeric_rel: float = 0.0
    unordered: tuple[Unordered, ...] = ()
    parse_json_strings: ParseStrings = "arguments"
    float_digits: int | None = None
    ignored: tuple[Query, ...] = field(init=False, repr=False, compare=False)
    unordered_queries: tuple[tuple[Query, Unordered], ...] = field(
        init=False, repr=False, compare=False
    )
    _masks: tuple[tuple[re.Pattern[str], str, tuple[str, ...]], ...] = field(
        init=False, repr=False, compare=False
    )
    _seen: dict[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("numeric_abs", "numeric_rel"):
            given = getattr(self, name)
            if not 0 <= given < float("inf"):
                raise ConfigurationError(f"{name} is {given!r}; expected a number from 0 on")
        if self.parse_json_strings not in {"arguments", "all", "none"}:
            raise ConfigurationError(
                f"parse_json_strings is {self.parse_json_strings!r}; "
                "expected 'arguments', 'all' or 'none'"
            )
        if self.float_digits is not None and not 1 <= self.float_digits <= _MAX_DIGITS:
            raise ConfigurationError(
                f"float_digits is {self.float_digits!r}; expected 1 to {_MAX_DIGITS}, or None"
            )
        keep = object.__setattr__  # a frozen object has no other way
        keep(self, "ignored", tuple(map(_compile_path, self.ignore)))
        unordered = tuple((_compile_path(each.path), each) for each in self.unordered)
        keep(self, "unordered_queries", unordered)
        keep(self, "_masks", tuple(_compile_masks(self.masks)))
        keep(self, "_seen", {})

    @property
    def has_paths(self) -> bool:
        """Whether a rule is about places in the value."""
        return bool(self.ignored or self.unordered_queries)

    @property
    def has_tolerance(self) -> bool:
        """Whether numbers that differ can be equal."""
        return bool(self.numeric_abs or self.numeric_rel)

    def mask_text(self, text: str) -> str:
        """Return a text with ids, times and what else is masked replaced by placeholders."""
        if not self._masks or (len(text) < _MIN_MASKED_CHARS and self.masks is BUILTIN_MASKS):
            return text
        found = self._seen.get(text)
        if found is None:
            found = self._replace(text)
            if len(text) <= _MAX_REMEMBERED_CHARS:
                if len(self._seen) >= _MAX_REMEMBERED:
                    self._seen.clear()
                self._seen[text] = found
        return found

    def _replace(self, text: str) -> str:
        for pattern, placeholder, hints in self._masks:
            if not hints or any(hint in text for hint in hints):
                text = pattern.sub(placeholder, text)
        return text

    def are_close(self, base: float, head: float) -> bool:
        """Tell whether two numbers are equal within the tolerance."""
        if base == head:
            return True
        try:
            difference = abs(base - head)
            room = max(self.numeric_abs, self.numeric_rel * max(abs(base), abs(head)))
        except OverflowError:  # a whole number beyond every float
            return False
        return difference <= room and room != float("inf")


def _compile_path(path: str) -> Query:
    # python-jsonpath takes 50 ms to import: who has no paths does not wait for it.
    from agenttrace.diff.fields.paths import compile_query  # noqa: PLC0415

    return compile_query(path)


def _compile_masks(
    masks: Iterable[Mask],
) -> Iterable[tuple[re.Pattern[str], str, tuple[str, ...]]]:
    for mask in masks:
        try:
            pattern = re.compile(mask.pattern)
        except re.error as error:
            raise ConfigurationError(
                f"mask {mask.name}: {mask.pattern!r} is no regular expression: {error}"
            ) from error
        if pattern.match(""):
            raise ConfigurationError(
                f"mask {mask.name}: {mask.pattern!r} matches the empty text, "
                "so it would be everywhere; expected a pattern of at least one character"
            )
        yield pattern, f"<{mask.name}>".replace("\\", r"\\"), mask.hints


DEFAULT_RULES: Final = FieldRules()
"""Masks ids, times and temporary paths, and reads the arguments of tool calls as JSON."""

EXACT_RULES: Final = FieldRules(masks=(), parse_json_strings="none")
"""Nothing is left out of account, but that 1 and 1.0 are one number and keys have no order."""
