"""A research agent, and how its work is recorded: the first program to read.

    python examples/research_agent.py "What does __exit__ do with an exception?"

What is recorded, and how, stands in this file. The folder `research/` beside it is ordinary
Python that searches, reads and writes.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Final

from agenttrace import Tracer, semconv
from agenttrace.usage import ESTIMATE_METHOD, estimate_tokens
from agenttrace.wrappers import trace, trace_agent, trace_llm, trace_retrieval, trace_tool
from research.claims import (
    Claim,
    Verdict,
    cite_statement,
    judge_claim,
    parse_claims,
    split_statements,
)
from research.library import PAGE_ERRORS, Folder, Library, LibraryError, PythonDocs
from research.models import (
    MAX_ATTEMPTS,
    SUMMARISER_MODEL,
    ChatEndpoint,
    ChatError,
    Completion,
    Messages,
    Writer,
    pick_sentences,
    read_text,
    write_messages,
)
from research.passages import Passage, split_page, split_pages
from research.recording import Recording
from research.search import (
    Document,
    Index,
    find_missing_words,
    find_nearest_title,
    find_phrases,
    score_pages,
    search_once,
)
from research.terminal import Options, UsageError, parse_options, print_answer, say

MAX_SEARCHES: Final = 4
HITS_PER_SEARCH: Final = 8
MAX_PAGES_A_ROUND: Final = 3
MAX_MORE_PAGES: Final = 2
READ_FROM_SHARE: Final = 0.4
STATEMENTS_A_PAGE: Final = 3
NOTES_A_PAGE: Final = 2
ANSWER_SENTENCES: Final = 4

tracer = Tracer()


def note(key: str, value: str | int) -> None:
    """Set an attribute of the step that runs here."""
    if span := tracer.current_span():
        span.set_attribute(key, value)


class Researcher:
    """Finds the pages that matter, takes notes of them, and writes an answer that cites them."""

    def __init__(self, library: Library, writer: Writer, *, pace_s: float) -> None:
        self.library = library
        self.writer = writer
        self.pace_s = pace_s
        self.pages: dict[str, str] = {}  # the text of those that were looked up
        self.statements: dict[str, list[Passage]] = {}  # the sentences of those that were read
        self.passages: dict[str, Passage] = {}  # all that a claim may cite, by id

    async def answer(self, question: str) -> list[Claim]:
        """Return the claims that hold, with their citations; none when nothing was found."""
        await self.step(f"searching {self.library.name}")
        self.index_library(question)
        queries = self.plan_searches(question)
        found = await self.search_for(queries)
        if not any(found):
            return []
        lead = await self.find_lead_page(find_phrases(question)[0], found[0])
        notes = await self.read_pages(question, self.choose_pages(found, lead=lead))
        if more := await self.find_more_pages(question, notes):
            notes += await self.read_pages(question, more)
        if not notes:
            return []
        await self.step("writing")
        draft = await self.writer.write(question, notes, limit=ANSWER_SENTENCES)
        verdicts = await self.ask_fact_checker(question, draft)
        return self.keep_claims(draft, verdicts)

    @trace(tracer)
    def index_library(self, question: str) -> dict[str, int | dict[str, str]]:
        """Read every page once and index its passages, so that all of them can be searched."""
        texts: dict[str, str] = {}
        unreadable: dict[str, str] = {}
        for title in self.library.list_titles(question):
            try:
                texts[title] = self.library.open_page(title)
            except PAGE_ERRORS as error:
                unreadable[title] = str(error)
        passages = split_pages(texts)
        if not passages:
            raise LibraryError(f"{self.library.name} holds no running text to search.")
        self.index = Index(passages)
        self.passages = {passage.id: passage for passage in passages}
        return {"pages": len(texts), "passages": len(passages), "unreadable": unreadable}

    @trace(tracer)
    def plan_searches(self, question: str) -> list[str]:
        """Search for the whole question, and for each of its longest phrases."""
        return list(dict.fromkeys([question, *find_phrases(question)]))[:MAX_SEARCHES]

    async def search_for(self, queries: list[str]) -> list[list[Document]]:
        """Return what each query finds. Each has a thread, and in the trace a lane, of its own."""
        searches = (asyncio.to_thread(self.search_passages, query) for query in queries)
        return await asyncio.gather(*searches)

    @trace_retrieval(tracer, effect="read")
    def search_passages(self, query: str) -> list[Document]:
        """Search the passages of all pages."""
        return self.index.search(query, limit=HITS_PER_SEARCH)

    async def find_lead_page(self, phrase: str, documents: list[Document]) -> str | None:
        """Open the page that is titled like the question's key phrase, and return its title.

        Few pages are titled as people ask. After a failure the nearest title is tried, then the
        page of the best passage; each attempt is a span, and those that fail show their error.
        """
        nearest = find_nearest_title(phrase, self.library.list_titles(phrase))
        best = documents[0]["page"] if documents else None
        titles = dict.fromkeys(title for title in (phrase, nearest, best) if title)
        for attempt, title in enumerate(titles, 1):
            await self.step(f"looking up {title!r}")
            try:
                self.pages[title] = await asyncio.to_thread(self.look_up, title, attempt=attempt)
            except PAGE_ERRORS as error:
                say(f"attempt {attempt} failed: {error}")
            else:
                return title
        return None

    @trace_tool(tracer, effect="read")
    def look_up(self, title: str, *, attempt: int = 1) -> str:
        """Return a page's text; one of PAGE_ERRORS when the library has no such page."""
        note(semconv.RETRY_ATTEMPT, attempt)
        return self.library.open_page(title)

    def choose_pages(self, found: list[list[Document]], *, lead: str | None) -> list[str]:
        """Decide which pages to read: those that score near the best one, the lead page first."""
        scores = score_pages(found)
        least = READ_FROM_SHARE * max(scores.values())
        worthy = [page for page, score in scores.items() if score >= least]
        return tracer.decision(
            "choose_pages",
            options=[{"page": page, "score": score} for page, score in scores.items()],
            chosen=sorted(worthy, key=lambda page: page != lead)[:MAX_PAGES_A_ROUND],
            reason=f"{len(worthy)} of {len(scores)} pages score {least:.2f} or more, which is "
            f"{READ_FROM_SHARE:.0%} of the best; at most {MAX_PAGES_A_ROUND} are read at once.",
        )

    async def read_pages(self, question: str, pages: list[str]) -> list[Claim]:
        """Read the pages at the same time; return the notes of all, in the order of `pages`."""
        await self.step(f"reading {', '.join(pages)}")
        notes = await asyncio.gather(*(self.read_page(question, page) for page in pages))
        return [claim for claims in notes for claim in claims]

    @trace_agent(tracer)
    async def read_page(self, question: str, page: str) -> list[Claim]:
        """Take notes of what a page says to the question."""
        if page not in self.pages:
            self.pages[page] = await asyncio.to_thread(self.look_up, page)
        passages = split_page(page, self.pages[page])
        self.passages.update((passage.id, passage) for passage in passages)
        self.statements[page] = split_statements(passages)
        documents = await asyncio.to_thread(self.find_statements, question, page=page)
        found = {document["id"] for document in documents}
        claims = [cite_statement(s) for s in self.statements[page] if s.id in found]
        await self.step(f"taking notes of {page}")
        return await self.writer.write(question, claims, limit=NOTES_A_PAGE) if claims else []

    @trace_retrieval(tracer, effect="read")
    def find_statements(self, query: str, *, page: str) -> list[Document]:
        """Search the sentences of one page."""
        return search_once(self.statements[page], query, limit=STATEMENTS_A_PAGE)

    async def find_more_pages(self, question: str, notes: list[Claim]) -> list[str]:
        """Decide whether the notes say enough, or which pages to read for what they lack."""
        known = [*self.statements, *(claim.text for claim in notes)]
        missing = find_missing_words(question, known)
        found = await self.search_for([" ".join(missing)] if missing else [])
        unread = [page for page in score_pages(found) if page not in self.statements]
        more = unread[:MAX_MORE_PAGES]
        tracer.decision(
            "judge_evidence",
            options=["answer now", "read more"],
            chosen="read more" if more else "answer now",
            reason=f"Not in the notes: {', '.join(missing) or 'no word of the question'}. "
            f"Pages that may tell: {', '.join(more) or 'none'}.",
        )
        return more

    @trace_agent(tracer)
    async def ask_fact_checker(self, question: str, draft: list[Claim]) -> list[Verdict]:
        """Hand the draft to a second agent. It has a run of its own."""
        await self.step(f"checking {len(draft)} claims")
        claims = [str(claim) for claim in draft]
        # A run within a run shares its correlation id.
        with tracer.run("fact_checker", input={"question": question, "claims": claims}) as run:
            verdicts = await FactChecker(self.index, self.passages).check(question, draft)
            run.set_output(verdicts)
        return verdicts

    def keep_claims(self, draft: list[Claim], verdicts: list[Verdict]) -> list[Claim]:
        """Decide what the answer says: the claims that the fact checker found supported."""
        kept = [c for c, v in zip(draft, verdicts, strict=True) if v.finding == "supported"]
        tracer.decision(
            "keep_claims",
            options=verdicts,
            chosen=[str(claim) for claim in kept],
            reason=f"{len(kept)} of {len(draft)} claims are supported and to the point.",
        )
        return kept

    async def step(self, text: str) -> None:
        """Tell a watching person what comes next, and give them `pace_s` seconds to see it."""
        say(text)
        if self.pace_s:
            await asyncio.sleep(self.pace_s)


