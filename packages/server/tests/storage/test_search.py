"""The index and its queries, held against a plain search in Python, on both databases."""

from __future__ import annotations

import asyncio
import itertools
import random
from typing import Any, Final

import pytest
from sqlalchemy import Connection, Select, text

from agenttrace_server.identity import DEFAULT_PROJECT
from agenttrace_server.services import search as service
from agenttrace_server.services.search import Indexer
from agenttrace_server.storage import search, sources
from agenttrace_server.storage.criteria import RunFilter
from agenttrace_server.storage.deletion import delete_details, delete_runs, list_unfinished
from agenttrace_server.storage.documents import write_match
from agenttrace_server.storage.engine import Database
from agenttrace_server.storage.keys import forbid_scans
from agenttrace_server.storage.words import TextQuery, list_words, parse_query

from ..support.dialects import ON_POSTGRESQL, ON_SQLITE
from ..support.lines import (
    check_records,
    make_payload,
    make_run,
    make_run_id,
    make_span,
    make_span_id,
)
from ..support.own import append_records
from ..support.plans import explain_query

WORDS: Final = ["alpha", "Beta", "gamma2", "naïve", "NAÏVE", "日本語", "İ", "x_y", "don't", "near"]
QUERIES: Final = [
    "alpha",
    "alpha beta",
    '"alpha beta"',
    '"beta alpha gamma2"',
    "naïve",
    "na*",
    "日*",
    "日本語 alpha",
    "i",
    '"x y"',
    "don t",
    "NEAR(alpha)",
    "gam* ",
    "absent",
    "alpha absent",
    "' OR 1=1",
    'a"b*',
    ":* & |",
]


async def _index(database: Database) -> None:
    while True:
        work = await database.read(search.read_work)
        assert await database.write(search.apply_work, work)
        if not work.has_more:
            return


async def _search(database: Database, query: str, **place: Any) -> list[str]:
    part = {"first": 200, "before": None, **place}
    page = await database.read(
        search.search_spans, parse_query(query), RunFilter(DEFAULT_PROJECT), **part
    )
    return [found.span.span_id for found in page.items]


def _says(texts: list[str], query: TextQuery) -> bool:
    lists = [list_words(part) for part in texts]
    for phrase in query.phrases:
        size = len(phrase)
        if not any(
            tuple(words[place : place + size]) == phrase
            for words in lists
            for place in range(len(words))
        ):
            return False
    prefix = query.prefix
    return prefix is None or any(word.startswith(prefix) for words in lists for word in words)


@pytest.mark.parametrize("newest", [(256, 4_096), (2, 30), (2, 2)])
async def test_search_finds_what_a_plain_search_finds(
    database: Database, monkeypatch: pytest.MonkeyPatch, newest: tuple[int, int]
) -> None:
    """Words, phrases and beginnings, in any script, and hostile texts; however far it looks."""
    monkeypatch.setattr(search, "NEWEST", newest[0])
    monkeypatch.setattr(search, "MAX_NEWEST", newest[1])
    chance = random.Random(4)
    texts: dict[int, list[str]] = {}
    records = [make_run()]
    for number in range(60):
        said = [" ".join(chance.choices(WORDS, k=4)) for _ in range(2)]
        texts[number] = [f"step {number}", said[0], f"k {said[1]}"]
        parts: dict[str, Any] = {
            "input": make_payload(said[0]),
            "output": make_payload({"k": said[1]}),
        }
        records.append(make_span(number, **parts))
    await database.write(append_records, check_records(records))
    await _index(database)
    for query in QUERIES:
        asked = parse_query(query)
        expected = [make_span_id(n) for n in sorted(texts, reverse=True) if _says(texts[n], asked)]
        if not asked.is_empty:
            assert await _search(database, query) == expected, query
            assert await _search(database, query, first=3) == expected[:3], query


async def test_pages_of_a_search_make_the_whole_list(database: Database) -> None:
    """Each span once, the last to arrive first."""
    spans = [make_span(number, name="needle") for number in range(7)]
    await database.write(append_records, check_records([make_run(), *spans]))
    await _index(database)
    found: list[int] = []
    before = None
    while True:
        query = parse_query("needle")
        page = await database.read(
            search.search_spans, query, RunFilter(DEFAULT_PROJECT), first=3, before=before
        )
        found += [item.span.seq for item in page.items]
        if not page.has_next:
            break
        before = page.items[-1].doc_id
    assert found == [6, 5, 4, 3, 2, 1, 0]


async def test_a_span_that_changes_is_found_by_what_it_is_now(database: Database) -> None:
    """Its old words are gone, and its place in the list is the one it had."""
    first = make_span(0, status="STARTED", rev=0, input=make_payload("before"))
    await database.write(append_records, check_records([make_run(), first, make_span(1)]))
    await _index(database)
    assert await _search(database, "before") == [make_span_id(0)]
    await database.write(
        append_records, check_records([make_span(0, output=make_payload("after"))])
    )
    await _index(database)
    assert await _search(database, "after") == [make_span_id(0)]
    assert await _search(database, "step") == [make_span_id(1), make_span_id(0)]


