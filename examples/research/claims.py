"""Sentences with their sources: what notes, drafts and answers are made of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from research.passages import Passage, split_sentences
from research.search import list_words, measure_coverage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from research.search import Document

MIN_SUPPORT: Final = 0.6
"""The share of a claim's words that a passage must hold to support it."""

MIN_RELEVANCE: Final = 0.6
"""The share of the question, its rare words weighing most, that a claim must hold to answer it."""

Finding: TypeAlias = Literal["supported", "unsupported", "off topic"]

_CITATION: Final = re.compile(r"\s*\[([^\[\]\s]+#\d+)\]")
_CITATIONS: Final = re.compile(rf"(?:{_CITATION.pattern})+")
_CITED_BEFORE_END: Final = re.compile(rf"((?:{_CITATION.pattern})+)(?P<end>[.!?])")
_POINTER: Final = re.compile(
    r"(See|For more|Additional information|Changed in|New in|Deprecated)\b"
)
_END: Final = re.compile(r"[.!?][\"'\u201d\u2019)*_`]*$")
_MIN_WORDS: Final = 6


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence and the ids of the passages that it cites."""

    text: str
    cites: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join([self.text, *(f"[{source}]" for source in self.cites)])


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check of a claim found; the figures are shares from 0 to 1."""

    claim: str
    finding: Finding
    support: float
    relevance: float
    second_source: str | None
    second_support: float

    def explain(self) -> str:
        """Say in one line what the finding rests on."""
        second = f"{self.second_support:.0%} of them in {self.second_source or 'no other page'}"
        return (
            f"{self.support:.0%} of its words are in what it cites, {second}; "
            f"it takes up {self.relevance:.0%} of the question, rare words weighing most."
        )


def split_statements(passages: Iterable[Passage]) -> list[Passage]:
    """Return the sentences that can stand alone; `page#1.2` is the second of passage `page#1`.

    Leads into code, fragments, and sentences that only point elsewhere are left out.
    """
    return [
        Passage(f"{passage.id}.{n}", passage.page, sentence)
        for passage in passages
        for n, sentence in enumerate(split_sentences(passage.content), 1)
        if _END.search(sentence)
        and not _POINTER.match(sentence)
        and len(list_words(sentence)) >= _MIN_WORDS
        and (sentence[0].isupper() or not sentence[0].isalnum())
    ]


def cite_statement(statement: Passage) -> Claim:
    """Return a statement of `split_statements` as a claim that cites its passage."""
    return Claim(statement.content, (statement.id.rpartition(".")[0],))


def parse_claims(text: str) -> list[Claim]:
    """Read claims out of text in which `[page#1]` after a sentence cites a passage."""
    text = _CITED_BEFORE_END.sub(r"\g<end>\1", text)
    claims: list[Claim] = []
    start = 0
    for group in _CITATIONS.finditer(text):
        sentences = split_sentences(text[start : group.start()])
        claims += (Claim(sentence, ()) for sentence in sentences[:-1])
        cites = tuple(_CITATION.findall(group.group()))
        claims += (Claim(sentence, cites) for sentence in sentences[-1:])
        start = group.end()
    claims += (Claim(sentence, ()) for sentence in split_sentences(text[start:]))
    return [claim for claim in claims if list_words(claim.text)]


def judge_claim(
    claim: Claim, *, relevance: float, cited: str, others: Sequence[Document]
) -> Verdict:
    """Judge a claim by the text it cites and by passages of other pages.

    `support` is the share of the claim's words that the cited text holds, `second_support` the
    best such share among the others. A claim is supported when one of them reaches MIN_SUPPORT,
    and off topic when its `relevance` (`Index.measure_relevance`) is less than MIN_RELEVANCE.
    """
    support = measure_coverage(claim.text, cited)
    shares = [(measure_coverage(claim.text, other["content"]), other["id"]) for other in others]
    second_support, second_source = max(shares, default=(0.0, None))
    finding: Finding = "supported"
    if max(support, second_support) < MIN_SUPPORT:
        finding = "unsupported"
    elif relevance < MIN_RELEVANCE:
        finding = "off topic"
    return Verdict(
        claim=str(claim),
        finding=finding,
        support=round(support, 3),
        relevance=round(relevance, 3),
        second_source=second_source,
        second_support=round(second_support, 3),
    )


def number_citations(claims: Sequence[Claim]) -> tuple[list[str], list[str]]:
    """Return the claims as lines with `[1]`, and the cited ids in the order of their numbers."""
    ids = list(dict.fromkeys(cite for claim in claims for cite in claim.cites))
    lines = [
        " ".join([claim.text, *(f"[{ids.index(cite) + 1}]" for cite in claim.cites)])
        for claim in claims
    ]
    return lines, ids
