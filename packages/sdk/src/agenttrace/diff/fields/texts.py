"""Two texts compared: lines first, then the words of lines that stand for one another.

What is returned is what a screen shows, never more than its limits: of long texts only a window
around the first difference, of very long ones beside it the digests, the beginning and the end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

from agenttrace.diff.fields.guides import LARGE_CHARS
from agenttrace.diff.fields.messages import count_shared_start
from agenttrace.diff.fields.parts import SHORT_CHARS
from agenttrace.diff.lcs import match_sequences

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_LINES: Final = 2_000
"""So many lines of each side are compared, from the first that differs on, …"""
MAX_WINDOW_CHARS: Final = 256 * 1024
"""… and so many characters of each side."""
MAX_WORDS: Final = 2_000
"""Lines of more words are compared as a whole."""
EDGE_CHARS: Final = 200
"""Of a text beyond `LARGE_CHARS` so much is shown of its beginning and of its end."""

_words: Final = re.compile(r"\w+|\s+|[^\w\s]").findall


class Op(StrEnum):
    """What became of a line or a piece of one."""

    EQUAL = "equal"
    REMOVED = "removed"
    ADDED = "added"


class Piece(NamedTuple):
    """Words in a row of one kind."""

    op: Op
    text: str


class Line(NamedTuple):
    """A line, without its end. `pieces` tells changed words from the rest; whole otherwise."""

    op: Op
    text: str
    pieces: tuple[Piece, ...] = ()


class TextEdge(NamedTuple):
    """A text too long to be shown: the SHA-256 of its UTF-8, its length, its beginning and end."""

    sha256: str
    chars: int
    start: str
    end: str


@dataclass(frozen=True, slots=True)
class TextDiff:
    """How a text became another. `first_line` is the number of the first line shown, from 1.

    `is_capped`: more differs, or may, than what is shown. `base_edge` and `head_edge` are there
    where one of the texts is longer than `LARGE_CHARS`.
    """

    lines: tuple[Line, ...]
    first_line: int
    is_capped: bool
    base_edge: TextEdge | None = None
    head_edge: TextEdge | None = None


def is_long_text(base: object, head: object) -> bool:
    """Tell whether two values are texts that are compared by lines and words."""
    if not isinstance(base, str) or not isinstance(head, str):
        return False
    return max(len(base), len(head)) > SHORT_CHARS or "\n" in base or "\n" in head


def compare_texts(base: str, head: str) -> TextDiff:
    """Return the lines that differ and those between them; those before the first are left out."""
    start = base.rfind("\n", 0, count_shared_start(base, head)) + 1
    one, one_capped = _cut_window(base, start)
    other, other_capped = _cut_window(head, start)
    is_large = max(len(base), len(head)) > LARGE_CHARS
    return TextDiff(
        tuple(_compare_lines(one, other)),
        base.count("\n", 0, start) + 1,
        one_capped or other_capped,
        _show_edge(base) if is_large else None,
        _show_edge(head) if is_large else None,
    )


def _cut_window(text: str, start: int) -> tuple[list[str], bool]:
    window = text[start : start + MAX_WINDOW_CHARS]
    lines = window.split("\n")
    is_capped = start + len(window) < len(text) or len(lines) > MAX_LINES
    return lines[:MAX_LINES], is_capped


def _show_edge(text: str) -> TextEdge:
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return TextEdge(digest, len(text), text[:EDGE_CHARS], text[-EDGE_CHARS:])


def _compare_lines(base: Sequence[str], head: Sequence[str]) -> Iterator[Line]:
    pairs = _match_both_ways(base, head)
    base_from = head_from = 0
    for i, j in [*pairs, (len(base), len(head))]:
        yield from _compare_gap(base[base_from:i], head[head_from:j])
        if i < len(base):
            yield Line(Op.EQUAL, base[i])
        base_from, head_from = i + 1, j + 1


def _match_both_ways(base: Sequence[str], head: Sequence[str]) -> list[tuple[int, int]]:
    """Match so that turning the comparison round turns the result round."""
    if list(base) <= list(head):
        return match_sequences(base, head)
    return sorted((i, j) for j, i in match_sequences(head, base))


def _compare_gap(base: Sequence[str], head: Sequence[str]) -> Iterator[Line]:
    """Pair the lines of a gap in their order, and show the words that differ."""
    refined = [_refine(one, other) for one, other in zip(base, head, strict=False)]
    for at, line in enumerate(base):
        yield Line(Op.REMOVED, line, refined[at][0] if at < len(refined) else ())
    for at, line in enumerate(head):
        yield Line(Op.ADDED, line, refined[at][1] if at < len(refined) else ())


def _refine(base: str, head: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    one, other = _words(base), _words(head)
    if max(len(one), len(other)) > MAX_WORDS:
        return (), ()
    pairs = _match_both_ways(one, other)
    if not any(one[i].strip() for i, _ in pairs):  # nothing but blanks is shared
        return (), ()
    return (
        _join_pieces(one, {i for i, _ in pairs}, Op.REMOVED),
        _join_pieces(other, {j for _, j in pairs}, Op.ADDED),
    )


def _join_pieces(words: Sequence[str], shared: set[int], op: Op) -> tuple[Piece, ...]:
    grouped = groupby(range(len(words)), key=lambda at: at in shared)
    return tuple(
        Piece(Op.EQUAL if is_shared else op, "".join(words[at] for at in places))
        for is_shared, places in grouped
    )
