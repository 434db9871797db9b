"""Retrieval with BM25 (the bm25s library), over stemmed words without stop words."""

from __future__ import annotations

import difflib
import math
import re
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Final, TypedDict

import bm25s
from sumy.nlp.stemmers import Stemmer
from sumy.utils import get_stop_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from research.passages import Passage

NEAREST_TITLE_CUTOFF: Final = 0.6
"""How alike two titles must be (difflib's ratio, 0 to 1) for one to stand for the other."""

_WORD: Final = re.compile(r"\w+")
# Words that make a question and say nothing of its subject.
_QUESTION_WORDS: Final = frozenset(
    {"difference", "explain", "happen", "happens", "mean", "means", "use", "used", "work", "works"}
)
_LANGUAGE: Final = "english"


class Document(TypedDict):
    """A passage that a search found, with its BM25 score (no unit; higher is better)."""

    id: str
    page: str
    content: str
    score: float


class Index:
    """A searchable set of passages. Several threads may search it at once."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        """Index the passages; ValueError when there is none."""
        if not passages:
            raise ValueError("an index needs at least one passage")
        self._passages = list(passages)
        self._bm25 = bm25s.BM25()
        # A text of stop words alone has no stem; the empty one keeps its place.
        stems = [stem_words(passage.content) or [""] for passage in passages]
        self._bm25.index(stems, show_progress=False)
        self._frequencies = Counter(stem for found in stems for stem in set(found))

    def search(self, query: str, *, limit: int) -> list[Document]:
        """Return at most `limit` passages that share a word with the query, best first."""
        stems = stem_words(query)
        if not stems:
            return []
        count = min(limit, len(self._passages))
        found, scores = self._bm25.retrieve([stems], k=count, show_progress=False)
        ranked = zip(found[0].tolist(), scores[0].tolist(), strict=True)
        return [
            Document(id=p.id, page=p.page, content=p.content, score=round(score, 4))
            for p, score in ((self._passages[at], score) for at, score in ranked)
            if score > 0
        ]

    def measure_relevance(self, text: str, question: str) -> float:
        """Return how much of the question (0 to 1) the text takes up.

        Each of the question's words weighs its BM25 idf: one that many passages hold says little,
        and one that no passage holds weighs most, as the text cannot be about it.
        """
        wanted = set(stem_words(question))
        held = wanted & set(stem_words(text))
        total = math.fsum(map(self._weigh_stem, wanted))
        return math.fsum(map(self._weigh_stem, held)) / total if total else 0.0

    def _weigh_stem(self, stem: str) -> float:
        """Return the idf that the scores of `search` are made with (Lucene's, above 0)."""
        holding = self._frequencies[stem]
        return math.log1p((len(self._passages) - holding + 0.5) / (holding + 0.5))


def search_once(passages: Sequence[Passage], query: str, *, limit: int) -> list[Document]:
    """Search passages that are searched but once; none of them gives none."""
    return Index(passages).search(query, limit=limit) if passages else []


def score_pages(found: Sequence[Sequence[Document]]) -> dict[str, float]:
    """Return each page's score, best first: the sum over the searches of its best passage's."""
    scores: dict[str, float] = {}
    for documents in found:
        for page in {document["page"] for document in documents}:
            best = max(d["score"] for d in documents if d["page"] == page)
            scores[page] = round(scores.get(page, 0.0) + best, 4)
    return dict(sorted(scores.items(), key=lambda item: (-item[1], item[0])))


def stem_words(text: str) -> list[str]:
    """Return the stems of the words that carry meaning, in order, with repeats."""
    return [_stem(word) for word in list_words(text)]


def list_words(text: str) -> list[str]:
    """Return the words of `text` in lower case, without stop words."""
    return [word for word in _WORD.findall(text.lower()) if word not in _stop_words()]


def find_phrases(text: str) -> list[str]:
    """Return the runs of words between stop words and punctuation, longest first."""
    runs: list[list[str]] = [[]]
    for token in re.findall(r"\w+|[^\w\s]", text.lower()):
        if _WORD.fullmatch(token) and token not in _stop_words():
            runs[-1].append(token)
        else:
            runs.append([])
    return [" ".join(run) for run in sorted(filter(None, runs), key=len, reverse=True)]


def measure_coverage(claim: str, text: str) -> float:
    """Return the share (0 to 1) of the claim's distinct stems that occur in `text`."""
    wanted = set(stem_words(claim))
    return len(wanted & set(stem_words(text))) / len(wanted) if wanted else 0.0


def find_missing_words(question: str, texts: Sequence[str]) -> list[str]:
    """Return the question's words that no text holds in any form, in order."""
    held = {stem for text in texts for stem in stem_words(text)}
    return [word for word in dict.fromkeys(list_words(question)) if _stem(word) not in held]


def find_nearest_title(wanted: str, titles: Sequence[str]) -> str | None:
    """Return the title spelt most like `wanted`, or None when none is close."""
    names = {title.lower(): title for title in titles}
    close = difflib.get_close_matches(wanted.lower(), names, n=1, cutoff=NEAREST_TITLE_CUTOFF)
    return names[close[0]] if close else None


@cache
def _stop_words() -> frozenset[str]:
    return frozenset(get_stop_words(_LANGUAGE)) | _QUESTION_WORDS


@cache
def _stem(word: str) -> str:
    return str(_load_stemmer()(word))


@cache
def _load_stemmer() -> Stemmer:
    return Stemmer(_LANGUAGE)
