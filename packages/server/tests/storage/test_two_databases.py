"""The same records lead to the same rows, whichever database has them."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from agenttrace.wire.validation import WireError, parse_line
from agenttrace_server.storage.engine import Database

from ..support.dialects import ON_POSTGRESQL
from ..support.lines import (
    Record,
    check_records,
    make_call,
    make_event,
    make_payload,
    make_run,
    make_span,
)
from ..support.own import append_records
from ..support.stores import ARRIVAL_NS, final_state, read_tables, recordings

_EACH = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
# What databases disagree about: NUL, half of a pair, both directions, the ends of the planes.
_HOSTILE = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "a\0b",
            "\ud800",
            "\u202eevil\u2066",
            "\U0010ffff",
            "e\u0301",
            "\ufeff",
            "'; DROP TABLE run; --",
            "$1 :name %s ? \\",
            "{1,2}",
            "\\N",
            "\t\r\n",
        ]
    ),
)
_ANY_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), _HOSTILE),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(_HOSTILE, inner, max_size=3)
    ),
    max_leaves=8,
)


class _Undone(Exception):  # noqa: N818 -- no error, a way out
    """Carries what was read out of a transaction that is undone."""

    def __init__(self, found: dict[str, list[dict[str, Any]]]) -> None:
        super().__init__()
        self.found = found


def _try_out(connection: Connection, batches: Sequence[Sequence[Any]]) -> None:
    for batch in batches:
        append_records(connection, batch, now_ns=ARRIVAL_NS)
    raise _Undone(read_tables(connection))


async def _store_for_a_moment(
    database: Database, batches: Sequence[Sequence[Any]]
) -> dict[str, list[dict[str, Any]]]:
    """Return what the tables hold once the batches are in them."""
    try:
        await database.write(_try_out, batches)
    except _Undone as undone:
        return undone.found
    raise AssertionError("it was not undone")


@ON_POSTGRESQL
@_EACH
@given(recordings(), st.randoms(use_true_random=False), st.data())
async def test_any_batches_leave_the_same_rows(
    database: Database, recording: list[Record], shuffler: random.Random, data: st.DataObject
) -> None:
    """In any order and any batches, with repetitions: copied and merged rows are SQLite's."""
    lines = recording + [r for r in recording if data.draw(st.booleans())]
    shuffler.shuffle(lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(lines)), max_size=4)))
    parts = [lines[a:b] for a, b in zip([0, *cuts], [*cuts, len(lines)], strict=True)]
    found = await _store_for_a_moment(database, [check_records(part) for part in parts])
    assert found == final_state(*parts)


@st.composite
def _hostile_lines(draw: st.DrawFn) -> list[Record]:
    """Records with strange texts wherever the wire has a text."""
    run = make_run(
        status="COMPLETED",
        rev=draw(st.integers(0, 2)),
        name=draw(_HOSTILE),
        correlation_id=draw(_HOSTILE),
        tags=draw(st.lists(_HOSTILE, max_size=2)),
        attributes=draw(st.dictionaries(_HOSTILE, _HOSTILE, max_size=2)),
        input=make_payload(draw(_ANY_JSON)),
    )
    span = make_call(
        0,
        name=draw(_HOSTILE),
        model=draw(_HOSTILE),
        replay_key=draw(_HOSTILE),
        attributes=draw(st.dictionaries(_HOSTILE, _HOSTILE, max_size=2)),
        output=make_payload(draw(_ANY_JSON)),
    )
    error = {"type": draw(_HOSTILE), "message": draw(_HOSTILE), "traceback": draw(_HOSTILE)}
    failed = make_span(1, status="ERROR", error=error)
    event = make_event(3, name=draw(_HOSTILE), body=make_payload(draw(_ANY_JSON)))
    return [run, span, failed, event]


def _take_valid(records: Sequence[Record]) -> list[Record]:
    """Return the records that the server lets in."""
    valid = []
    for record in records:
        try:
            parse_line(json.dumps(record).encode())
        except WireError:
            continue
        valid.append(record)
    return valid


@ON_POSTGRESQL
@settings(_EACH, max_examples=60)
@given(_hostile_lines())
async def test_a_strange_text_is_refused_at_the_door_or_kept_as_it_is(
    database: Database, lines: list[Record]
) -> None:
    """Nothing that passes validation is too strange for a database, and none changes it."""
    valid = _take_valid(lines)
    found = await _store_for_a_moment(database, [check_records(valid)])
    assert found == final_state(valid)


def test_some_strange_records_are_let_in() -> None:
    """The test above is not about nothing: most of its texts are valid in most places."""
    record = make_span(0, name="\u202eevil", output=make_payload({"a\0b": "\0"}))
    assert _take_valid([record, make_span(1, name="a\0b")]) == [record]
