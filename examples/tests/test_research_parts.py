"""The parts of the example: passages, search, claims, libraries, and the way a model is asked."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agenttrace.plugins import ExportResult
from agenttrace.wire import RunRecord, SpanRecord
from research.claims import (
    Claim,
    cite_statement,
    judge_claim,
    number_citations,
    parse_claims,
    split_statements,
)
from research.library import Folder, LibraryError, PythonDocs
from research.models import MAX_WAIT_S, ChatEndpoint, ChatError, pick_sentences
from research.passages import Passage, split_page, split_pages, split_sentences
from research.recording import TotalsExporter
from research.search import (
    Document,
    Index,
    find_missing_words,
    find_nearest_title,
    find_phrases,
    measure_coverage,
    score_pages,
)

if TYPE_CHECKING:
    from pathlib import Path

WOMBATS = Passage("wombats#1", "wombats", "Wombats dig long burrows at night.")
HERONS = Passage("herons#1", "herons", "Herons stand in shallow water and wait for fish.")
WORDS = st.lists(st.text("abcdefghij", min_size=1, max_size=8), min_size=1, max_size=12)


def test_a_page_is_cut_into_its_prose() -> None:
    """Headings, code and grammar are left out; lines are joined, and list marks taken off."""
    text = (
        "Burrows\n*******\n\nA wombat digs its burrow\nwith its claws.\n\n"
        "   burrow ::= [claw] dig+ { } = == ;\n\n* It sleeps there during the whole day.\n"
    )
    assert split_page("my notes[1].md", text) == [
        Passage(
            "my%20notes%5B1%5D.md#1",
            "my notes[1].md",
            "A wombat digs its burrow with its claws.\nIt sleeps there during the whole day.",
        )
    ]


def test_what_pages_share_stays_in_the_shortest() -> None:
    """A passage that a shorter page holds is not kept in the page that gathers others."""
    shared = "Wombats dig long burrows at night and sleep in them during the whole day."
    own = "Herons stand in shallow water and wait for fish without moving. " * 8
    passages = split_pages({"animals": f"{shared}\n\n{own}", "wombats": shared})
    assert passages == [
        Passage("wombats#1", "wombats", shared),
        Passage("animals#1", "animals", f"{shared}\n{own.strip()}"),
    ]
    assert split_pages({"animals": f"{shared}\n\n# Animals", "wombats": shared}) == [
        Passage("wombats#1", "wombats", shared)
    ]


@given(st.lists(WORDS.map(" ".join).map(lambda words: f"Such {words} is what it is."), max_size=20))
def test_no_sentence_is_lost_or_made_up(sentences: list[str]) -> None:
    """The passages of a page hold its paragraphs, all of them, in their order."""
    passages = split_page("page", "\n\n".join(sentences))
    assert [line for p in passages for line in p.content.split("\n")] == sentences
    assert [p.id for p in passages] == [f"page#{n}" for n in range(1, len(passages) + 1)]


def test_search_finds_other_forms_of_a_word() -> None:
    """Words are compared by their stems, and what shares none is not a result."""
    found = Index([WOMBATS, HERONS]).search("How does a wombat dig?", limit=5)
    assert [document["id"] for document in found] == ["wombats#1"]
    assert found[0]["score"] > 0


@pytest.mark.parametrize("query", ["", "the of and", "zebra"])
def test_a_search_for_nothing_finds_nothing(query: str) -> None:
    """No words, stop words alone and unknown words are no failure."""
    assert Index([WOMBATS, HERONS]).search(query, limit=5) == []


@given(st.lists(WORDS.map(" ".join), min_size=1, max_size=8), WORDS.map(" ".join))
def test_results_come_best_first_within_the_limit(texts: list[str], query: str) -> None:
    """Whatever is searched: at most `limit` results, positive scores, descending."""
    index = Index([Passage(f"p#{n}", "p", text) for n, text in enumerate(texts, 1)])
    scores = [document["score"] for document in index.search(query, limit=3)]
    assert len(scores) <= 3
    assert scores == sorted(scores, reverse=True)
    assert all(score >= 0 for score in scores)


def test_a_page_scores_its_best_passage_in_each_search() -> None:
    """The best passages are summed over the searches; pages come best first."""

    def make(page: str, score: float) -> Document:
        return Document(id=f"{page}#1", page=page, content="", score=score)

    found = [[make("a", 3.0), make("a", 2.0), make("b", 1.0)], [make("b", 4.0)]]
    assert score_pages(found) == {"b": 5.0, "a": 3.0}
    assert list(score_pages(found)) == ["b", "a"]


def test_phrases_are_runs_of_words_with_meaning() -> None:
    """Stop words and punctuation part them; the longest comes first, then the order of the text."""
    question = "Does __exit__ matter, and what do context managers do with exceptions?"
    assert find_phrases(question) == ["__exit__ matter", "context managers", "exceptions"]


def test_the_nearest_title_is_close_or_none() -> None:
    """A title counts as nearest by its spelling; far ones are not offered."""
    titles = ["context-managers", "exceptions", "with"]
    assert find_nearest_title("Context Managers", titles) == "context-managers"
    assert find_nearest_title("wombats", titles) is None


def test_missing_words_are_those_that_no_text_holds() -> None:
    """Other forms of a word count as the word."""
    assert find_missing_words("Which wombats dig tunnels?", [WOMBATS.content]) == ["tunnels"]


@given(WORDS, WORDS)
def test_coverage_is_a_share(claim: list[str], text: list[str]) -> None:
    """A text covers itself wholly, and any other between not at all and wholly."""
    assert 0 <= measure_coverage(" ".join(claim), " ".join(text)) <= 1
    assert measure_coverage(" ".join(claim), " ".join(claim + text)) in {0.0, 1.0}


def test_claims_are_read_out_of_a_models_text() -> None:
    """Each sentence keeps the citations that follow it; one without citation has none."""
    text = (
        "Wombats dig. They do so at night [wombats#1]. Herons wait [herons#1] [herons#2]. "
        "Fish fear both."
    )
    assert parse_claims(text) == [
        Claim("Wombats dig.", ()),
        Claim("They do so at night.", ("wombats#1",)),
        Claim("Herons wait.", ("herons#1", "herons#2")),
        Claim("Fish fear both.", ()),
    ]


@pytest.mark.parametrize(
    ("text", "relevance", "cites", "others", "finding", "second"),
    [
        ("Wombats dig burrows.", 1.0, WOMBATS.content, [], "supported", None),
        ("Wombats dig burrows.", 0.6, "", [WOMBATS], "supported", "wombats#1"),
        ("Wombats guard the collector.", 1.0, WOMBATS.content, [HERONS], "unsupported", "herons#1"),
        ("Herons wait for fish.", 0.59, HERONS.content, [], "off topic", None),
    ],
    ids=["cited", "elsewhere", "nowhere", "beside the question"],
)
def test_a_claim_is_judged_by_what_the_passages_say(
    text: str,
    relevance: float,
    cites: str,
    others: list[Passage],
    *,
    finding: str,
    second: str | None,
) -> None:
    """It needs support in a passage, cited or not, and most of the question."""
    documents = [Document(id=p.id, page=p.page, content=p.content, score=1.0) for p in others]
    verdict = judge_claim(Claim(text, ("a#1",)), relevance=relevance, cited=cites, others=documents)
    assert (verdict.finding, verdict.second_source) == (finding, second)
    assert verdict.claim == f"{text} [a#1]"


def test_rare_words_decide_what_a_text_is_about() -> None:
    """A common word of the question weighs little, and one that nothing holds weighs most."""
    index = Index([WOMBATS, HERONS, Passage("a#1", "a", "Fish dig."), Passage("b#1", "b", "Fish.")])
    relevance = {
        question: round(index.measure_relevance("All fish wait.", question), 2)
        for question in ("fish", "fish wait", "do fish dig?", "fish on Mars?", "of the", "Mars")
    }
    weights = {"fish": math.log(1 + 1.5 / 3.5), "dig": math.log(2), "wait": math.log(1 + 3.5 / 1.5)}
    assert relevance == {
        "fish": 1.0,
        "fish wait": 1.0,
        "do fish dig?": round(weights["fish"] / (weights["fish"] + weights["dig"]), 2),
        "fish on Mars?": round(weights["fish"] / (weights["fish"] + math.log(10)), 2),
        "of the": 0.0,
        "Mars": 0.0,
    }


@given(st.lists(WORDS.map(" ".join), min_size=1, max_size=8), WORDS, WORDS)
def test_relevance_is_a_share(texts: list[str], question: list[str], more: list[str]) -> None:
    """A text with all of the question's words has all of it, and more words never take it away."""
    index = Index([Passage(f"p#{n}", "p", text) for n, text in enumerate(texts, 1)])
    asked = " ".join(question)
    part = index.measure_relevance(more[0], asked)
    assert 0 <= part <= index.measure_relevance(" ".join(more), asked) <= 1
    assert index.measure_relevance(" ".join(question + more), asked) in {0.0, 1.0}