class FactChecker:
    """Holds each claim against what it cites, and looks for a second source."""

    def __init__(self, index: Index, passages: dict[str, Passage]) -> None:
        self.index = index
        self.passages = passages

    async def check(self, question: str, draft: list[Claim]) -> list[Verdict]:
        """Return a verdict on each claim, in their order."""
        return await asyncio.gather(*(self.check_claim(question, claim) for claim in draft))

    @trace_agent(tracer)
    async def check_claim(self, question: str, claim: Claim) -> Verdict:
        """Search for the claim among all pages, and decide whether it holds."""
        documents = await asyncio.to_thread(self.find_sources, claim.text)
        cited = [self.passages[cite] for cite in claim.cites if cite in self.passages]
        pages = {passage.page for passage in cited}
        verdict = judge_claim(
            claim,
            relevance=self.index.measure_relevance(claim.text, question),
            cited=" ".join(passage.content for passage in cited),
            others=[document for document in documents if document["page"] not in pages],
        )
        tracer.decision(
            "judge_claim",
            options=["supported", "unsupported", "off topic"],
            chosen=verdict.finding,
            reason=verdict.explain(),
        )
        return verdict

    @trace_retrieval(tracer, effect="read")
    def find_sources(self, query: str) -> list[Document]:
        """Search all pages for passages that say the same."""
        return self.index.search(query, limit=HITS_PER_SEARCH)


