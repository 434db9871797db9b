"""The redactor: built-in rules, the user's, and the quick look that most texts end with."""

from __future__ import annotations

import json
import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from agenttrace.encoding.tree import (
    BYTES,
    CUT,
    CYCLE,
    FLOAT,
    OPAQUE,
    SHOWN,
    TEXT,
    Pairs,
    Tag,
    Tree,
)
from agenttrace.errors import ConfigurationError
from agenttrace.guard import log_warning
from agenttrace.redaction.keys import find_rule, may_hold, read_text
from agenttrace.redaction.patterns import (
    PATTERNS,
    QUICK_KEY,
    QUICK_NAMES,
    QUICK_SCHEMES,
    QUICK_VALUES,
    SECRET_KEY,
    Pattern,
    redact_assigned,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_MIN_SECRET_CHARS: Final = 8
_MAX_NESTED_CHARS: Final = 4 * 1024 * 1024
_MAX_KNOWN_KEYS: Final = 10_000
_MAX_NAME_CHARS: Final = 64
_UNTOUCHED: Final = frozenset({CUT, CYCLE, FLOAT, OPAQUE})
_SETTING_PART: Final = re.compile(r"\s*(?:/((?:[^/\\]|\\.)+)/|([^,/]+))\s*(?:,|$)")
_ON: Final = frozenset({"on", "1", "true", "yes"})
_WORD: Final = re.compile(r"[A-Za-z0-9 _.-]{1,64}", re.ASCII)


class Redactor:
    r"""Takes out what stands under the name of a secret, and what has the form of one.

    `keys` are more names (their case and separators do not matter), `patterns` more forms, as
    regular expressions, `rules` functions `(key, value) -> value` that are asked for each text and
    number, `key` being the name under which it stands, or None. What takes the place of a secret
    says which rule it was: `[redacted:bearer]`. A function that raises costs the value.

        Tracer(redactor=Redactor(keys=["customer_id"], patterns=[r"ACME-\d{6}"]))

    Raises:
        ConfigurationError: for a pattern that is no regular expression.

    """

    def __init__(
        self,
        *,
        keys: Iterable[str] = (),
        patterns: Iterable[str] = (),
        rules: Iterable[Callable[[str | None, Any], Any]] = (),
        built_in: bool = True,
    ) -> None:
        self._given_keys = frozenset(_normalise(key) for key in keys)
        self._patterns: tuple[Pattern, ...] = (*map(_compile, patterns),)
        self._rules = tuple(rules)
        # More than the quick look knows of: every text is looked at.
        self._looks_at_all = bool(self._given_keys or self._patterns or self._rules)
        if built_in:
            self._patterns += PATTERNS
        self._built_in = built_in
        self._known_keys: dict[str, str | None] = {}
        self.note_failure: Callable[[BaseException], None] = _ignore
        """What is told of a function that raised; a tracer counts it in `stats()`."""

    def suspects(self, text: bytes | str, types: bytes | None = None) -> bool:
        """Tell, quickly, whether a JSON text may hold a secret: never False when one is there."""
        if self._looks_at_all:
            return True
        if not self._built_in:
            return False
        quick = prepare_quick()
        if quick.finds(text) or (types is not None and quick.finds(types)):
            return True
        # What bytes hold is written in base64, which no look at the text sees through.
        if types is not None and type(text) is bytes:
            return b'{"$bytes"' in text or b'{"$text"' in text
        return False

    def redact(self, value: Any) -> Any:
        """Return plain data without secrets; the same object when it holds none."""
        return self._redact_plain(value, None)

    def redact_text(self, text: str, key: str | None = None) -> str:
        """Return a text without secrets, such as a message, a traceback or a name."""
        if self._rules:
            answer = self._ask(key, text)
            if type(answer) is not str:
                return "" if answer is None else json.dumps(answer, ensure_ascii=False)
            text = answer
        if len(text) < _MIN_SECRET_CHARS or not self.suspects(text):
            return text
        if text.lstrip()[:1] in {"{", "["} and len(text) <= _MAX_NESTED_CHARS:
            text = self._redact_nested(text)
        return self._redact_forms(text)

    def _redact_forms(self, text: str) -> str:
        lowered = text.lower()
        for pattern in self._patterns:
            if any(hint in lowered for hint in pattern.hints):
                text = pattern.redact(text)
        return redact_assigned(text) if self._built_in else text

    def _redact_nested(self, text: str) -> str:
        """Return a JSON text, as of a tool call's arguments, redacted by its keys too."""
        try:
            value = json.loads(text)
            redacted = self._redact_plain(value, None)
        except (ValueError, RecursionError):
            return text
        return text if redacted is value else json.dumps(redacted, ensure_ascii=False)

    def _redact_plain(self, value: Any, key: str | None) -> Any:
        kind = type(value)
        if kind is str:
            return self._redact_scalar(value, key)
        if kind is dict:
            return self._redact_members(value, self._redact_plain)
        if kind is list:
            return self._redact_items(value, lambda item: self._redact_plain(item, key))
        return self._ask(key, value) if self._rules and value is not None else value

    def _redact_scalar(self, text: str, key: str | None) -> Any:
        redacted = self.redact_text(text, key)
        return text if redacted == text else redacted

    def _redact_members(
        self, members: dict[str, Any], redact: Callable[[Any, str | None], Any]
    ) -> dict[str, Any]:
        changed: dict[str, Any] = {}
        is_changed = False
        named = self._find_named(members) if "value" in members or "Value" in members else None
        for key, value in members.items():
            is_named = named is not None and key in {"value", "Value"}
            rule = named if is_named else self._find_rule(key)
            if rule is not None and may_hold(rule, value, members) and not _is_marked(value):
                name, new = key, f"[redacted:{rule}]"
            else:
                name, new = self._redact_key(key), redact(value, key)
            is_changed = is_changed or name is not key or new is not value
            changed[name] = new
        return changed if is_changed else members

    def _find_named(self, members: dict[str, Any]) -> str | None:
        """Return the rule of an object that says its name apart: a header's, a state's."""
        for key in ("key", "name", "Key", "Name"):
            name = members.get(key)
            if type(name) is str:
                return self._find_rule(name)
        return None

    def _redact_items(self, items: list[Any], redact: Callable[[Any], Any]) -> list[Any]:
        if len(items) == 2:  # noqa: PLR2004 -- a name and its value, as headers come
            name, value = map(read_text, items)
            rule = None if name is None or value is None else self._find_short(name)
            if rule is not None and value is not None and _may_be_taken(value):
                return [items[0], f"[redacted:{rule}]"]
        return _map_list(self._redact_options(items), redact)

    def _redact_options(self, items: list[Any]) -> list[Any]:
        """Return a command's arguments without what follows an option such as `--api-key`."""
        changed: list[Any] | None = None
        for place, (item, value) in enumerate(pairwise(items), 1):
            if type(item) is not str or type(value) is not str or not item.startswith("-"):
                continue
            rule = self._find_short(item)
            if rule is not None and not value.startswith("-") and not _is_marked(value):
                changed = changed or items.copy()
                changed[place] = f"[redacted:{rule}]"
        return changed or items

    def _find_short(self, name: str) -> str | None:
        return self._find_rule(name) if len(name) <= _MAX_NAME_CHARS else None

    def _redact_key(self, key: str) -> str:
        if len(key) < 2 * _MIN_SECRET_CHARS:
            return key
        redacted = self._redact_forms(key) if self.suspects(key) else key
        return key if redacted == key else redacted

    def _find_rule(self, key: str) -> str | None:
        try:
            return self._known_keys[key]
        except KeyError:
            pass
        rule = find_rule(key) if self._built_in else None
        if rule is None and self._given_keys and _normalise(key) in self._given_keys:
            rule = "key"
        if len(self._known_keys) >= _MAX_KNOWN_KEYS:
            self._known_keys.clear()
        self._known_keys[key] = rule
        return rule

    def _ask(self, key: str | None, value: Any) -> Any:
        """Return what the user's functions make of a scalar; what they cannot say is left out."""
        for rule in self._rules:
            try:
                value = rule(key, value)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001 -- a user's rule: never the raw value in its stead
                self.note_failure(error)
                return "[redacted:failed]"
        if type(value) in {str, int, float, bool, type(None)}:
            return value
        return "[redacted:failed]"

    # Frozen trees

    def redact_tree(self, tree: Tree) -> Tree:
        """Return a tree without secrets; the same object when it holds none."""
        redacted: Tree = self._redact_node(tree, None)
        return redacted

    def _redact_node(self, tree: Any, key: str | None) -> Any:
        kind = type(tree)
        if kind is list:
            return self._redact_items(tree, lambda item: self._redact_node(item, key))
        if kind is dict:
            return self._redact_members(tree, self._redact_node)
        if kind is Tag:
            return self._redact_tag(tree, key)
        if kind is Pairs:
            return self._redact_pairs(tree)
        return self._redact_plain(tree, key)

    def _redact_tag(self, tag: Tag, key: str | None) -> Tree:
        if tag.tag in _UNTOUCHED:
            return tag
        if tag.tag in {BYTES, TEXT} and type(tag.value) is str:
            return self._redact_base64(tag, tag.value, key)
        value = self._redact_node(tag.value, key)
        extra: Any = tag.extra
        if extra is not None:
            extra = self._redact_members(extra, self._redact_node)
        if value is tag.value and extra is tag.extra:
            return tag
        # What a uuid, a path or an enum's member has become is none.
        is_scalar = type(value) is not type(tag.value) or type(value) is str
        described = f"{SHOWN} {tag.type.rpartition(' ')[2]}" if is_scalar else tag.type
        return Tag(tag.tag, value, tag.name, type=described, extra=extra)

    def _redact_base64(self, tag: Tag, encoded: str, key: str | None) -> Tree:
        try:
            text = a2b_base64(encoded).decode("utf-8", "replace")
        except Base64Error:
            return tag
        redacted = self.redact_text(text, key)
        return tag if redacted == text else redacted

    def _redact_pairs(self, pairs: Pairs) -> Pairs:
        changed: list[tuple[Tree, Tree]] = []
        is_changed = False
        for key, value in pairs.items:
            name = read_text(key)
            rule = None if name is None else self._find_rule(name)
            new: Any = f"[redacted:{rule}]"
            new_key = key
            if rule is None or not may_hold(rule, value, ()) or _is_marked(value):
                new_key, new = self._redact_node(key, None), self._redact_node(value, name)
            is_changed = is_changed or new is not value or new_key is not key
            changed.append((new_key, new))
        return Pairs(changed) if is_changed else pairs


def _ignore(_error: BaseException) -> None:
    return None


def _map_list(items: list[Any], redact: Callable[[Any], Any]) -> list[Any]:
    changed = [redact(item) for item in items]
    is_same = all(new is old for new, old in zip(changed, items, strict=True))
    return items if is_same else changed


def _may_be_taken(value: str) -> bool:
    return not value.isalpha() and not _is_marked(value)


def _is_marked(value: Any) -> bool:
    return type(value) is str and value.startswith("[redacted:")


def _normalise(key: str) -> str:
    return re.sub(r"[^a-z0-9]", "", key.lower())


def _compile(pattern: str) -> Pattern:
    try:
        return Pattern("pattern", re.compile(pattern))
    except re.error as error:
        raise ConfigurationError(
            f"redaction pattern {pattern!r} is no regular expression: {error}"
        ) from error


@cache
def prepare_quick() -> _Quick:
    """Return the quick look, made once.

    The first time is for the program's own thread: making it takes a lock within pydantic, which
    the child of a fork at that moment would wait for without end.
    """
    return _Quick()


class _Quick:
    """The quick look at a whole text.

    By the regular expressions of Rust, which pydantic brings: 8 KiB take 5 µs. Python's own take
    2,500 µs, and looking for each word apart takes 5 µs a word.
    """

    __slots__ = ("_finds_key", "_finds_name", "_finds_scheme", "_finds_secret_key", "_finds_value")

    def __init__(self) -> None:
        # With the first exporter: programs without one do not need it.
        from pydantic_core import SchemaValidator  # noqa: PLC0415

        def compile_quick(pattern: str) -> Callable[[Any], bool]:
            return SchemaValidator({"type": "str", "pattern": pattern}).isinstance_python

        self._finds_value = compile_quick(QUICK_VALUES)
        self._finds_scheme = compile_quick(QUICK_SCHEMES)
        self._finds_name = compile_quick(QUICK_NAMES)
        self._finds_key = compile_quick(QUICK_KEY)
        self._finds_secret_key = compile_quick(SECRET_KEY)

    def finds(self, text: bytes | str) -> bool:
        """Tell whether anything in the text looks like a secret, or like the name of one."""
        return (
            self._finds_value(text)
            or self._finds_name(text)
            or self._finds_scheme(text)
            or (self._finds_key(text) and self._finds_secret_key(text))
        )


def make_redactor(
    setting: str | None, given: Redactor | Callable[[str | None, Any], Any] | None
) -> Redactor | None:
    """Return the redactor of a tracer: the one it was given, else what the setting asks for.

    The setting is `on`, `off`, or more names and /patterns/; one that cannot be read is answered
    with a warning and means `on`. A function that is given is asked besides.
    """
    if isinstance(given, Redactor):
        return given
    rules = () if given is None else (given,)
    lowered = (setting or "on").strip().lower()
    if lowered in {"off", "0", "false", "no"}:
        return Redactor(rules=rules, built_in=False) if rules else None
    try:
        keys, patterns = ([], []) if lowered in _ON else _split_setting(setting or "")
        return Redactor(keys=keys, patterns=patterns, rules=rules)
    except ConfigurationError as error:
        log_warning(f"AGENTTRACE_REDACT: {error}. Using on.")
        return Redactor(rules=rules)


def _split_setting(text: str) -> tuple[list[str], list[str]]:
    keys: list[str] = []
    patterns: list[str] = []
    place = 0
    while place < len(text):
        found = _SETTING_PART.match(text, place)
        if found is None or (found[2] is not None and not _WORD.fullmatch(found[2].strip())):
            raise ConfigurationError(
                f"cannot read {text[place:][:80]!r}; expected on, off, or names and /patterns/, "
                "with commas between them"
            )
        place = found.end()
        if found[1] is not None:
            patterns.append(found[1])
        else:
            keys.append(found[2].strip())
    return keys, patterns