def test_citations_are_numbered_in_their_order() -> None:
    """A source keeps its number wherever it is cited again."""
    claims = [Claim("One.", ("b#1",)), Claim("Two.", ("a#1", "b#1")), Claim("Three.", ())]
    assert number_citations(claims) == (
        ["One. [1]", "Two. [2] [1]", "Three."],
        ["b#1", "a#1"],
    )


def test_statements_are_sentences_that_stand_alone() -> None:
    """Leads into code, fragments and pointers are left out; each cites the passage it is from."""
    text = (
        "See the section on burrows for what wombats dig.\nShort it is.\n"
        "Wombats dig long burrows through firm soil. The following example shows how they dig it:"
    )
    statements = split_statements([Passage("my.notes#1", "my.notes", text)])
    assert statements == [
        Passage("my.notes#1.3", "my.notes", "Wombats dig long burrows through firm soil.")
    ]
    assert cite_statement(statements[0]) == Claim(statements[0].content, ("my.notes#1",))


def test_a_sentence_after_a_bold_word_starts_with_its_own() -> None:
    """The mark that closes a bold heading in the line belongs to no sentence."""
    text = "**Decision.** Wombats dig long burrows. **Herons** wait for fish."
    assert split_sentences(text)[1:] == ["Wombats dig long burrows.", "**Herons** wait for fish."]


