"""Which calls a setting of a replay means: by type, by name, or by the place in the tree."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from agenttrace.errors import ConfigurationError
from agenttrace.wire import SpanType

if TYPE_CHECKING:
    from collections.abc import Iterable

_KINDS: Final = {
    "llm": SpanType.LLM_CALL,
    "tool": SpanType.TOOL_CALL,
    "decision": SpanType.DECISION,
    "retrieval": SpanType.RETRIEVAL,
    "agent": SpanType.AGENT,
    "custom": SpanType.CUSTOM,
}
_PATH: Final = "span"


class Selector:
    """One of `LLM_CALL`, `tool:search`, `tool:web_*`, `span:research_agent/*/search`."""

    __slots__ = ("_pattern", "_type", "is_met", "text")

    def __init__(self, text: str) -> None:
        """Read it.

        Raises:
            ConfigurationError: when it is none of these.

        """
        self.text = text
        self.is_met = False  # it has meant a call
        kind, colon, pattern = text.partition(":")
        self._type: SpanType | None = None
        self._pattern: str | None = pattern if colon else None
        if not colon and text in SpanType.__members__:
            self._type = SpanType(text)
        elif colon and pattern and kind in _KINDS:
            self._type = _KINDS[kind]
        elif not (colon and pattern and kind == _PATH):
            kinds = ", ".join(f"{name}:NAME" for name in _KINDS)
            raise ConfigurationError(
                f"selector {text!r}; expected a span type ({', '.join(SpanType)}), "
                f"{kinds}, or span:PATH, where * stands for anything"
            )

    @property
    def names_a_call(self) -> bool:
        """Whether it means calls of one name, and not a whole type or a pattern."""
        return self._pattern is not None and not set("*?[") & set(self._pattern)

    def matches(self, span_type: SpanType, name: str, path: str) -> bool:
        """Tell whether it means a call of this type and name, at this place in the tree."""
        if self._type is None:
            assert self._pattern is not None
            return fnmatchcase(path, self._pattern)
        if self._type is not span_type:
            return False
        return self._pattern is None or fnmatchcase(name, self._pattern)


class Selectors:
    """Several of them: a call is meant when one means it."""

    __slots__ = ("_all",)

    def __init__(self, texts: Iterable[str]) -> None:
        """Read them; a text that stands alone is one.

        Raises:
            ConfigurationError: as a single one.

        """
        given = [texts] if isinstance(texts, str) else list(texts)
        self._all = [Selector(text) for text in given]

    def find(self, span_type: SpanType, name: str, path: str) -> Selector | None:
        """Return the one that means this call, one that names it first; None when none does."""
        found = [each for each in self._all if each.matches(span_type, name, path)]
        for each in found:
            each.is_met = True
        found.sort(key=lambda each: not each.names_a_call)
        return found[0] if found else None

    def list_unmet(self) -> list[str]:
        """Return those that no call was asked about which they mean."""
        return [each.text for each in self._all if not each.is_met]
