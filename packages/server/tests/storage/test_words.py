"""What search takes for words, queries and snippets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agenttrace_server.storage.words import (
    MAX_WORD_CHARS,
    TextQuery,
    list_words,
    make_snippet,
    parse_query,
    read_json_text,
)


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
    assert read_json_text(value_json, limit_chars=100).split() == said.split()


def test_what_a_json_text_says_is_bounded() -> None:
    """Of a long text, the beginning."""
    assert len(read_json_text('"' + "word " * 10_000 + '"', limit_chars=100)) <= 100


def test_a_snippet_is_around_the_first_word_that_was_found() -> None:
    """With what is before and after it, and marks where it was cut."""
    texts = ["nothing here", "x " * 100 + "the Needle in it " + "y " * 100]
    snippet = make_snippet(texts, parse_query("need*"))
    assert snippet is not None
    assert "the Needle in it" in snippet
    assert (snippet[0], snippet[-1]) == ("…", "…")
    assert len(snippet) < 170
    assert make_snippet(texts, parse_query("absent")) is None