@given(st.lists(WORDS.map(" ".join), max_size=8, unique=True), st.integers(0, 10))
def test_the_summariser_makes_nothing_up(sentences: list[str], limit: int) -> None:
    """It returns some of the sentences, unchanged, in their order, at most `limit`."""
    picked = pick_sentences(sentences, limit=limit)
    assert picked == [sentence for sentence in sentences if sentence in picked]
    assert len(picked) == min(limit, len(sentences))


def test_pythons_documents_hold_topics_and_the_modules_that_a_question_names() -> None:
    """A module's page is opened as help() shows it; one that is missing is a LookupError."""
    library = PythonDocs()
    assert "with" in library.list_titles("What is a loop?")
    assert "contextlib" not in library.list_titles("What is a loop?")
    assert "contextlib" in library.list_titles("What does contextlib do?")
    assert "Utilities for with-statement contexts" in library.open_page("contextlib")
    with pytest.raises(LookupError, match="pydoc has no topic and no module 'wombats'"):
        library.open_page("wombats")


@pytest.mark.parametrize("name", ["antigravity", "this", "_socket"])
def test_a_question_imports_no_module_that_acts_on_import(name: str) -> None:
    """Modules that print, open windows or are private are not opened."""
    library = PythonDocs()
    assert name not in library.list_titles(f"What does {name} do?")
    with pytest.raises(LookupError, match="no module"):
        library.open_page(name)


