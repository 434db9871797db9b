"""Taking one recorded text away, whatever its size."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sqlalchemy import Connection

from agenttrace_server.records import PayloadHead
from agenttrace_server.services import texts as texts_module
from agenttrace_server.services.deletion import DeletionService
from agenttrace_server.storage.long_texts import BYTES_A_STEP, read_step

from ..support.client import NDJSON, Client
from ..support.lines import (
    make_event,
    make_payload,
    make_run,
    make_run_id,
    make_span,
    make_span_id,
)
from ..support.thread import ServerThread

RUN = make_run_id(0)
SPAN = make_span_id(0)
OUTPUT = f"/api/runs/{RUN}/spans/{SPAN}/output"
LARGE_BYTES = 5_000_000


def test_a_text_comes_byte_for_byte(client: Client) -> None:
    """Of a run, a span and an event; numbers and escapes are as they were recorded."""
    text = '{ "n": 1e2, "s": "\\u00e9" , "long": "' + "é😀" * 5_000 + '"}'
    payload = f'{{"codec":"json","fidelity":"exact","value":{text}}}'
    head = f'"v":1,"run_id":"{RUN}","name":"n"'
    span = (
        f'{{{head},"type":"span","span_id":"{SPAN}","rev":1,"span_type":"CUSTOM",'
        f'"status":"COMPLETED","start_ns":1,"end_ns":2,"duration_ns":1,"seq":0,"lane":0,'
        f'"effect":"none","output":{payload}}}'
    )
    lines = [
        f'{{{head},"type":"run","rev":0,"status":"STARTED","start_ns":1,"input":{payload}}}',
        span,
        f'{{{head},"type":"event","seq":7,"t_ns":1,"body":{payload}}}',
    ]
    sent = client.http.post("/api/ingest", content="\n".join(lines), headers=NDJSON)
    assert sent.json()["rejected"] == 0, sent.text
    names = {
        f"/api/runs/{RUN}/input": f"{RUN}-input",
        OUTPUT: f"{RUN}-{SPAN}-output",
        f"/api/runs/{RUN}/events/7/body": f"{RUN}-7-body",
    }
    for path, name in names.items():
        answer = client.http.get(path)
        assert answer.content == text.encode()
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["content-length"] == str(len(text.encode()))
        assert answer.headers["content-disposition"] == f'attachment; filename="{name}.json"'
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


def test_the_head_alone_reads_nothing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says how large the text is."""
    client.send([make_run(), make_span(output=make_payload("x" * LARGE_BYTES))])
    monkeypatch.setattr(texts_module, "read_step", None)
    answer = client.http.head(OUTPUT)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(LARGE_BYTES + 2)


def test_what_was_never_recorded_is_not_found(client: Client) -> None:
    """As JSON, whatever stands in the place of an id."""
    client.send([make_run(), make_span(attributes={"a": 1}), make_event(3)])
    bad = ("nonsense", "..%2f..", "a%0Ab", "%22%0d%0aX:1", RUN.upper(), "é", "0" * 16)
    paths = [
        OUTPUT, f"/api/runs/{RUN}/output", f"/api/runs/{RUN}/attributes",
        f"/api/runs/{RUN}/spans/{SPAN}/attributes", f"/api/runs/{RUN}/spans/{SPAN}/error",
        f"/api/runs/{RUN}/events/3/body", f"/api/runs/{RUN}/events/99999999999/body",
        f"/api/runs/{RUN}/events/-1/body", f"/api/runs/{RUN}/events/x/body",
        *(f"/api/runs/{text}/input" for text in bad),
        *(f"/api/runs/{RUN}/spans/{text}/input" for text in bad),
    ]  # fmt: skip
    for path in paths:
        answer = client.http.get(path)
        assert answer.status_code == 404, path
        assert answer.json()["error"]["code"] == "not_found"
    assert client.http.post(OUTPUT, content=b"").status_code == 405


def test_a_large_text_is_read_in_steps(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is sent while it is read, and never whole in memory."""
    client.send([make_run(), make_span(output=make_payload("x" * LARGE_BYTES))])
    sizes: list[int] = []

    def note(connection: Connection, head: PayloadHead, at: int) -> tuple[bytes, int | None]:
        step = read_step(connection, head, at)
        sizes.append(len(step[0]))
        return step

    monkeypatch.setattr(texts_module, "read_step", note)
    assert len(client.http.get(OUTPUT).content) == sum(sizes) == LARGE_BYTES + 2
    assert max(sizes) <= BYTES_A_STEP


def test_a_text_of_a_run_that_is_deleted_is_a_broken_transfer(
    client: Client,
    server: ServerThread,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The client cannot take what it got for the text: it is shorter than was said."""
    client.send([make_run(), make_span(output=make_payload("x" * LARGE_BYTES))])
    reached, opened = threading.Event(), threading.Event()

    def wait(connection: Connection, head: PayloadHead, at: int) -> tuple[bytes, int | None]:
        if at:
            reached.set()
            assert opened.wait(20)
        return read_step(connection, head, at)

    monkeypatch.setattr(texts_module, "read_step", wait)
    with ThreadPoolExecutor(1) as pool, Client(server.url) as other:
        answer = pool.submit(lambda: client.http.get(OUTPUT).content)
        assert reached.wait(20)
        query = "mutation($id: ID!) { deleteRun(runId: $id) { count } }"
        assert other.ask(query, id=RUN) == {"deleteRun": {"count": 1}}
        opened.set()
        with pytest.raises(httpx.RemoteProtocolError):
            answer.result(20)
    said = [r.getMessage() for r in caplog.records if r.name.startswith("agenttrace_server.http")]
    assert said == ["a text was cut: the run was deleted while its texts were read"]
    assert client.http.get(OUTPUT).status_code == 404


async def _leave_rows(_: DeletionService) -> None: ...


def test_a_deleted_text_is_not_found_while_its_rows_are_there(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleting takes the run out at once, and its rows in steps."""
    monkeypatch.setattr(DeletionService, "finish", _leave_rows)
    body = make_payload("b")
    client.send([make_run(input=body), make_span(output=body), make_event(7, body=body)])
    paths = (f"/api/runs/{RUN}/input", OUTPUT, f"/api/runs/{RUN}/events/7/body")
    assert [client.http.get(path).status_code for path in paths] == [200] * 3
    client.ask("mutation($id: ID!) { deleteRun(runId: $id) { count } }", id=RUN)
    assert [client.http.get(path).status_code for path in paths] == [404] * 3