class Summariser:
    """Writes offline, with LexRank: it picks sentences and makes none up. No language model."""

    def __init__(self, options: Options) -> None:
        self.label = f"{SUMMARISER_MODEL}, a local extractive summariser (not a language model)"

        @trace_llm(
            tracer,
            model=SUMMARISER_MODEL,
            cost_per_prompt_token=options.cost_per_prompt_token,
            cost_per_completion_token=options.cost_per_completion_token,
        )
        def summarise(sentences: list[str], *, limit: int) -> list[str]:
            chosen = pick_sentences(sentences, limit=limit)
            if span := tracer.current_span():
                span.set_attribute(semconv.PROVIDER_NAME, "sumy")
                # Nobody counts tokens here: an estimate, recorded as one.
                span.set_attribute(semconv.TOKEN_ESTIMATE_METHOD, ESTIMATE_METHOD)
                span.set_usage(
                    prompt_tokens=estimate_tokens(sentences),
                    completion_tokens=estimate_tokens(chosen),
                    source="estimated",
                )
            return chosen

        self.summarise = summarise

    async def write(self, question: str, statements: list[Claim], *, limit: int) -> list[Claim]:
        """Return the `limit` most central statements; all of them were found for the question."""
        del question
        claims = {claim.text: claim for claim in statements}
        chosen = await asyncio.to_thread(self.summarise, list(claims), limit=limit)
        return [claims[text] for text in chosen]


