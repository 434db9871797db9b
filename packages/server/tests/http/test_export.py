"""Taking a run away, and taking it in elsewhere."""

from __future__ import annotations

import json
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, event

from agenttrace_server.services import export as export_module
from agenttrace_server.storage import export as export_steps
from agenttrace_server.storage.engine import Database
from agenttrace_server.storage.export import read_event_lines, read_span_lines

from ..support.client import NDJSON, Client
from ..support.lines import (
    check_records,
    dump_lines,
    make_call,
    make_event,
    make_payload,
    make_run,
    make_run_id,
    make_span,
    make_span_id,
)
from ..support.own import append_records
from ..support.thread import ServerThread

RUN = make_run_id(0)
ALL = """query($id: ID!) { run(id: $id) { name status correlationId tags attributes resource
    startTime endTime durationMs input { json codec fidelity bytes sha256 types } output { json }
    error { type message traceback notes cause { type message } } forkedAt endSeq complete
    dropped { reason count }
    links { runId spanId attributes } totals { spans errors totalTokens costUsd }
    events { edges { node { seq time name spanOffsetMs body { json } } } }
    spans(first: 200) { edges { node { spanId parentSpanId name type status startTime endTime
        durationMs seq endSeq lane effect outcome model costUsd costSource costTable boundary
        replayKey inputHash attributes usage { promptTokens totalTokens source }
        input { json types } output { json } error { type message notes }
        links { runId } events(first: 3) { edges { node { seq body { json } } } } } } } } }"""
TEXT = '{ "n": 1e2, "s": "\\u00e9" }'


def _make_records() -> list[dict[str, Any]]:
    cause: dict[str, Any] = {"type": "C", "message": "m", "args": make_payload([1])}
    bases = ["a:B", "builtins:Exception"]
    error: dict[str, Any] = {"type": "a.B", "message": "no", "mro": bases, "cause": cause}
    error["notes"] = ["n"]
    hidden = {**cause, "message": "hidden", "suppress_context": True}
    error.update(context=hidden, suppress_context=False)
    hidden["cause"] = {"type": "D", "message": "m", "cause": cause, "context_is_cause": True}
    typed = {"value": [1], "codec": "typed", "fidelity": "exact", "types": {"": "tuple"}}
    end: dict[str, Any] = {
        "tags": ["a"],
        "attributes": {"k": [1, "x"]},
        "resource": {"service.name": "s"},
    }
    end.update(correlation_id="w", forked_at=1, end_seq=900, complete=True, error=error)
    end.update(links=[{"run_id": make_run_id(5), "attributes": {"why": "x"}}], input=typed)
    end["dropped"] = {"queue_full": 12, "rejected": 2**53 - 1}
    long = make_payload("long " * 1_000)
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "source": "estimated"}
    cost = {"usd": "0.10", "source": "price_table", "table": "t"}
    link = {"run_id": make_run_id(6), "span_id": make_span_id(7)}
    calls = [
        make_call(n, input=long, output=make_payload(n), parent_span_id=make_span_id(0))
        for n in range(1, 150)
    ]
    first = make_call(0, usage=usage, cost=cost, boundary=True, links=[link], error=error)
    events = [make_event(200 + n, span=n % 3, offset_ns=n, body=long) for n in range(120)]
    own = make_event(500, span=None, name="state", body=make_payload({"k": 1}))
    open_span = make_span(160, status="STARTED", rev=0)
    return [make_run(status="ERROR", rev=7, **end), first, *calls, open_span, *events, own]