def test_a_folder_holds_its_text_files(tmp_path: Path) -> None:
    """Text below it is found, hidden and other files are not; a missing page is an OSError."""
    (tmp_path / "sub" / ".hidden").mkdir(parents=True)
    (tmp_path / "sub" / ".hidden" / "c.md").write_text("hidden")
    (tmp_path / "sub" / "b.MD").write_text("text")
    (tmp_path / "a.py").write_text('"""What it does."""\nx = 1\n')
    (tmp_path / "broken.py").write_text("def (:\n")
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "image.png").write_bytes(b"\x89PNG")
    folder = Folder(tmp_path)
    assert folder.list_titles("anything") == ["a.py", "broken.py", "sub/b.MD"]
    assert folder.open_page("a.py") == "What it does."
    assert folder.open_page("broken.py") == "def (:\n"
    with pytest.raises(FileNotFoundError):
        folder.open_page("context managers")


@pytest.mark.parametrize("name", ["", "missing"], ids=["without text", "missing"])
def test_a_folder_with_nothing_to_read_is_refused(tmp_path: Path, name: str) -> None:
    """The message names the folder."""
    with pytest.raises(LibraryError, match=str(tmp_path / name)):
        Folder(tmp_path / name)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"OPENAI_API_KEY": ""}, None),
        ({"OPENAI_API_KEY": "k"}, ChatEndpoint("https://api.openai.com/v1", "gpt-4o-mini", "k")),
        (
            {"OPENAI_BASE_URL": "http://127.0.0.1:1/v1/", "OPENAI_MODEL": "m"},
            ChatEndpoint("http://127.0.0.1:1/v1", "m", None),
        ),
    ],
    ids=["unset", "empty", "a key alone", "an address alone"],
)
def test_the_endpoint_is_what_the_environment_says(
    environ: dict[str, str], expected: ChatEndpoint | None
) -> None:
    """Either variable asks for a model; without both there is none."""
    assert ChatEndpoint.from_environment(environ) == expected


def test_the_key_is_not_printed_with_the_endpoint() -> None:
    """A key never gets into a log by way of a repr."""
    assert "secret" not in repr(ChatEndpoint("http://127.0.0.1/v1", "m", "secret"))


def test_a_record_that_comes_twice_counts_once() -> None:
    """Delivery may repeat a batch; the totals of a run stay what they are."""
    exporter = TotalsExporter()
    run = RunRecord(v=1, type="run", run_id="a" * 32, rev=0, name="r", status="STARTED", start_ns=1)
    span = SpanRecord(
        v=1,
        type="span",
        run_id="a" * 32,
        span_id="b" * 16,
        rev=1,
        name="s",
        span_type="LLM_CALL",
        status="ERROR",
        start_ns=1,
        seq=0,
        lane=0,
        effect="none",
        usage={"prompt_tokens": 7, "source": "reported"},
        cost={"usd": "0.50", "source": "rates"},
    )
    for _ in range(2):
        assert exporter.export([run, span]) == ExportResult.DELIVERED
    (totals,) = exporter.list_runs()
    assert totals.describe() == (
        "1 span, 1 error, 1 model call, 7 tokens, $0.5 (at the rates given)"
    )


@given(st.one_of(st.none(), st.floats(0, 1e6)), st.integers(1, 50))
def test_a_wait_is_what_was_asked_for_within_bounds(
    retry_after_s: float | None, attempt: int
) -> None:
    """The endpoint's own figure counts; without one the wait doubles; both have an upper end."""
    wait_s = ChatError("busy", retry_after_s=retry_after_s).choose_wait_s(attempt)
    wanted = 0.5 * 2 ** (attempt - 1) if retry_after_s is None else retry_after_s
    assert wait_s == min(wanted, MAX_WAIT_S)
