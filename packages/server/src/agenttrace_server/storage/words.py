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
    from collections.abc import Sequence

MAX_WORD_CHARS: Final = 64
"""A longer word (an encoded picture) is known by its beginning."""
MAX_WORDS: Final = 64
"""Of a query."""
BREAK: Final = "¶"
"""Stands between the texts of a span, so that no phrase goes over their border. No word has it."""
ERROR_PARTS: Final = frozenset({"type", "message", "notes", "traceback"})
"""What search knows of an error, and of its causes."""

_WORD: Final = re.compile(r"[^\W_]+")
_PART: Final = re.compile(r'"([^"]*)"?|([^\s"]+)')
# The strings of a JSON text, and what else is between its signs; also of one that was cut off.
_JSON_TOKEN: Final = re.compile(r'"((?:[^"\\]|\\.)*)(?:"|\\?$)|[^\s"{}\[\],:]+')
# The strings of a compact JSON text; a key has its colon. Also of one that was cut off.
_JSON_STRING: Final = re.compile(r'"((?:[^"\\]|\\.)*)(?:"(:)?|\\?$)')
_ESCAPE: Final = re.compile(r"\\.", re.DOTALL)
_ELLIPSIS: Final = "…"
# ASCII is its own NFKC: a table does what the rest of Unicode needs functions for.
_ASCII: Final = {code: chr(code).lower() if chr(code).isalnum() else " " for code in range(128)}


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
    if text.isascii():
        words = text.translate(_ASCII).split()
    else:
        words = _WORD.findall(unicodedata.normalize("NFKC", text).lower())
    if len(text) > MAX_WORD_CHARS and words and len(max(words, key=len)) > MAX_WORD_CHARS:
        return [word[:MAX_WORD_CHARS] for word in words]
    return words


def list_json_words(value_json: str) -> list[str]:
    """Return the words of what a JSON text says: those of `read_json_text`, in a fifth of its time.

    The signs of JSON part words as spaces do, and so does what an escape stands for; only one that
    names a character has to be read.
    """
    if "\\u" in value_json:
        return list_words(read_json_text(value_json))
    return list_words(_ESCAPE.sub(" ", value_json) if "\\" in value_json else value_json)


def cut_text(value_json: str, limit_bytes: int) -> str:
    """Return the beginning of a text that has at most so many bytes of UTF-8."""
    if value_json.isascii():
        return value_json[:limit_bytes]
    return value_json[:limit_bytes].encode()[:limit_bytes].decode(errors="ignore")


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


def read_json_text(value_json: str) -> str:
    """Return what a JSON text says, whole or cut off: its strings, keys, numbers; no signs."""
    return " ".join(
        _unescape(match[1]) if match[1] is not None else match[0]
        for match in _JSON_TOKEN.finditer(value_json)
    )


def read_error_texts(error_json: str) -> list[str]:
    """Return what a stored error says, whole or cut off: the texts of its `ERROR_PARTS`.

    Whatever else the store keeps of it, and by which names, nobody said. Only a cause is an object
    within it, of the same names: so a string is of the key before it.
    """
    found: list[str] = []
    key, is_list = "", False
    for match in _JSON_STRING.finditer(error_json):
        if match[2]:
            key, is_list = match[1], error_json.startswith("[", match.end())
            continue
        before = error_json[match.start() - 2 : match.start()]
        # The last may be a key that was cut off.
        is_value = before.endswith((":", "[")) or (is_list and before == '",')
        if is_value and key in ERROR_PARTS:
            found.append(_unescape(match[1]))
    return found


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    try:
        return str(orjson.loads(f'"{text}"'))
    except orjson.JSONDecodeError:  # half of a surrogate pair: JSON may write it, text has it not
        return re.sub(r"\\(u.{0,4}|.)", " ", text)


def make_snippet(texts: Sequence[str], query: TextQuery, *, chars: int = 160) -> str | None:
    """Return the part of the first text that has a word of the query; None when none has."""
    wanted = frozenset(word for phrase in query.phrases for word in phrase)
    for text in texts:
        find = _find_ascii if text.isascii() else _find
        start = find(text, wanted, query.prefix)
        if start is not None:
            return _cut(text, start, chars)
    return None


def _find(text: str, wanted: frozenset[str], prefix: str | None) -> int | None:
    """Return where the first of these words begins, or one with this beginning."""
    for match in _WORD.finditer(text):
        word = "".join(list_words(match[0]))
        if word in wanted or (prefix and word.startswith(prefix)):
            return match.start()
    return None


def _find_ascii(text: str, wanted: frozenset[str], prefix: str | None) -> int | None:
    """Return the same for a text of ASCII, where a word is as long as it was written."""
    folded = f" {text.translate(_ASCII)} "
    # Of a word that is longer than a word may be, the beginning was asked for.
    sought = [f" {word}" if len(word) == MAX_WORD_CHARS else f" {word} " for word in wanted]
    if prefix:
        sought.append(f" {prefix}")
    return min((at for part in sought if (at := folded.find(part)) >= 0), default=None)


def _cut(text: str, start: int, chars: int) -> str:
    begin = max(0, start - chars // 3)
    part = " ".join(text[begin : begin + chars].split())
    before = _ELLIPSIS if begin else ""
    after = _ELLIPSIS if begin + chars < len(text) else ""
    return f"{before}{part}{after}"
