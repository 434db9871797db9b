"""Texts come back byte for byte, however they are kept, and a history is kept once."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event, func, select

from agenttrace_server.storage import pieces
from agenttrace_server.storage.engine import Database
from agenttrace_server.storage.events import read_events
from agenttrace_server.storage.long_texts import read_long_texts
from agenttrace_server.storage.payloads import read_payloads
from agenttrace_server.storage.pieces import Pieces, cut, decompress, split_digests
from agenttrace_server.storage.tables import CONTENT, PAYLOAD

from ..support.lines import (
    Record,
    check_records,
    make_event,
    make_payload,
    make_run,
    make_run_id,
    make_span,
    make_span_id,
)
from ..support.own import append_records

RUN_ID = make_run_id(0)
WORDS = (
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "lazy",
    "dogs",
    "while",
    "nobody",
    "looks",
)


def _make_message(number: int) -> str:
    """About 500 characters that no other message has."""
    return " ".join(f"{WORDS[(number * n) % len(WORDS)]}{number}" for n in range(1, 75))


def _make_chat(turns: int) -> list[Record]:
    """A call a turn, each with all messages before it."""
    messages: list[dict[str, str]] = []
    calls = []
    for turn in range(turns):
        messages.append({"role": "user", "content": _make_message(turn)})
        value = make_payload({"model": "gpt-4", "messages": [*messages]})
        calls.append(make_span(turn, span_type="LLM_CALL", input=value))
    return calls


# Texts that are long, that have seams, and whose characters have up to four bytes.
_TEXTS = st.lists(
    st.one_of(
        st.text(max_size=30),
        st.sampled_from(
            ['[{"role":', ', {"', ',{"a', "é€😀", "x" * 700, "é" * 40_000, '"\\"[{\\"']
        ),
        st.integers(0, 9).map(_make_message),
    ),
    max_size=40,
).map("".join)


@settings(max_examples=200, deadline=None)
@given(_TEXTS)
def test_pieces_are_the_text(text: str) -> None:
    """Cut, told apart, compressed and joined, any text is what it was, to the byte."""
    whole = text.encode(errors="replace")
    assert b"".join(cut(whole)) == whole
    assert all(0 < len(piece) <= pieces.MAX_PIECE_BYTES for piece in cut(whole))
    kept = Pieces()
    ((*_, inline, _types, parts),) = kept.take_out(
        [(RUN_ID, "", "input", whole.decode(), "", None)]
    )
    if inline is not None:
        assert (inline.encode(), parts) == (whole, None)
        return
    stored = {digest: decompress(data, size) for _, digest, size, data in kept.dump(set())}
    assert b"".join(stored[digest] for digest in split_digests(parts)) == whole


@settings(max_examples=50, deadline=None)
@given(_TEXTS, st.text(max_size=2_000))
def test_texts_that_begin_alike_share_their_pieces(text: str, end: str) -> None:
    """What is added at the end of a text changes its last piece at most."""
    before, after = cut(text.encode(errors="replace")), cut((text + end).encode(errors="replace"))
    assert after[: max(len(before) - 1, 0)] == before[:-1]


async def test_long_texts_come_back_as_they_were(database: Database) -> None:
    """Of runs, spans, errors and events: with characters of four bytes cut anywhere."""
    value = "😀é" * 50_000
    records = [
        make_run(input=make_payload(value), attributes={"long": value[:5_000]}),
        make_span(0, output=make_payload({"short": 1}), input=make_payload([{"a": value}])),
        make_span(1, status="ERROR", error={"type": "E", "message": value}),
        make_event(5, body=make_payload(value)),
        make_event(6),
    ]
    (run, first, failed, happened, _) = check_records(records)
    await database.write(append_records, [run, first, failed, happened])
    await database.write(append_records, check_records(records))
    spans = [make_span_id(0), make_span_id(1)]
    keys = [
        (RUN_ID, "", "input"), (RUN_ID, "", "attributes"), (RUN_ID, spans[0], "input"),
        (RUN_ID, spans[0], "output"), (RUN_ID, spans[1], "error"),
    ]  # fmt: skip
    found = await database.read(read_payloads, keys)
    assert [json.loads(found[key].value_json) for key in keys[:4]] == [
        value, {"long": value[:5_000]}, [{"a": value}], {"short": 1}
    ]  # fmt: skip
    assert json.loads(found[keys[4]].value_json)["message"] == value
    assert all(text.size_bytes == len(text.value_json.encode()) for text in found.values())
    events = await database.read(read_events, RUN_ID, [5, 6])
    assert events[5].body is not None
    (body,) = await database.read(read_long_texts, [events[5].body])
    assert json.loads(body) == value
    assert events[6].body is None


async def test_a_chat_costs_what_is_new_in_it(database: Database) -> None:
    """A hundred turns, each with the whole history, are kept in a twentieth of their bytes."""

    def count_bytes(connection: Connection) -> tuple[int, int, int]:
        texts = select(func.sum(PAYLOAD.c.size_bytes), func.sum(func.length(PAYLOAD.c.parts)))
        size_bytes, parts = connection.execute(texts).one()
        data = connection.execute(select(func.sum(func.length(CONTENT.c.data)))).scalar_one()
        return int(size_bytes), int(parts), int(data)

    stored = []
    for turn in _make_chat(100):
        await database.write(append_records, check_records([turn]))
        if turn["seq"] + 1 in (50, 100):
            stored.append(await database.read(count_bytes))
    (_, _, half), (size_bytes, parts, whole) = stored
    assert size_bytes > 2_500_000
    assert parts + whole < size_bytes / 20
    assert whole < 2.3 * half  # of twice the turns; the texts are four times as long


async def test_texts_of_a_page_are_one_statement_more(database: Database) -> None:
    """However many texts have pieces, and however many pieces they have."""
    await database.write(append_records, check_records([make_run(), *_make_chat(40)]))

    def count(connection: Connection, spans: int) -> int:
        seen = []
        keys = [(RUN_ID, make_span_id(n), "input") for n in range(spans)]

        def note(*_: object) -> None:
            seen.append(1)

        event.listen(connection, "before_cursor_execute", note)
        assert len(read_payloads(connection, keys)) == spans
        event.remove(connection, "before_cursor_execute", note)
        return len(seen)

    assert [await database.read(count, spans) for spans in (4, 40)] == [2, 2]
