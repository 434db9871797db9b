"""A run as it was recorded: lines of the wire format, texts byte for byte.

A run or span is written as one snapshot, with the rank of the best that was seen. Fields that only
an older snapshot gave follow in a line of that one's rank, so that a store which takes the lines in
has the same state, and loses or keeps each field to later records as this one does. The best comes
first: whoever stops reading early, or hears of the recorder meanwhile, has what this store shows.
"""

from __future__ import annotations

from collections import namedtuple
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import BigInteger, Integer, String, bindparam, func, literal_column, select

from agenttrace.wire import WIRE_VERSION
from agenttrace_server.records import PayloadKind
from agenttrace_server.storage.contents import count_fitting, read_texts
from agenttrace_server.storage.merge import is_of_ended, load_older
from agenttrace_server.storage.payloads import make_payload, read_payloads
from agenttrace_server.storage.statements import Statement
from agenttrace_server.storage.tables import EVENT, PAYLOAD, RUN, RUN_OWNER, SPAN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Column, Connection, Row, Table
    from sqlalchemy.types import TypeEngine

    from agenttrace_server.records import Payload

LINES_A_STEP: Final = 1_000
BYTES_A_STEP: Final = 4 * 1024 * 1024
"""Of texts; one span, event or run may have more."""

_REV_MASK: Final = (1 << 53) - 1
_KINDS: Final = tuple(kind.value for kind in PayloadKind)
_RUN_FIELDS: Final = (
    "run_id", "name", "correlation_id", "start_ns", "end_ns", "duration_ns", "replayed_from",
    "forked_at", "end_seq", "complete",
)  # fmt: skip
_SPAN_FIELDS: Final = (
    "run_id", "span_id", "parent_span_id", "name", "span_type", "status", "start_ns", "end_ns",
    "duration_ns", "seq", "end_seq", "lane", "effect", "outcome", "model", "replay_key",
    "input_hash", "hash_version", "fn_hash", "boundary",
)  # fmt: skip
_USAGE_FIELDS: Final = (
    "prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens", "cache_write_tokens",
    "reasoning_tokens",
)  # fmt: skip
_EVENT_FIELDS: Final = ("run_id", "seq", "t_ns", "offset_ns", "name")
_EVERY_LINE: Final = (
    "type", "run_id", "span_id", "name", "span_type", "status", "start_ns", "seq", "lane", "effect",
    "rev",
)  # fmt: skip
"""What no snapshot goes without: of an older one it says nothing, as the best has it, too."""
_WIRE_NAMES: Final = {"links_json": "links", "dropped_json": "dropped"}


def _pick_from(table: Table, names: Sequence[str]) -> Callable[[Row[Any]], dict[str, Any]]:
    """Return what takes the known ones of these columns out of a row of a table, by place."""
    take = itemgetter(*map(table.c.keys().index, names))

    def pick(row: Row[Any]) -> dict[str, Any]:
        return {
            name: value for name, value in zip(names, take(row), strict=True) if value is not None
        }

    return pick


_pick_run: Final = _pick_from(RUN, _RUN_FIELDS)
_pick_span: Final = _pick_from(SPAN, _SPAN_FIELDS)
_pick_usage: Final = _pick_from(SPAN, _USAGE_FIELDS)
_pick_event: Final = _pick_from(EVENT, _EVENT_FIELDS)

# Read as SQLAlchemy's rows are, by name, but made of what the driver gives.
_make_class: Final[Any] = namedtuple  # noqa: PYI024 -- the columns are the table's
_SpanRow: Final = _make_class("_SpanRow", SPAN.c.keys())
_EventRow: Final = _make_class("_EventRow", EVENT.c.keys())
_PayloadRow: Final = _make_class("_PayloadRow", PAYLOAD.c.keys())

_OF_RUN: Final = bindparam("run_id", type_=String())
_PLACE: Final = (
    PAYLOAD.c.run_id == _OF_RUN,
    PAYLOAD.c.span_id.between(
        bindparam("first", type_=String()), bindparam("last", type_=String())
    ),
)


def _prepare_next(key: Column[Any], kind: TypeEngine[Any]) -> Statement:
    """Return what reads the next rows of a run by a column that comes after the run's id."""
    table = key.table
    return Statement(
        select(table)
        .where(table.c.run_id == _OF_RUN, key > bindparam("after", type_=kind))
        .order_by(key)
        .limit(bindparam("count", type_=Integer()))
        .offset(literal_column("0"))  # else SQLAlchemy gives SQLite a value without a name
    )


_SPANS: Final = _prepare_next(SPAN.c.span_id, String())
_EVENTS: Final = _prepare_next(EVENT.c.seq, BigInteger())
_SIZES: Final = Statement(
    select(PAYLOAD.c.span_id, func.sum(PAYLOAD.c.size_bytes))
    .where(*_PLACE)
    .group_by(PAYLOAD.c.span_id)
)
_TEXTS: Final = Statement(select(PAYLOAD).where(*_PLACE))


