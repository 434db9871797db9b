"""What a comparison leaves out of account: noise that two runs of one program always differ in.

A rule is about content alone: it never hides a span that was added or removed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, TypeAlias

from agenttrace.errors import AgentTraceError

if TYPE_CHECKING:
    from collections.abc import Mapping

ParseStrings: TypeAlias = Literal["arguments", "all", "none"]

BUILTIN_MASKS: Final = (
    ("uuid", r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"),
    (
        "time",
        r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z\b|[+-]\d\d:?\d\d\b)?",
    ),
    (
        "id",
        (
            r"\b(?:call|toolu|chatcmpl|cmpl|resp|req|msg)[_-]"
            r"(?:(?=[A-Za-z]*[0-9])[A-Za-z0-9]{6,}|[A-Za-z0-9]{20,})\b"
        ),
    ),
    ("hex", r"\b(?=[0-9]*[a-fA-F])[0-9a-fA-F]{16,}\b"),
    (
        "tmp",
        (
            r"(?:/private)?(?:/var/folders/[\w+-]+/[\w+-]+/T|/var/tmp|/tmp)/[\w.+-]+"
            r"|[A-Za-z]:\\(?:[^\\\s\"]+\\)*Temp\\[\w.+-]+"
        ),
    ),
)
"""Name and pattern of what is masked unless `builtin_masks: false`; the name is the placeholder."""

_KEYS: Final = frozenset(
    {"ignore", "mask", "builtin_masks", "numeric", "unordered", "parse_json_strings"}
)
_ROOTS: Final = ("input", "output", "attributes", "error")
_ROOT: Final = re.compile(r"\$\s*(?:\.\s*([^\W\d]\w*)|\[\s*['\"]([^'\"]*)['\"]\s*\])")
"""The one name that a path begins with; of `$..name`, `$.*` and a choice there is none."""

_PARSE: Final[dict[object, ParseStrings]] = {
    True: "arguments",
    False: "none",
    "arguments": "arguments",
    "all": "all",
    "none": "none",
}


class RulesError(AgentTraceError):
    """Rules that cannot be read; the message names the rule and says what it should be."""

    exit_code: ClassVar[int] = 2


@dataclass(frozen=True, slots=True)
class Mask:
    """Each match of `pattern` in a text is replaced by `<name>` before texts are compared."""

    name: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Unordered:
    """A list, by its JSONPath, whose order says nothing; `key` names its items' identity."""

    path: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a comparison.

    A path is a JSONPath (RFC 9535) from `$`, which has one of the members `input`, `output`,
    `attributes` and `error`, each looked at alone: `$.input.request_id`, `$..timestamp`. Two
    numbers are equal when they differ by no more than `numeric_abs`, or `numeric_rel` times the
    greater; below 12 digits that matter they never differ. `parse_json_strings` says which texts
    are compared as the JSON that they hold: those named `arguments`, as tool calls have them, all,
    or none.
    """

    ignore: tuple[str, ...] = ()
    masks: tuple[Mask, ...] = ()
    builtin_masks: bool = True
    numeric_abs: float = 0.0
    numeric_rel: float = 0.0
    unordered: tuple[Unordered, ...] = ()
    parse_json_strings: ParseStrings = "arguments"

    def all_masks(self) -> tuple[Mask, ...]:
        """Return the masks in the order in which they are applied."""
        builtin = tuple(Mask(name, pattern) for name, pattern in BUILTIN_MASKS)
        return self.masks + (builtin if self.builtin_masks else ())

    def extend(self, other: Rules) -> Rules:
        """Return these rules with what another adds: lists joined, the wider tolerance."""
        return replace(
            self,
            ignore=tuple(dict.fromkeys(self.ignore + other.ignore)),
            masks=tuple(dict.fromkeys(self.masks + other.masks)),
            numeric_abs=max(self.numeric_abs, other.numeric_abs),
            numeric_rel=max(self.numeric_rel, other.numeric_rel),
            unordered=tuple(dict.fromkeys(self.unordered + other.unordered)),
        )


DEFAULT: Final = Rules()
"""Masks of ids, times and temporary paths; nothing is ignored."""


def read_rules(document: Mapping[str, Any] | None) -> Rules:
    """Return the rules of an `agenttrace.diff.yaml` that was parsed; None is an empty file.

    Raises:
        RulesError: when a key is unknown, or a value is not what it should be.

    """
    if document is None:
        return DEFAULT
    if not isinstance(document, dict):
        raise RulesError(f"rules are a mapping, not {type(document).__name__}")
    unknown = sorted(str(key) for key in document.keys() - _KEYS)
    if unknown:
        raise RulesError(f"unknown rule {unknown[0]!r}; there are: {', '.join(sorted(_KEYS))}")
    numeric = _read_numeric(document.get("numeric"))
    parse = document.get("parse_json_strings", True)
    if not isinstance(parse, bool | str) or parse not in _PARSE:
        raise RulesError(f"parse_json_strings is {parse!r}; expected arguments, all or none")
    builtin = document.get("builtin_masks", True)
    if not isinstance(builtin, bool):
        raise RulesError(f"builtin_masks is {builtin!r}; expected true or false")
    return Rules(
        ignore=tuple(_read_path("ignore", item) for item in _read_list(document, "ignore")),
        masks=tuple(
            _read_mask(number, item) for number, item in enumerate(_read_list(document, "mask"), 1)
        ),
        builtin_masks=builtin,
        numeric_abs=numeric["abs"],
        numeric_rel=numeric["rel"],
        unordered=tuple(_read_unordered(item) for item in _read_list(document, "unordered")),
        parse_json_strings=_PARSE[parse],
    )


def _read_list(document: Mapping[str, Any], name: str) -> list[Any]:
    value = document.get(name)
    if value is None:
        return []
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        raise RulesError(f"{name} is {value!r}; expected a list")
    return value


def _read_path(rule: str, value: object) -> str:
    from jsonpath import JSONPathError, compile  # noqa: A004, PLC0415 -- 40 ms, only with rules

    if not isinstance(value, str) or not value.startswith("$"):
        raise RulesError(f"{rule}: {value!r} is no JSONPath; expected one such as $.input.date")
    try:
        compile(value)
    except JSONPathError as error:
        raise RulesError(f"{rule}: {value!r} is no JSONPath: {error}") from error
    root = _ROOT.match(value)
    if root is not None and (root[1] or root[2]) not in _ROOTS:
        raise RulesError(
            f"{rule}: {value!r} is nowhere: $ has {', '.join(_ROOTS)}, as in $.input.date; "
            f"$..{root[1] or root[2]} is at any depth"
        )
    return value


def _read_mask(number: int, value: object) -> Mask:
    name, pattern = f"mask{number}", value
    if isinstance(value, dict):
        if not value.keys() <= {"name", "pattern"} or "pattern" not in value:
            raise RulesError(f"mask {number} is {value!r}; expected pattern and, if any, name")
        name, pattern = str(value.get("name", name)), value["pattern"]
    if not isinstance(pattern, str):
        raise RulesError(f"mask {number} is {pattern!r}; expected a regular expression")
    try:
        found = re.compile(pattern)
    except re.error as error:
        raise RulesError(f"mask {number}: {pattern!r} is no regular expression: {error}") from error
    if found.match(""):
        raise RulesError(f"mask {number}: {pattern!r} matches nothing at all, so it is everywhere")
    return Mask(name, pattern)


def _read_numeric(value: object) -> dict[str, float]:
    found = {"abs": 0.0, "rel": 0.0}
    if value is None:
        return found
    if not isinstance(value, dict) or not value.keys() <= found.keys():
        raise RulesError(f"numeric is {value!r}; expected abs, rel or both")
    for name, given in value.items():
        is_number = isinstance(given, int | float) and not isinstance(given, bool)
        if not is_number or not 0 <= given < float("inf"):
            raise RulesError(f"numeric.{name} is {given!r}; expected a number from 0 on")
        found[name] = float(given)
    return found


def _read_unordered(value: object) -> Unordered:
    if isinstance(value, dict):
        key = value.get("key")
        if not value.keys() <= {"path", "key"} or not isinstance(key, str | None):
            raise RulesError(f"unordered: {value!r}; expected path and, if any, key")
        return Unordered(_read_path("unordered", value.get("path")), key)
    return Unordered(_read_path("unordered", value))