def test_what_is_taken_away_is_taken_in_again(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another store answers the same, and gives the same lines away, in several steps."""
    monkeypatch.setattr(export_steps, "LINES_A_STEP", 100)
    client.send(_make_records())
    lines = client.http.get(f"/api/export/runs/{RUN}")
    assert lines.headers["content-type"] == "application/x-ndjson"
    (tmp_path / "other").mkdir()
    url = f"sqlite:///{tmp_path / 'other' / 'x.db'}"
    with ServerThread(url) as other, Client(other.url) as there:
        sent = there.http.post("/api/ingest", content=lines.content, headers=NDJSON)
        assert sent.json()["rejected"] == 0, sent.text
        (run, *_) = map(json.loads, lines.content.splitlines())
        assert run["error"] == _make_records()[0]["error"]
        assert there.ask(ALL, id=RUN) == client.ask(ALL, id=RUN)
        assert there.http.get(f"/api/export/runs/{RUN}").content == lines.content
        # A late snapshot loses against what was taken in, as it does against the original.
        late = dump_lines([make_run(status="COMPLETED", rev=6, name="late")])
        there.http.post("/api/ingest", content=late, headers=NDJSON)
        assert there.ask(ALL, id=RUN)["run"]["name"] == "agent"


def test_texts_are_taken_away_byte_for_byte(client: Client) -> None:
    """Numbers, escapes and names that a parser would change are as they came."""
    payload = f'{{"codec":"json","fidelity":"exact","value":{TEXT}}}'
    line = (
        f'{{"v":1,"type":"run","run_id":"{RUN}","rev":0,"name":"n","status":"STARTED",'
        f'"start_ns":1,"input":{payload}}}'
    )
    assert client.http.post("/api/ingest", content=line, headers=NDJSON).json()["accepted"] == 1
    assert f'"value":{TEXT}' in client.http.get(f"/api/export/runs/{RUN}").text


@pytest.mark.parametrize("dialect", ["sqlite"])
@pytest.mark.parametrize("formula", ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1"])
def test_h19_no_program_takes_a_text_for_a_formula(client: Client, formula: str) -> None:
    """What is taken away is JSON, line by line, as a file: no table, in which `=…` would run."""
    client.send([make_run(name=formula, input=make_payload(formula))])
    answer = client.http.get(f"/api/export/runs/{make_run_id(0)}")
    assert answer.headers["content-type"].partition(";")[0] == "application/x-ndjson"
    assert answer.headers["x-content-type-options"] == "nosniff"
    (run,) = [json.loads(line) for line in answer.text.splitlines()]
    assert (run["name"], run["input"]["value"]) == (formula, formula)


def test_an_unknown_run_is_not_found(client: Client) -> None:
    """As JSON, whatever stands in the place of the id."""
    for run_id in (make_run_id(9), "nonsense", "..%2f..", "a%0Ab"):
        answer = client.http.get(f"/api/export/runs/{run_id}")
        assert answer.status_code == 404


class _Gate:
    """Stops an export behind its first page of spans."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.open = threading.Event(), threading.Event()
        monkeypatch.setattr(export_module, "read_span_lines", self._wait)
        monkeypatch.setattr(export_steps, "LINES_A_STEP", 100)

    def _wait(self, connection: Connection, run_id: str, after: str) -> Any:
        if after:
            self.reached.set()
            assert self.open.wait(9)
        return read_span_lines(connection, run_id, after)


def _begin(client: Client, gate: _Gate) -> tuple[ThreadPoolExecutor, Future[bytes]]:
    pool = ThreadPoolExecutor(1)
    answer = pool.submit(lambda: client.http.get(f"/api/export/runs/{RUN}").content)
    assert gate.reached.wait(20)
    return pool, answer


def test_an_export_of_a_run_that_is_deleted_is_a_broken_transfer(
    client: Client,
    server: ServerThread,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The client cannot take what it got for the run: the answer has no end."""
    client.send(_make_records())
    gate = _Gate(monkeypatch)
    pool, answer = _begin(client, gate)
    with pool, Client(server.url) as other:
        query = "mutation($id: ID!) { deleteRun(runId: $id) { count } }"
        assert other.ask(query, id=RUN) == {"deleteRun": {"count": 1}}
        gate.open.set()
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
            answer.result(20)
    said = [r.getMessage() for r in caplog.records if r.name.startswith("agenttrace_server.http")]
    assert said == ["an export was cut: the run was deleted while it was given away"]
    assert client.http.get(f"/api/export/runs/{RUN}").status_code == 404


def test_a_span_that_changes_its_place_is_not_missed(
    client: Client, server: ServerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later snapshot with a lower `seq` comes between two pages: each span comes once."""
    records = _make_records()
    client.send(records)
    gate = _Gate(monkeypatch)
    pool, answer = _begin(client, gate)
    with pool, Client(server.url) as other:
        known = {record["span_id"]: record for record in records if record["type"] == "span"}
        moved = [{**known[make_span_id(149 - n)], "seq": n, "rev": 9} for n in range(2)]
        other.send(moved)
        gate.open.set()
        lines = [json.loads(line) for line in answer.result(20).splitlines()]
    found = sorted(line["span_id"] for line in lines if line["type"] == "span")
    assert found == sorted(make_span_id(n) for n in (*range(150), 160))


async def test_a_step_is_bounded_by_its_texts(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large texts are given away one by one, small ones many at a time; none is left out."""
    monkeypatch.setattr(export_steps, "BYTES_A_STEP", 5_000)
    spans = [make_span(n, input=make_payload("x" * 3_000 * (n % 3))) for n in range(9)]
    events = [make_event(100 + n, span=None, body=make_payload("y" * 3_000)) for n in range(3)]
    records = check_records([make_run(), *spans, *events])
    await database.write(append_records, records)
    counts: list[int] = []
    after: str | None = ""
    while after is not None:
        step = await database.read(read_span_lines, RUN, after)
        assert step is not None
        counts.append(step[0].count(b"\n"))
        assert len(step[0]) < 12_000
        after = step[1]
    assert sum(counts) == len(spans)
    assert len(counts) > 3
    seq: int | None = -1
    told = 0
    while seq is not None:
        found = await database.read(read_event_lines, RUN, seq)
        assert found is not None
        told += found[0].count(b"\n")
        seq = found[1]
    assert told == len(events)


async def test_a_thousand_small_records_are_a_few_statements(database: Database) -> None:
    """A step is a visit to the store, which costs more than the lines that it brings."""
    spans = [make_span(n, input=make_payload(n)) for n in range(999)]
    events = [make_event(1_000 + n, span=None, body=make_payload(n)) for n in range(999)]
    await database.write(append_records, check_records([make_run(), *spans, *events]))

    def read(connection: Connection) -> tuple[Any, Any, int]:
        statements: list[str] = []

        def note(*args: object) -> None:
            statements.append(str(args[2]))

        event.listen(connection, "before_cursor_execute", note)
        found = read_span_lines(connection, RUN, ""), read_event_lines(connection, RUN, -1)
        event.remove(connection, "before_cursor_execute", note)
        return *found, len(statements)

    of_spans, of_events, count = await database.read(read)
    assert (of_spans[0].count(b"\n"), of_spans[1]) == (999, None)
    assert (of_events[0].count(b"\n"), of_events[1]) == (999, None)
    assert count <= 6
