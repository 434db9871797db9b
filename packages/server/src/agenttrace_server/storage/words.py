"""What full-text search takes for a word, the same on every database.

A word is a run of letters and digits, in lower case, after NFKC. The databases are given words
only: their own ideas of languages and characters play no part.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_WORD_CHARS: Final = 64
"""A longer word (an encoded picture) is known by its beginning."""
MAX_WORDS: Final = 64
"""Of a query."""
BREAK: Final = "¶"
"""Stands between the texts of a span, so that no phrase goes over their border. No word has it."""

_WORD: Final = re.compile(r"[^\W_]+")
_PART: Final = re.compile(r'"([^"]*)"?|([^\s"]+)')
# The strings of a JSON text, and what else is between its signs; also of one that was cut off.
_JSON_TOKEN: Final = re.compile(r'"((?:[^"\\]|\\.)*)(?:"|\\?$)|[^\s"{}\[\],:]+')
_ELLIPSIS: Final = "…"


@dataclass(frozen=True, slots=True)
class TextQuery:
    """What a text must have: every phrase (of one word or more), and a word that begins so."""

    phrases: tuple[tuple[str, ...], ...]
    prefix: str | None = None

    @property
    def is_empty(self) -> bool:
        """Tell whether it has no word: then nothing is found."""
        return not self.phrases and self.prefix is None


def list_words(text: str) -> list[str]:
    """Return the words of a text, in their order."""
    folded = unicodedata.normalize("NFKC", text).lower()
    return [word[:MAX_WORD_CHARS] for word in _WORD.findall(folded)]


def parse_query(text: str) -> TextQuery:
    """Return what a user's text asks for.

    All words must occur; those in "quotes" next to each other; a word before `*` at the end is the
    beginning of one. Whatever else is written only parts words.
    """
    phrases: list[tuple[str, ...]] = []
    for quoted, bare in _PART.findall(text):
        words = list_words(quoted or bare)
        phrases.extend([tuple(words)] if quoted and words else [(word,) for word in words])
    prefix = None
    if text.rstrip().endswith("*") and phrases and len(phrases[-1]) == 1:
        prefix = phrases.pop()[0]
    return TextQuery(tuple(dict.fromkeys(phrases[:MAX_WORDS])), prefix)


def read_json_text(value_json: str, *, limit_chars: int) -> str:
    """Return what a JSON text says: its strings, keys, numbers, without its signs; bounded."""
    found: list[str] = []
    left = limit_chars
    for match in _JSON_TOKEN.finditer(value_json[: 4 * limit_chars]):
        part = _unescape(match[1]) if match[1] is not None else match[0]
        found.append(part[:left])
        left -= len(part) + 1
        if left <= 0:
            break
    return " ".join(found)


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    try:
        return str(orjson.loads(f'"{text}"'))
    except orjson.JSONDecodeError:  # half of a surrogate pair: JSON may write it, text has it not
        return re.sub(r"\\(u.{0,4}|.)", " ", text)


def make_snippet(texts: Sequence[str], query: TextQuery, *, chars: int = 160) -> str | None:
    """Return the part of the first text that has a word of the query; None when none has."""
    wanted = {word for phrase in query.phrases for word in phrase}
    for text in texts:
        for start, end in _locate(text):
            word = "".join(list_words(text[start:end]))
            if word in wanted or (query.prefix and word.startswith(query.prefix)):
                return _cut(text, start, chars)
    return None


def _locate(text: str) -> Iterator[tuple[int, int]]:
    return (match.span() for match in _WORD.finditer(text))


def _cut(text: str, start: int, chars: int) -> str:
    begin = max(0, start - chars // 3)
    part = " ".join(text[begin : begin + chars].split())
    before = _ELLIPSIS if begin else ""
    after = _ELLIPSIS if begin + chars < len(text) else ""
    return f"{before}{part}{after}"
