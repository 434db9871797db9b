"""What search takes for words, queries and snippets."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agenttrace_server.storage.words import (
    MAX_WORD_CHARS,
    TextQuery,
    cut_text,
    list_json_words,
    list_words,
    make_snippet,
    parse_query,
    read_error_texts,
    read_json_text,
)

_SAID = st.text('ab "\\:{},\n', max_size=5)


def _make_error(kind: str, message: str, note: str, traceback: str) -> dict[str, Any]:
    return {"type": kind, "message": message, "traceback": traceback, "notes": [note, "n"]}


def _list_said(error: dict[str, Any]) -> list[str]:
    return [error["type"], error["message"], error["traceback"], *error["notes"]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, World_2!", ["hello", "world", "2"]),
        ("ﬁne Ⅷ", ["fine", "viii"]),
        ("naïve 日本語 ", ["naïve", "日本語"]),
        ("İ", ["i"]),
        ("x" * 100, ["x" * MAX_WORD_CHARS]),
        ('"NEAR(a*)" %', ["near", "a"]),
    ],
)
def test_a_word_is_a_run_of_letters_and_digits(text: str, words: list[str]) -> None:
    """In lower case, and compatible forms are one."""
    assert list_words(text) == words


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("", TextQuery(())),
        ("% * \" ' (", TextQuery(())),
        ("One two", TextQuery((("one",), ("two",)))),
        ('"One two" three', TextQuery((("one", "two"), ("three",)))),
        ('"open end', TextQuery((("open", "end"),))),
        ("one tw*", TextQuery((("one",),), "tw")),
        ('"one two*"', TextQuery((("one", "two"),))),
        ("a* b", TextQuery((("a",), ("b",)))),
        ("foo-bar", TextQuery((("foo",), ("bar",)))),
        ("NEAR(a b)", TextQuery((("near",), ("a",), ("b",)))),
    ],
)
def test_a_query_is_phrases_and_a_beginning(text: str, query: TextQuery) -> None:
    """What is no word only parts words."""
    assert parse_query(text) == query


@given(st.text(max_size=200))
def test_every_text_is_a_query(text: str) -> None:
    """Nothing that a user types is an error, and a query has words only."""
    query = parse_query(text)
    for word in [word for phrase in query.phrases for word in phrase]:
        assert list_words(word) == [word]


@pytest.mark.parametrize(
    ("value_json", "said"),
    [
        ('{"role": "user", "n": [1, true]}', "role user n 1 true"),
        ('"caf\\u00e9\\nbar"', "café\nbar"),
        ('"\\ud800 x"', "x"),
        ('{"cut": "off\\nhe', "cut off he"),
        ('["cut \\', "cut"),
    ],
)
def test_a_json_text_says_its_strings_and_numbers(value_json: str, said: str) -> None:
    """Also one that was cut off in the middle."""
    assert read_json_text(value_json).split() == said.split()


@given(st.text(max_size=200))
def test_a_text_of_ascii_has_the_words_that_any_text_has(text: str) -> None:
    """The short way gives what the long one gives, which a character beyond ASCII asks for."""
    ascii_only = text.encode("ascii", "replace").decode()
    assert [*list_words(ascii_only), "日"] == list_words(ascii_only + " 日")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(_JSON, st.booleans(), st.integers(0, 300))
def test_the_words_of_a_json_text_are_those_of_what_it_says(
    value: object, only_ascii: bool, limit_bytes: int
) -> None:
    """Also with escapes, with characters that combine, and cut anywhere."""
    value_json = cut_text(json.dumps(value, ensure_ascii=only_ascii), limit_bytes)
    assert list_json_words(value_json) == list_words(read_json_text(value_json))


@given(st.text(max_size=100), st.integers(0, 120))
def test_a_text_is_cut_between_characters(text: str, limit_bytes: int) -> None:
    """At most so many bytes of UTF-8, and as many as there is room for."""
    part = cut_text(text, limit_bytes)
    assert text.startswith(part)
    assert len(part.encode()) <= limit_bytes
    if part != text:
        assert len(text[: len(part) + 1].encode()) > limit_bytes


def test_a_snippet_is_around_the_first_word_that_was_found() -> None:
    """With what is before and after it, and marks where it was cut."""
    texts = ["nothing here", "x " * 100 + "the Needle in it " + "y " * 100]
    snippet = make_snippet(texts, parse_query("need*"))
    assert snippet is not None
    assert "the Needle in it" in snippet
    assert (snippet[0], snippet[-1]) == ("…", "…")
    assert len(snippet) < 170
    assert make_snippet(texts, parse_query("absent")) is None


_FEW = st.text(alphabet="aB1 _-\n", max_size=90)


@given(_FEW, st.lists(_FEW, max_size=3).map(" ".join), st.booleans())
def test_a_snippet_of_ascii_is_where_that_of_any_text_is(
    text: str, asked: str, is_open: bool
) -> None:
    """A character beyond ASCII at the end makes the long way of it: the same begins there."""
    query = parse_query(asked + "*" * is_open)
    short = make_snippet([text], query, chars=10)
    long = make_snippet([text + " 日"], query, chars=10)
    assert (short is None) == (long is None)
    if short and long:
        assert short.strip("…")[:1] == long.strip("…")[:1]
        assert short.startswith("…") == long.startswith("…")


@given(st.builds(_make_error, *[_SAID] * 4) | st.none(), st.builds(_make_error, *[_SAID] * 4))
def test_an_error_that_was_cut_off_says_a_part_of_it(
    cause: dict[str, Any] | None, error: dict[str, Any]
) -> None:
    """Wherever it is cut: the same texts, of which the last may be a beginning, and no other."""
    whole = orjson.dumps({**error, "cause": cause, "bases": ["b"]}).decode()
    texts = read_error_texts(whole)
    assert texts == [*_list_said(error), *(_list_said(cause) if cause else [])]
    for end in range(len(whole)):
        cut = read_error_texts(whole[:end])
        assert cut[:-1] == texts[: len(cut)][:-1]
        assert not cut or texts[len(cut) - 1].startswith(cut[-1])