def read_run_line(connection: Connection, run_id: str) -> bytes | None:
    """Return the lines of the run's own record; empty while it has none, None: no such run."""
    row = connection.execute(select(RUN).where(RUN.c.run_id == run_id)).first()
    if row is None:
        return None
    if row.rank < 0:
        return b""
    keys = [(run_id, RUN_OWNER, kind) for kind in _KINDS]
    texts = {key[2]: text for key, text in read_payloads(connection, keys).items()}
    fields = _pick_run(row)
    fields.update(type="run", status=row.recorded_status, rev=row.rank & _REV_MASK)
    raw = {**_list_texts(texts), "tags": row.tags, "links": row.links_json}
    raw["dropped"] = row.dropped_json
    return _write_snapshot(row, fields, raw)


def read_start_line(connection: Connection, run_id: str) -> bytes:
    """Return what says when a run without a record of its own began; empty where its parts do.

    It is shown with the earliest start that was ever seen. Where a better snapshot of the span
    says a later one, an old snapshot of some span says it: the least one, which loses to all. It
    comes after the best one of that span: before it, it would keep out a real one of its rank.
    """
    earliest = [
        select(func.min(column)).where(table.c.run_id == run_id).scalar_subquery()
        for table, column in ((SPAN, SPAN.c.start_ns), (EVENT, EVENT.c.t_ns))
    ]
    query = select(RUN.c.rank, RUN.c.start_ns, *earliest).where(RUN.c.run_id == run_id)
    found = connection.execute(query).first()
    if found is None or found.rank >= 0 or found.start_ns in found[2:]:
        return b""
    merged = select(SPAN).where(SPAN.c.run_id == run_id, SPAN.c.rank > 0)
    row = connection.execute(merged.order_by(SPAN.c.span_id).limit(1)).one()
    return _join(_begin_older(_list_span_fields(row), 0, found.start_ns), {})


def read_span_lines(
    connection: Connection, run_id: str, after: str
) -> tuple[bytes, str | None] | None:
    """Return the next spans by id, and where to go on; None for that at the end.

    By id: `seq` may still change, and a span that changed its place would be missed. None when
    the run has been deleted.
    """
    if _is_gone(connection, run_id):
        return None
    found = _SPANS.read(connection, run_id=run_id, after=after, count=LINES_A_STEP)
    page = [_SpanRow._make(row) for row in found]
    rows = page[: count_fitting(_read_sizes(connection, run_id, page), BYTES_A_STEP)]
    texts = _read_texts(connection, run_id, rows)
    lines = b"".join(_write_span(row, texts[row.span_id]) for row in rows)
    is_last = len(rows) == len(page) < LINES_A_STEP
    return lines, None if is_last else rows[-1].span_id


def read_event_lines(
    connection: Connection, run_id: str, after_seq: int
) -> tuple[bytes, int | None] | None:
    """Return the next events by `seq`, and where to go on; None for that at the end.

    None when the run has been deleted.
    """
    if _is_gone(connection, run_id):
        return None
    found = _EVENTS.read(connection, run_id=run_id, after=after_seq, count=LINES_A_STEP)
    page = [_EventRow._make(row) for row in found]
    rows = page[: count_fitting((row.size_bytes or 0 for row in page), BYTES_A_STEP)]
    lines = []
    for row, text in zip(rows, read_texts(connection, rows), strict=True):
        fields = {**_pick_event(row), "type": "event"}
        if row.span_id != RUN_OWNER:
            fields["span_id"] = row.span_id
        body = None if text is None else _write_payload(make_payload(row, text))
        lines.append(_join(fields, {"body": body}))
    is_last = len(rows) == len(page) < LINES_A_STEP
    return b"".join(lines), None if is_last else rows[-1].seq


def _read_sizes(connection: Connection, run_id: str, page: Sequence[Row[Any]]) -> list[int]:
    """Return the bytes of the texts of each span."""
    if not page:
        return []
    place = {"run_id": run_id, "first": page[0].span_id, "last": page[-1].span_id}
    sizes = {span_id: int(size_bytes) for span_id, size_bytes in _SIZES.read(connection, **place)}
    return [sizes.get(row.span_id, 0) for row in page]


def _read_texts(
    connection: Connection, run_id: str, rows: Sequence[Row[Any]]
) -> dict[str, dict[str, Payload]]:
    """Return the texts of spans that follow each other, by span id and kind."""
    texts: dict[str, dict[str, Payload]] = {row.span_id: {} for row in rows}
    if not rows:
        return texts
    # One way along the index: a lookup for each kind that a span may have takes ten times as long.
    place = {"run_id": run_id, "first": rows[0].span_id, "last": rows[-1].span_id}
    found = [_PayloadRow._make(row) for row in _TEXTS.read(connection, **place)]
    for row, text in zip(found, read_texts(connection, found), strict=True):
        if row.span_id in texts:
            texts[row.span_id][row.kind] = make_payload(row, text or "")
    return texts


