"""Beginnings of long texts, and texts in steps: no more is read than is asked for."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from agenttrace.wire.validation import parse_line
from agenttrace_server.errors import GoneError
from agenttrace_server.records import PayloadHead
from agenttrace_server.storage import long_texts
from agenttrace_server.storage.contents import PieceKey, read_pieces
from agenttrace_server.storage.engine import Database
from agenttrace_server.storage.long_texts import read_beginnings, read_long_texts, read_step
from agenttrace_server.storage.payloads import read_heads

from ..support.lines import check_records, make_payload, make_run, make_run_id
from ..support.own import append_records

_VALUES = st.lists(
    st.one_of(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
        st.sampled_from(["é" * 700, "😀" * 20_000, "x" * 70_000, '[{"a', "\n" * 600]),
    ),
    max_size=12,
)


async def _store(database: Database, value: object, *, number: int = 0) -> PayloadHead:
    # Characters as they are: written as escapes they would all be of one byte.
    line = json.dumps(make_run(number, input=make_payload(value)), ensure_ascii=False)
    await database.write(append_records, [parse_line(line.encode())])
    key = (make_run_id(number), "", "input")
    return (await database.read(read_heads, [key]))[key]


async def _read_steps(database: Database, head: PayloadHead) -> list[bytes]:
    steps: list[bytes] = []
    at: int | None = 0
    while at is not None:
        step, at = await database.read(read_step, head, at)
        steps.append(step)
    return steps


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(number=st.integers(0, 2**100), value=_VALUES, max_bytes=st.integers(1, 262_144))
async def test_beginning_whole_and_steps_agree(
    database: Database, number: int, value: list[str], max_bytes: int
) -> None:
    """A beginning is the longest of whole characters that fits; the steps are the text."""
    head = await _store(database, value, number=number)
    (whole,) = await database.read(read_long_texts, [head])
    text = whole.encode()
    assert len(text) == head.size_bytes
    assert b"".join(await _read_steps(database, head)) == text
    (beginning,) = await database.read(read_beginnings, [head], max_bytes=max_bytes)
    assert whole.startswith(beginning)
    assert len(beginning.encode()) <= max_bytes
    more = whole[: len(beginning) + 1].encode()
    assert beginning == whole or len(more) > max_bytes


async def test_steps_are_bounded_however_small_the_pieces(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long text comes in steps of the limit, whether its pieces are small or large."""
    monkeypatch.setattr(long_texts, "BYTES_A_STEP", 200_000)
    value = [{"n": n, "text": "x" * 1_100} for n in range(400)] + [{"text": "y" * 400_000}]
    head = await _store(database, value)
    steps = await _read_steps(database, head)
    assert json.loads(b"".join(steps)) == value
    assert len(steps) > 4
    assert max(map(len, steps)) <= 200_000


async def test_a_beginning_reads_the_pieces_in_which_it_is(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a text of millions of bytes two kilobytes are asked for: one piece is read."""
    head = await _store(database, "x" * 5_000_000)
    read: list[PieceKey] = []

    def note(connection: Connection, keys: list[PieceKey]) -> dict[PieceKey, bytes]:
        read.extend(keys)
        return read_pieces(connection, keys)

    monkeypatch.setattr(long_texts, "read_pieces", note)
    (text,) = await database.read(read_beginnings, [head], max_bytes=2_048)
    assert (len(text), len(read)) == (2_048, 1)


async def test_many_beginnings_come_in_their_order(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when they are more than are read at once, long and short ones mixed."""
    monkeypatch.setattr(long_texts, "HEADS_A_STEP", 3)
    values = [str(n) * (1_000 * (n % 3) + 1) for n in range(10)]
    runs = [make_run(n, input=make_payload(value)) for n, value in enumerate(values)]
    await database.write(append_records, check_records(runs))
    keys = [(make_run_id(n), "", "input") for n in range(10)]
    heads = await database.read(read_heads, keys)
    found = await database.read(read_beginnings, [heads[key] for key in keys], max_bytes=9)
    assert found == [json.dumps(value)[:9] for value in values]


async def test_a_text_that_was_deleted_is_said_to_be_gone(database: Database) -> None:
    """Its head was read before: whole, beginning and step say so, none gives a part."""
    head = await _store(database, "x" * 5_000)
    lost = head._replace(run_id=make_run_id(9))
    with pytest.raises(GoneError):
        await database.read(read_long_texts, [lost])
    with pytest.raises(GoneError):
        await database.read(read_beginnings, [lost], max_bytes=9)
    with pytest.raises(GoneError):
        await database.read(read_step, lost, 0)