class ChatModel:
    """Writes with the model of an OpenAI-compatible endpoint, and asks again where that helps."""

    def __init__(self, endpoint: ChatEndpoint, options: Options) -> None:
        self.label = f"{endpoint.model} at {endpoint.base_url}"

        # The answer is returned as it came: the tokens that it reports are found in it.
        @trace_llm(
            tracer,
            model=endpoint.model,
            cost_per_prompt_token=options.cost_per_prompt_token,
            cost_per_completion_token=options.cost_per_completion_token,
        )
        async def chat(messages: Messages, *, attempt: int) -> Completion:
            note(semconv.RETRY_ATTEMPT, attempt)
            return await endpoint.post(messages)

        self.chat = chat

    async def write(self, question: str, statements: list[Claim], *, limit: int) -> list[Claim]:
        """Return the sentences of the model's answer, with what they cite."""
        lines = [str(statement) for statement in statements]
        messages = write_messages(question, lines, limit=limit)
        return parse_claims(read_text(await self.ask(messages)))

    async def ask(self, messages: Messages) -> Completion:
        """Return the endpoint's answer; each attempt is a span. ChatError when none succeeds."""
        for attempt in range(1, MAX_ATTEMPTS):
            try:
                return await self.chat(messages, attempt=attempt)
            except ChatError as error:
                if not error.retryable:
                    raise
                wait_s = error.choose_wait_s(attempt)
                say(f"attempt {attempt} failed, next in {wait_s:.1f} s: {error}")
                await asyncio.sleep(wait_s)
        return await self.chat(messages, attempt=MAX_ATTEMPTS)


async def research(
    options: Options, library: Library, writer: Writer, recording: Recording
) -> list[Claim]:
    """Answer the question in a run of its own; return the claims that hold."""
    with tracer.run(
        "research_agent",
        correlation_id=options.correlation_id,
        input={"question": options.question},
        attributes={"library": library.name, "pace_s": options.pace_s},
    ) as run:
        recording.announce(run.run_id)
        claims = await Researcher(library, writer, pace_s=options.pace_s).answer(options.question)
        run.set_output([str(claim) for claim in claims])
    return claims


def run(options: Options) -> int:
    """Answer, record and report; return 0 when done and 1 when the model failed."""
    library = Folder(options.folder) if options.folder else PythonDocs()
    endpoint = ChatEndpoint.from_environment(os.environ)
    writer = ChatModel(endpoint, options) if endpoint else Summariser(options)
    recording = Recording(tracer, options)
    code = 0
    try:
        claims = asyncio.run(research(options, library, writer, recording))
        print_answer(options.question, claims, written_by=writer.label)
    except ChatError as error:
        print(f"research_agent.py: {error}", file=sys.stderr)
        code = 1
    finally:
        tracer.shutdown()
    recording.print_summary()
    return code


def main(arguments: list[str]) -> int:
    """Run the program; return its exit code, which is 2 for a command line that cannot be."""
    try:
        return run(parse_options(arguments))
    except (UsageError, LibraryError) as error:
        print(f"research_agent.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130  # as a shell counts it: 128 + SIGINT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