def _is_gone(connection: Connection, run_id: str) -> bool:
    return connection.execute(select(RUN.c.run_id).where(RUN.c.run_id == run_id)).first() is None


def _write_span(row: Row[Any], texts: Mapping[str, Payload]) -> bytes:
    raw = {**_list_texts(texts), "links": row.links_json}
    return _write_snapshot(row, _list_span_fields(row), raw)


def _list_span_fields(row: Row[Any]) -> dict[str, Any]:
    fields = _pick_span(row)
    fields.update(type="span", rev=row.rank & _REV_MASK)
    if row.boundary is not None:
        fields["boundary"] = bool(row.boundary)  # SQLite's driver has numbers
    if row.usage_source is not None:
        fields["usage"] = {**_pick_usage(row), "source": row.usage_source}
    if row.cost_usd is not None:
        cost = {"usd": row.cost_usd, "source": row.cost_source, "table": row.cost_table}
        fields["cost"] = {name: value for name, value in cost.items() if value is not None}
    return fields


def _write_snapshot(row: Row[Any], fields: dict[str, Any], raw: Mapping[str, str | None]) -> bytes:
    """Return a line for each rank that a field of a run or span is of, the best first."""
    if row.older is None:
        return _join(fields, raw)
    ranks = {_WIRE_NAMES.get(name, name): rank for name, rank in load_older(row.older).items()}
    lines = []
    for rank in (row.rank, *sorted(set(ranks.values()), reverse=True)):
        own = {name: value for name, value in fields.items() if ranks.get(name, row.rank) == rank}
        texts = {name: text for name, text in raw.items() if ranks.get(name, row.rank) == rank}
        if rank != row.rank:
            # Its own start is not known any more; no snapshot ends before it starts.
            start_ns = min(fields["start_ns"], own.get("end_ns", fields["start_ns"]))
            own = {**_begin_older(fields, rank, start_ns), **own}
        lines.append(_join(own, texts))
    return b"".join(lines)


def _begin_older(fields: Mapping[str, Any], rank: int, start_ns: int) -> dict[str, Any]:
    """Return what an older snapshot cannot go without."""
    own = {name: fields[name] for name in _EVERY_LINE if name in fields}
    status = own["status"] if is_of_ended(rank) else "STARTED"
    return {**own, "rev": rank & _REV_MASK, "status": status, "start_ns": start_ns}


def _list_texts(texts: Mapping[str, Payload]) -> dict[str, str | None]:
    written: dict[str, str | None] = {}
    for kind in _KINDS:
        payload = texts.get(kind)
        if payload is None:
            continue
        if kind in (PayloadKind.INPUT, PayloadKind.OUTPUT):
            written[kind] = _write_payload(payload)
        elif kind == PayloadKind.ERROR:
            written[kind] = _write_error(orjson.loads(payload.value_json))
        else:
            written[kind] = payload.value_json
    return written


def _write_payload(payload: Payload) -> str:
    fields: dict[str, Any] = {"codec": payload.codec, "fidelity": payload.fidelity}
    if payload.whole_bytes is not None:
        fields["bytes"] = payload.whole_bytes
    if payload.sha256 is not None:
        fields["sha256"] = payload.sha256
    return _object(fields, {"value": payload.value_json, "types": payload.types_json})


def _write_error(error: dict[str, Any]) -> str:
    """Return an error as the wire has it: the store keeps its values as texts."""
    names = {"bases": "mro"}
    fields = {
        names.get(name, name): value
        for name, value in error.items()
        if name not in ("cause", "context", "args_json", "attributes_json")
        and not (name == "cause_is_context" and not value)
        and not (name == "notes" and not value)
    }
    cause, context = error.get("cause"), error.get("context")
    raw = {
        "args": error.get("args_json"),
        "attributes": error.get("attributes_json"),
        "cause": None if cause is None else _write_error(cause),
        "context": None if context is None else _write_error(context),
    }
    return _object(fields, raw)


def _join(fields: dict[str, Any], raw: Mapping[str, str | None]) -> bytes:
    return _object({"v": WIRE_VERSION, **fields}, raw).encode() + b"\n"


def _object(fields: dict[str, Any], raw: Mapping[str, str | None]) -> str:
    """Return a JSON object of plain members, and of members whose texts are put in as they are."""
    plain = orjson.dumps(fields).decode()[:-1]
    return plain + "".join(f',"{name}":{text}' for name, text in raw.items() if text) + "}"
