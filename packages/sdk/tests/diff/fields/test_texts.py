"""Texts: lines and words that differ, what is shown of long ones, and nothing beyond the limits."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agenttrace.diff.fields import Op, compare_texts, compare_values, list_changes
from agenttrace.diff.fields.messages import is_cut
from agenttrace.diff.fields.texts import EDGE_CHARS, MAX_LINES, MAX_WINDOW_CHARS

TEXTS = st.lists(st.sampled_from(["one two", "one 2", "", "three", "  four"]), max_size=12).map(
    "\n".join
)


@given(TEXTS, TEXTS)
@settings(max_examples=500, deadline=None)
def test_lines_and_pieces_add_up_to_both_texts(base: str, head: str) -> None:
    """Equal and removed lines are the rest of base, equal and added ones of head; pieces too."""
    found = compare_texts(base, head)
    for text, op in ((base, Op.REMOVED), (head, Op.ADDED)):
        lines = [line.text for line in found.lines if line.op in {Op.EQUAL, op}]
        assert "\n".join(lines) == "\n".join(text.split("\n")[found.first_line - 1 :])
    for line in found.lines:
        if line.pieces:
            assert "".join(piece.text for piece in line.pieces) == line.text
            assert {piece.op for piece in line.pieces} <= {Op.EQUAL, line.op}
    assert not found.is_capped


@given(TEXTS, TEXTS)
@settings(max_examples=300, deadline=None)
def test_the_other_direction_shows_the_same_lines(base: str, head: str) -> None:
    """What was removed is added when the texts change sides."""
    turned = {Op.EQUAL: Op.EQUAL, Op.REMOVED: Op.ADDED, Op.ADDED: Op.REMOVED}
    one, other = compare_texts(base, head), compare_texts(head, base)
    assert sorted((turned[line.op], line.text) for line in one.lines) == sorted(
        (line.op, line.text) for line in other.lines
    )


def test_words_of_a_changed_line_are_told_apart() -> None:
    """A line that stands for another shows which of its words differ."""
    found = compare_texts("keep\nthe quick brown fox\nend", "keep\nthe slow brown fox\nend")
    assert found.first_line == 2
    assert [(line.op.value, line.text) for line in found.lines] == [
        ("removed", "the quick brown fox"),
        ("added", "the slow brown fox"),
        ("equal", "end"),
    ]
    assert [(piece.op.value, piece.text) for piece in found.lines[0].pieces] == [
        ("equal", "the "),
        ("removed", "quick"),
        ("equal", " brown fox"),
    ]


def test_only_long_texts_and_those_of_several_lines_have_lines() -> None:
    """A short text is one value; 81 characters or a line end make it a text."""
    for base, head, has_lines in (("a", "b", False), ("a" * 81, "b", True), ("a\nb", "a", True)):
        (change,) = list_changes(compare_values(base, head))
        assert (change.text is not None) == has_lines


def test_a_very_long_text_is_shown_by_digest_edges_and_a_window() -> None:
    """Beyond 1 MiB: SHA-256, beginning and end of both, and the lines around the difference."""
    base = "".join(f"line {at}\n" for at in range(200_000))
    head = base.replace("line 150000\n", "line x\n")
    assert len(base) > 1024 * 1024
    (change,) = list_changes(compare_values({"log": base}, {"log": head}))
    found = change.text
    assert found is not None
    assert found.is_capped
    assert found.first_line == 150_001
    assert [line.text for line in found.lines[:3]] == ["line 150000", "line x", "line 150001"]
    assert found.base_edge is not None
    assert found.base_edge.sha256 == hashlib.sha256(base.encode()).hexdigest()
    assert (found.base_edge.chars, found.base_edge.start) == (len(base), base[:EDGE_CHARS])
    assert found.base_edge.end == base[-EDGE_CHARS:]
    assert len(found.lines) <= 2 * MAX_LINES


def test_one_line_without_end_is_bounded() -> None:
    """3 MB without a line end: the window is a part of the line, and says that there is more."""
    base, head = "ab " * 1_000_000, "ab " * 999_999 + "cd "
    found = compare_texts(base, head)
    assert found.is_capped
    assert sum(len(line.text) for line in found.lines) <= 2 * MAX_WINDOW_CHARS


LONG = "The quick brown fox jumps over the lazy dog and sleeps. " * 4


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (LONG[:100], True),
        (LONG[-100:], True),
        (LONG[:100] + "…", True),
        (LONG[:100] + "...", True),
        (LONG[:100] + " [truncated]", True),
        (LONG[:60] + "\n... [124 more characters truncated] ...\n" + LONG[-60:], True),
        (LONG, False),
        (LONG + "more", False),
        (LONG.replace("quick ", ""), False),
        (LONG[:100] + " and more of it", False),
        ("", False),
        ("[truncated]", False),
        (None, False),
    ],
)
def test_what_counts_as_cut(head: str | None, expected: bool) -> None:
    """The beginning, the end, or both around a mark; a text with a word less was edited."""
    assert is_cut(LONG, head) == expected


def test_a_short_text_is_never_cut() -> None:
    """A few words less in a short text are an edit."""
    assert not is_cut("Paris is the capital.", "Paris")
