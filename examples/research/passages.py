"""A page cut into passages, and a passage into sentences."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its source, when Python compiles it for the first time
    import pysbd

if TYPE_CHECKING:
    from collections.abc import Mapping

PASSAGE_CHARACTERS: Final = 700
"""A passage grows by whole paragraphs until it is about this long."""

_MIN_WORDS: Final = 5
_LETTERS_SHARE: Final = 0.75
_REPEATED_SHARE: Final = 0.5
_CLOSING: Final = "\"'\u201d\u2019)*_`"
_CLOSING_MARK: Final = re.compile(r"^(\*\*|__)(\s+|$)")
_LIST_MARK: Final = re.compile(r"^(\d+\.|[-*+•])\s+")
# `async close(self, /) -> None` on a line of its own, as pydoc heads what it documents.
_SIGNATURE: Final = re.compile(
    r"^[ \t]*(async |class )?[\w.]+\(.*\)( ->.*| from .*)?$", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a page's running text, in its own words; `id` is `page#1` and so on."""

    id: str
    page: str
    content: str


def split_page(title: str, text: str) -> list[Passage]:
    """Return the page's prose in order; code, grammar, tables and headings are left out."""
    contents: list[str] = []
    for paragraph in _list_paragraphs(text):
        if contents and len(contents[-1]) + len(paragraph) <= PASSAGE_CHARACTERS:
            contents[-1] += "\n" + paragraph
        else:
            contents.append(paragraph)
    # A citation is written `[page#1]`, so that an id holds neither brackets nor white space.
    page_id = re.sub(r"[\s\[\]%]", lambda found: quote(found.group()), title)
    return [Passage(f"{page_id}#{n}", title, content) for n, content in enumerate(contents, 1)]


def split_pages(pages: Mapping[str, str]) -> list[Passage]:
    """Return the passages of all pages (title to text), each text once.

    What several pages share stays in the shortest of them: the page on the subject rather than
    one that gathers many.
    """
    seen: set[str] = set()
    kept: list[Passage] = []
    for title in sorted(pages, key=lambda title: (len(pages[title]), title)):
        for passage in split_page(title, pages[title]):
            paragraphs = passage.content.split("\n")
            repeated = sum(len(text) for text in paragraphs if text in seen)
            if repeated <= _REPEATED_SHARE * len(passage.content):
                kept.append(passage)
            seen.update(paragraphs)
    return kept


def split_sentences(text: str) -> list[str]:
    """Return the sentences of one or more paragraphs, in order."""
    # A segmenter keeps the text it works on: one for each call, so that threads do not meet.
    segmenter = pysbd.Segmenter(language="en", clean=False)
    found = (sentence for line in text.splitlines() for sentence in segmenter.segment(line))
    # The mark that closes a bold sentence is left at the head of the next one.
    stripped = (_CLOSING_MARK.sub("", sentence.strip()) for sentence in found)
    return [sentence for sentence in stripped if sentence]


def _list_paragraphs(text: str) -> list[str]:
    blocks = re.split(r"\n[ \t]*\n", _SIGNATURE.sub("", text.replace("\r\n", "\n")))
    unwrapped = (_LIST_MARK.sub("", " ".join(block.split())) for block in blocks)
    return [paragraph for paragraph in unwrapped if _is_prose(paragraph)]


def _is_prose(paragraph: str) -> bool:
    """Tell running text from code: words, mostly letters, and an end as a sentence has it."""
    letters = sum(character.isalpha() or character == " " for character in paragraph)
    return (
        len(paragraph.split()) >= _MIN_WORDS
        and letters >= _LETTERS_SHARE * len(paragraph)
        and paragraph.rstrip(_CLOSING).endswith((".", "!", "?", ":"))
    )
