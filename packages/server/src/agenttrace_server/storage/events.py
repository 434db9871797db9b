"""Reading events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import Connection, Row, Select, and_, func, select

from agenttrace_server.records import Event, Page, PayloadHead
from agenttrace_server.storage.keys import join_keys
from agenttrace_server.storage.payloads import make_head
from agenttrace_server.storage.tables import EVENT, RUN, RUN_OWNER

if TYPE_CHECKING:
    from collections.abc import Sequence

OwnerKey: TypeAlias = tuple[str, str]
"""Run id and span id (`RUN_OWNER` for events of the run itself)."""


def list_events(
    connection: Connection, owners: Sequence[OwnerKey], *, first: int, after_seq: int
) -> dict[OwnerKey, Page[Event]]:
    """Return the first events after a position, of each span (or run), in the order of `seq`."""
    rank = func.row_number().over(
        partition_by=(EVENT.c.run_id, EVENT.c.span_id), order_by=EVENT.c.seq
    )
    # The rank is counted over an index; only the rows of the page are read.
    ranked = select(EVENT.c.run_id, EVENT.c.seq, rank.label("rank"))
    ranked = ranked.select_from(join_keys(EVENT, owners, "run_id", "span_id"))
    part = ranked.where(EVENT.c.seq > after_seq).subquery()
    same = and_(EVENT.c.run_id == part.c.run_id, EVENT.c.seq == part.c.seq)
    source = part.join(EVENT, same).join(RUN, RUN.c.run_id == EVENT.c.run_id)
    query = _select_events().select_from(source).where(part.c.rank <= first + 1)
    found: dict[OwnerKey, list[Event]] = {owner: [] for owner in owners}
    rows = connection.execute(query.order_by(EVENT.c.seq)).all()
    for row in rows:
        found[row.run_id, row.span_id].append(_make_event(row))
    return {
        owner: Page(tuple(events[:first]), len(events) > first, after_seq >= 0)
        for owner, events in found.items()
    }


def read_events(connection: Connection, run_id: str, seqs: Sequence[int]) -> dict[int, Event]:
    """Return the events of a run that have these positions."""
    keys = [(run_id, seq) for seq in seqs]
    query = _select_events().select_from(
        join_keys(EVENT, keys, "run_id", "seq").join(RUN, RUN.c.run_id == EVENT.c.run_id)
    )
    return {row.seq: _make_event(row) for row in connection.execute(query)}


def read_body_heads(
    connection: Connection, keys: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], PayloadHead]:
    """Return what is known of the bodies of events that have one, by run id and `seq`."""
    source = join_keys(EVENT, keys, "run_id", "seq").join(RUN, RUN.c.run_id == EVENT.c.run_id)
    rows = connection.execute(select(EVENT).select_from(source))
    found = {(row.run_id, row.seq): _make_body(row) for row in rows}
    return {key: head for key, head in found.items() if head is not None}


def read_body_head(connection: Connection, run_id: str, seq: int) -> PayloadHead | None:
    """Return what is known of an event's body; None: there is no such event, or it has none."""
    query = select(EVENT).join(RUN, RUN.c.run_id == EVENT.c.run_id)
    query = query.where(EVENT.c.run_id == run_id, EVENT.c.seq == seq)
    row = connection.execute(query).first()
    return None if row is None else _make_body(row)


def _make_event(row: Row[Any]) -> Event:
    return Event(
        run_id=row.run_id,
        span_id=None if row.span_id == RUN_OWNER else row.span_id,
        seq=row.seq,
        t_ns=row.t_ns,
        offset_ns=row.offset_ns,
        name=row.name,
        body=_make_body(row),
        run_start_ns=row.run_start_ns,
    )


def _make_body(row: Row[Any]) -> PayloadHead | None:
    return None if row.value_json is None and row.parts is None else make_head(row)


def _select_events() -> Select[Any]:
    return select(EVENT, RUN.c.start_ns.label("run_start_ns"))