async def test_work_that_another_did_meanwhile_is_not_done_again(database: Database) -> None:
    """Two servers over one store index every span once."""
    await database.write(append_records, check_records([make_run(), make_span()]))
    one, two = [await database.read(search.read_work) for _ in range(2)]
    assert await database.write(search.apply_work, one)
    assert not await database.write(search.apply_work, two)
    assert await _search(database, "step") == [make_span_id(0)]


async def test_whoever_comes_second_indexes_what_the_first_did_not_see(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The work of another server may be of an earlier end: the rest waits for no new commit."""
    await database.write(append_records, check_records([make_run(), make_span(0)]))
    earlier = [await database.read(search.read_work)]
    await database.write(append_records, check_records([make_span(1)]))
    apply = search.apply_work

    def come_second(connection: Connection, work: search.IndexWork) -> bool:
        if earlier:
            assert apply(connection, earlier.pop())
        return apply(connection, work)

    async def rest(_seconds: float) -> None:
        """Take no time."""

    monkeypatch.setattr(search, "apply_work", come_second)
    indexer = Indexer(database, sleep=rest)
    while await indexer._index_batch():
        pass
    assert await database.read(search.read_lag) == 0
    assert await _search(database, "step") == [make_span_id(1), make_span_id(0)]


async def test_while_records_are_stored_the_indexer_rests(database: Database) -> None:
    """After each batch, four times as long as it took; then it works on, and forgets nothing."""
    spans = [make_span(number) for number in range(1_200)]
    await database.write(append_records, check_records([make_run(), *spans]))
    ticks, rests = itertools.count(), []

    async def store_more(seconds: float) -> None:
        rests.append(seconds)
        if len(rests) < 4:
            await database.write(append_records, check_records([make_span(len(rests), rev=9)]))

    # By this clock each reading and each writing takes a hundredth of a second.
    indexer = Indexer(database, clock=lambda: next(ticks) / 100, sleep=store_more)
    assert await indexer._index_batch()
    assert not rests  # nobody stores
    await database.write(append_records, check_records([make_span(0, rev=9)]))
    while await database.read(search.read_lag):
        await indexer._index_batch()
    assert rests[:2] == [pytest.approx(0.08)] * 2


async def test_of_two_servers_one_indexes_and_the_other_stands_by(database: Database) -> None:
    """It does not read what the other will have written, and goes on when that one is gone."""
    spans = [make_span(number) for number in range(1_200)]
    await database.write(append_records, check_records([make_run(), *spans]))
    rests = []

    async def note(seconds: float) -> None:
        rests.append(seconds)

    one, two = Indexer(database, sleep=note), Indexer(database, sleep=note)
    assert await one._index_batch()
    assert await two._index_batch()
    before = await database.read(search.read_lag)
    assert await one._index_batch()  # sees that the other was at it
    assert rests == [service.STANDBY_S]
    assert await database.read(search.read_lag) == before
    while await one._index_batch():  # the other is gone
        pass
    assert rests == [service.STANDBY_S]
    assert await database.read(search.read_lag) == 0


async def test_the_indexer_outlives_a_failure_and_tells_of_it(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Also of one that nobody expected: what waits is indexed once it is over."""
    failures = [ValueError("planted"), ValueError("planted")]
    read = search.read_work

    def read_or_fail(connection: Connection, *, limit: int) -> search.IndexWork:
        if failures:
            raise failures.pop()
        return read(connection, limit=limit)

    monkeypatch.setattr(search, "read_work", read_or_fail)
    monkeypatch.setattr(service, "RETRY_S", 0)
    await database.write(append_records, check_records([make_run(), make_span()]))
    indexer = Indexer(database)
    indexer.start()
    try:
        async with asyncio.timeout(20):
            while await database.read(search.read_lag):
                pass
    finally:
        await indexer.close()
    assert await _search(database, "step") == [make_span_id(0)]
    assert caplog.text.count("ValueError: planted") == 1


async def test_work_that_broke_off_is_found_again(database: Database) -> None:
    """Documents and position are of one transaction: a crash between them undoes both."""
    await database.write(append_records, check_records([make_run(), make_span()]))
    work = await database.read(search.read_work)

    def break_off(connection: Connection) -> None:
        search.apply_work(connection, work)
        raise RuntimeError("the power is gone")

    with pytest.raises(RuntimeError):
        await database.write(break_off)
    assert await _search(database, "step") == []
    assert await database.read(search.read_lag) > 0
    await _index(database)
    assert await _search(database, "step") == [make_span_id(0)]


async def test_of_each_text_the_beginning_is_searched(database: Database) -> None:
    """What stands in pieces as what stands in the row; of every kind; and nothing after it."""
    limits = sources.TEXT_BYTES
    parts: dict[str, Any] = {
        "input": make_payload(["é" + "x " * 2_000, "inside", "y " * 4_000, "beyond"]),
        "output": make_payload([{"role": "user", "content": f"part{n} " * 100} for n in range(30)]),
        "error": {"type": "E", "message": "failing " + "z" * 1_500 + " reason"},
        "attributes": {"color": "purple", "rest": "w " * 600 + "unsaid"},
    }
    await database.write(append_records, check_records([make_run(), make_span(**parts)]))
    await _index(database)
    found = {
        word: bool(await _search(database, word))
        for word in ("inside", "beyond", "part0", "part29", "failing", "reason", "purple", "unsaid")
    }
    assert found == {
        "inside": True,
        "beyond": False,
        "part0": True,
        "part29": False,
        "failing": True,
        "reason": True,
        "purple": True,
        "unsaid": False,
    }
    assert set(limits) == {"input", "output", "error", "attributes"}


async def test_large_texts_are_indexed_in_batches(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch ends where its texts or its changes do, and nothing is left out."""
    monkeypatch.setattr(sources, "MAX_BATCH_BYTES", 100)
    spans = [make_span(number, input=make_payload("x" * 60)) for number in range(9)]
    await database.write(append_records, check_records([make_run(), *spans]))
    assert len((await database.read(search.read_work)).documents) == 1
    monkeypatch.setattr(sources, "MAX_BATCH_BYTES", 1_000)
    assert len((await database.read(search.read_work, limit=5)).documents) == 2
    await _index(database)
    assert len(await _search(database, "step")) == 9
    assert await database.read(search.read_lag) == 0


async def test_the_words_of_a_deleted_run_are_gone(database: Database) -> None:
    """From the list, and from the files of the index."""
    for run in range(2):
        records = [make_run(run), make_span(run, run=run, name=f"secret{run}")]
        await database.write(append_records, check_records(records))
    await _index(database)
    await database.write(delete_runs, [make_run_id(0)], project_id=DEFAULT_PROJECT, now_ns=1)
    assert await _search(database, "secret*") == [make_span_id(1)]
    assert await database.read(list_unfinished) == [make_run_id(0)]
    assert await database.write(delete_details, [make_run_id(0)]) == []
    assert await database.read(_count_documents) == 1


async def test_a_run_that_is_deleted_meanwhile_is_not_indexed(database: Database) -> None:
    """What was read before the deletion is not written after it."""
    await database.write(append_records, check_records([make_run(), make_span()]))
    work = await database.read(search.read_work)
    await database.write(lambda connection: connection.execute(text("DELETE FROM run")))
    await database.write(search.apply_work, work)
    assert await database.read(_count_documents) == 0


def _count_documents(connection: Connection) -> int:
    found = connection.execute(text("SELECT count(*) FROM search_document")).scalar_one()
    if connection.dialect.name == "sqlite":
        words = connection.execute(text("SELECT count(*) FROM search_words")).scalar_one()
        assert words == found
    return int(found)


@ON_SQLITE
async def test_a_search_looks_words_up(database: Database) -> None:
    """By the index of words, and from the last place on: no document is read in vain or sorted."""
    match = write_match(parse_query("a b*"), sqlite=True)
    query = search.select_in_order(match, [], 9)
    plan = await database.read(explain_query, query)
    assert plan[0].startswith("SCAN search_words VIRTUAL TABLE INDEX")
    assert plan[1].startswith("SEARCH search_document USING INTEGER PRIMARY KEY")
    assert plan[2].startswith("SEARCH run USING")
    assert len(plan) == 3, plan


@ON_POSTGRESQL
@pytest.mark.parametrize("before", [None, 700])
async def test_a_search_goes_through_no_table(database: Database, before: int | None) -> None:
    """What is frequent is found among the last documents, in their order, the rest by its words.

    Also where the planner thinks that going along the order would end soon.
    """
    spans = [make_span(number) for number in range(400)]
    await database.write(append_records, check_records([make_run(), *spans]))
    await _index(database)
    await database.write(lambda c: c.execute(text("ANALYZE search_document")).rowcount)
    match = write_match(parse_query("step"), sqlite=False)

    def explain(connection: Connection, query: Select[Any]) -> list[str]:
        forbid_scans(connection)
        return explain_query(connection, query)

    newest = await database.read(explain, search.select_newest(match, [], before, 9))
    assert not [step for step in newest if "Seq Scan" in step or "Sort" in step], newest
    assert any("_doc_id_idx on search_document" in step for step in newest), newest
    matching = await database.read(explain, search.select_matching(match, [], before).limit(9))
    assert not [step for step in matching if "Seq Scan" in step or "doc_id_idx" in step], matching
    assert any("_words_idx" in step for step in matching), matching


@ON_POSTGRESQL
async def test_spans_that_were_found_are_looked_up(database: Database) -> None:
    """Reading them goes through no partition, though their keys are a text to the planner."""
    await database.write(append_records, check_records([make_run(), make_span()]))
    await _index(database)
    scanned = text("SELECT sum(seq_scan) FROM pg_stat_xact_user_tables WHERE relname ~ '^span'")

    def search_and_count(connection: Connection) -> int:
        query = parse_query("step")
        page = search.search_spans(
            connection, query, RunFilter(DEFAULT_PROJECT), first=9, before=None
        )
        assert len(page.items) == 1
        return int(connection.execute(scanned).scalar_one())

    assert await database.read(search_and_count) == 0
