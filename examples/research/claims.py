"""Sentences with their sources: what notes, drafts and answers are made of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from research.passages import Passage, split_sentences
from research.search import list_words, measure_coverage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MIN_SUPPORT: Final = 0.6
"""The share of a claim's words that a passage must hold to support it."""

Finding: TypeAlias = Literal["supported", "unsupported", "off topic"]

_CITATION: Final = re.compile(r"\s*\[([^\[\]\s]+#\d+)\]")
_MIN_WORDS: Final = 6
_END: Final = re.compile(r"[.!?][\"'\u201d\u2019)*_`]*$")


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


def list_statements(passages: Iterable[Passage]) -> list[Claim]:
    """Return the passages' sentences that can stand alone, each citing its passage."""
    return [
        Claim(sentence, (passage.id,))
        for passage in passages
        for sentence in split_sentences(passage.content)
        if _END.search(sentence)
        and len(list_words(sentence)) >= _MIN_WORDS
        and (sentence[0].isupper() or not sentence[0].isalnum())
    ]


def parse_claims(text: str) -> list[Claim]:
    """Read claims out of text in which `[page#n]` after a sentence cites a passage."""
    claims: list[Claim] = []
    start = 0
    for group in re.finditer(rf"(?:{_CITATION.pattern})+", text):
        sentences = split_sentences(text[start : group.start()])
        cites = tuple(_CITATION.findall(group.group()))
        claims += (Claim(sentence, ()) for sentence in sentences[:-1])
        claims += (Claim(sentence, cites) for sentence in sentences[-1:])
        start = group.end()
    claims += (Claim(sentence, ()) for sentence in split_sentences(text[start:]))
    return [claim for claim in claims if list_words(claim.text)]


def check_claim(claim: Claim, question: str, *, cited: str, others: Sequence[Passage]) -> Verdict:
    """Judge a claim by the text it cites and by passages of other pages.

    `support` is the share of the claim's words that the cited text holds, `second_support` the
    best such share among the others. A claim is kept when one of them reaches MIN_SUPPORT and it
    shares a word with the question.
    """
    support = measure_coverage(claim.text, cited)
    relevance = measure_coverage(question, claim.text)
    shares = [(measure_coverage(claim.text, passage.content), passage.id) for passage in others]
    second_support, second_source = max(shares, default=(0.0, None))
    if max(support, second_support) < MIN_SUPPORT:
        finding: Finding = "unsupported"
    elif relevance == 0:
        finding = "off topic"
    else:
        finding = "supported"
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
