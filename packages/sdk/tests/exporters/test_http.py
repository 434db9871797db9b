"""The HTTP exporter against a real server: each status, each way of being away."""

from __future__ import annotations

import json
import logging
import socket
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, cast

import httpx
import pytest

from agenttrace import ConfigurationError, Tracer
from agenttrace.exporters import APIExporter, http
from agenttrace.exporters import exchange as module
from agenttrace.exporters.exchange import read_retry_after
from agenttrace.plugins import ExportResult, Record
from agenttrace.settings import Settings

from .conftest import Answer, Connect, Request, Server


def make_records(count: int, *, size: int = 1) -> list[Record]:
    """Return records that are told apart by their number."""
    return [cast("Record", {"n": n, "x": "x" * size}) for n in range(count)]


def report(*errors: tuple[int, str], accepted: int = 0, rejected: int | None = None) -> bytes:
    """Return the body of an ingest answer."""
    listed = [{"line": line, "code": code, "message": "why"} for line, code in errors]
    total = len(errors) if rejected is None else rejected
    return json.dumps({"accepted": accepted, "rejected": total, "errors": listed}).encode()


def test_a_batch_is_one_request_of_lines(connect: Connect, server: Server) -> None:
    """POST to {endpoint}/ingest as NDJSON, with the key as a bearer token."""
    exporter = connect(server.endpoint + "/", api_key="secret")
    assert exporter.export(make_records(2)) == ExportResult.DELIVERED
    (request,) = server.requests
    assert request.path == "/api/ingest"
    assert request.headers["content-type"] == "application/x-ndjson"
    assert request.headers["authorization"] == "Bearer secret"
    assert "content-encoding" not in request.headers
    assert request.lines == [b'{"n":0,"x":"x"}', b'{"n":1,"x":"x"}']


def test_records_for_this_machine_go_through_no_proxy(
    connect: Connect, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy of the environment is for other machines: prompts do not leave this one."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert connect(server.endpoint).export(make_records(1)) == ExportResult.DELIVERED


def test_a_large_batch_is_compressed(server: Server) -> None:
    """From 32 KiB on."""
    exporter = APIExporter(server.endpoint, compress=True)
    assert exporter.export(make_records(100, size=1000)) == ExportResult.DELIVERED
    (request,) = server.requests
    assert request.headers["content-encoding"] == "gzip"
    assert int(request.headers["content-length"]) < 5_000
    assert len(request.lines) == 100
    exporter.shutdown(timeout_s=1)


def test_what_stays_on_this_machine_is_not_compressed(connect: Connect, server: Server) -> None:
    """It would cost processor time, and save a network that is not there."""
    assert connect(server.endpoint).export(make_records(100, size=1000)) == ExportResult.DELIVERED
    (request,) = server.requests
    assert "content-encoding" not in request.headers


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
def test_a_server_that_is_busy_is_tried_again(
    connect: Connect, server: Server, status: int
) -> None:
    """With the pause that it asks for."""
    server.script(Answer(status, b"busy", (("retry-after", "7"),)), Answer(status, b""))
    exporter = connect(server.endpoint)
    assert exporter.export(make_records(1)) == ExportResult.RETRY(after_s=7.0)
    assert exporter.export(make_records(1)) == ExportResult.RETRY()
    assert exporter.export(make_records(1)) == ExportResult.DELIVERED


@pytest.mark.parametrize("status", [301, 307, 401, 403, 404, 405, 407, 421, 200, 204])
def test_a_server_that_refuses_everything_is_asked_three_times(
    connect: Connect, server: Server, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Then the exporter stops, with one line that says what to set right; no redirect is followed.

    A login page with status 200 is no delivery either.
    """
    body = b"" if status == 204 else b"<html>"
    server.answer = lambda _: Answer(status, body, (("location", server.endpoint + "/x"),))
    exporter = connect(server.endpoint, api_key="secret")
    with caplog.at_level(logging.WARNING, "agenttrace"):
        results = [exporter.export(make_records(2)) for _ in range(5)]
    assert [result.kind for result in results] == ["retry"] * 2 + ["stopped"] * 3
    assert str(results[-1].reason).startswith(f"status {status}: ")
    assert [request.path for request in server.requests] == ["/api/ingest"] * 5
    (warning,) = [record.getMessage() for record in caplog.records]
    assert f"refuses all records with status {status}: " in warning


def test_a_server_that_takes_the_key_again_is_asked_three_times_anew(
    connect: Connect, server: Server
) -> None:
    """A key may be put right while the program runs."""
    server.script(Answer(401, b""), Answer(403, b""), Answer(), Answer(401, b""))
    exporter = connect(server.endpoint)
    kinds = [exporter.export(make_records(1)).kind for _ in range(4)]
    assert kinds == ["retry", "retry", "delivered", "retry"]


@pytest.mark.parametrize("status", [415, 418, 501, 505])
def test_any_other_status_refuses_the_batch(
    connect: Connect, server: Server, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """For good, with one warning that says what to look at."""
    server.answer = lambda _: Answer(status, b"<html>")
    exporter = connect(server.endpoint)
    with caplog.at_level(logging.WARNING, "agenttrace"):
        for _ in range(2):
            expected = ExportResult.REJECTED({0: f"status {status}", 1: f"status {status}"})
            assert exporter.export(make_records(2)) == expected
    assert [request.path for request in server.requests] == ["/api/ingest"] * 2
    (warning,) = [record.getMessage() for record in caplog.records]
    assert f"with status {status}: " in warning


def test_an_error_of_the_server_is_tried_three_times_more(connect: Connect, server: Server) -> None:
    """A batch that the server fails on each time must not hold up all others; each has its own."""
    server.answer = lambda _: Answer(500, b"")
    exporter = connect(server.endpoint)
    for _ in range(2):
        kinds = [exporter.export(make_records(1)).kind for _ in range(4)]
        assert kinds == ["retry", "retry", "retry", "rejected"]
    server.script(Answer(500, b""))
    assert [exporter.export(make_records(1)).kind for _ in range(2)] == ["retry", "delivered"]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answer(413, report(rejected=1)), "one record is larger than the server takes"),
        (Answer(400, report((1, "odd"))), "odd: why"),
        (Answer(400, b""), "the answer does not say why"),
        (Answer(418, b""), "the answer does not say why"),
    ],
)
def test_the_warning_of_a_refusal_says_what_to_do(
    connect: Connect,
    server: Server,
    answer: Answer,
    why: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In whole sentences, whether the server names a reason or not."""
    server.script(answer)
    with caplog.at_level(logging.WARNING, "agenttrace"):
        connect(server.endpoint).export(make_records(1))
    (warning,) = [each.getMessage() for each in caplog.records if each.name == "agenttrace"]
    assert warning == (
        f"{server.endpoint}/ingest refuses records with status {answer.status}: {why}. "
        "They are dropped and counted in tracer.stats()."
    )


def test_the_key_of_the_environment_is_sent_unless_one_is_given(
    connect: Connect, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also by an exporter that the program makes itself; an empty text is no key."""
    monkeypatch.setenv("AGENTTRACE_API_KEY", "from-environment")
    for api_key in (None, "given", ""):
        connect(server.endpoint, api_key=api_key).export(make_records(1))
    sent = [request.headers.get("authorization") for request in server.requests]
    assert sent == ["Bearer from-environment", "Bearer given", None]


def test_lines_that_the_server_refuses_are_rejected_by_index(
    connect: Connect, server: Server
) -> None:
    """The others arrived; lines count from 1, and one that is not in the batch is ignored."""
    errors = [(2, "invalid_field"), (9, "odd"), (0, "odd")]
    server.script(Answer(200, report(*errors, accepted=2, rejected=1)))
    result = connect(server.endpoint).export(make_records(3))
    assert result == ExportResult.REJECTED({1: "invalid_field: why"})


def test_a_capped_list_of_errors_is_filled_up(connect: Connect, server: Server) -> None:
    """What the server rejected without naming it is counted too."""
    server.script(Answer(200, report((1, "a"), accepted=1, rejected=3)))
    unnamed = "not named in the server's answer"
    result = connect(server.endpoint).export(make_records(4))
    assert result == ExportResult.REJECTED({0: "a: why", 1: unnamed, 2: unnamed})


def test_a_400_with_a_report_refuses_every_line(connect: Connect, server: Server) -> None:
    """None could be taken, and the reasons are the server's."""
    server.script(Answer(400, report((1, "invalid_json"), (2, "invalid_json"))))
    result = connect(server.endpoint).export(make_records(2))
    assert result == ExportResult.REJECTED(dict.fromkeys(range(2), "invalid_json: why"))


def test_a_batch_that_is_too_large_is_halved(connect: Connect, server: Server) -> None:
    """Until it fits; a single record that does not fit is rejected."""

    def answer(request: Request) -> Answer:
        size = sum(map(len, request.lines))
        return Answer() if size < 250 else Answer(413, b"")

    server.answer = answer
    records = make_records(10, size=60)
    records[6] = cast("Record", {"x": "x" * 300})
    result = connect(server.endpoint).export(records)
    assert result == ExportResult.REJECTED({6: "status 413"})
    taken = [line for r in server.requests if sum(map(len, r.lines)) < 250 for line in r.lines]
    assert [json.loads(line)["n"] for line in taken] == [0, 1, 2, 3, 4, 5, 7, 8, 9]


@pytest.mark.parametrize("status", [400, 422])
def test_a_record_that_the_server_does_not_name_is_found(
    connect: Connect, server: Server, status: int
) -> None:
    """A refused batch is halved until the poison is alone: 99 of 100 arrive in few requests."""

    def answer(request: Request) -> Answer:
        is_bad = any(b'"n":37,' in line for line in request.lines)
        return Answer(status, b"Bad Request") if is_bad else Answer()

    server.answer = answer
    result = connect(server.endpoint).export(make_records(100))
    assert result == ExportResult.REJECTED({37: f"status {status}"})
    assert len(server.requests) <= 15
    taken = [line for r in server.requests for line in r.lines if answer(r).status == 200]
    assert sorted(json.loads(line)["n"] for line in taken) == [n for n in range(100) if n != 37]


def test_a_400_that_names_some_lines_refuses_those_alone(connect: Connect, server: Server) -> None:
    """The others, which found no fault, are sent again without them."""
    server.script(Answer(400, report((2, "odd"), rejected=1)), Answer(400, report((1, "late"))))
    result = connect(server.endpoint).export(make_records(3))
    assert result == ExportResult.REJECTED({1: "odd: why", 0: "late: why"})
    assert [[json.loads(line)["n"] for line in r.lines] for r in server.requests] == [
        [0, 1, 2],
        [0, 2],
        [2],
    ]


def test_the_search_for_bad_records_ends(
    connect: Connect, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that refuses every record is not asked about each of thousands."""
    monkeypatch.setattr(http, "MAX_REQUESTS", 20)
    server.answer = lambda _: Answer(400, b"no")
    result = connect(server.endpoint).export(make_records(1_000))
    assert len(result.reasons) == 1_000
    assert len(server.requests) < 60


def test_a_half_that_must_wait_makes_the_batch_wait(connect: Connect, server: Server) -> None:
    """Records are idempotent: the half that arrived may come again."""
    server.script(Answer(413, b""), Answer(), Answer(503, b""))
    assert connect(server.endpoint).export(make_records(2)) == ExportResult.RETRY()


def test_refused_connections_are_one_warning(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """What, where, and what happens to the records; not a line for each batch."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    exporter = connect(f"http://127.0.0.1:{port}/api")
    with caplog.at_level(logging.WARNING, "agenttrace"):
        assert [exporter.export(make_records(1)) for _ in range(3)] == [ExportResult.RETRY()] * 3
    (warning,) = [record.getMessage() for record in caplog.records]
    assert warning.startswith(
        f"cannot reach http://127.0.0.1:{port}/api/ingest: connection refused. The program goes on;"
    )


@pytest.mark.parametrize(
    ("endpoint", "proxy"),
    [("http://a..b/api", ""), ("http://nobody.invalid/api", "socks9://127.0.0.1:1")],
    ids=["host", "proxy"],
)
def test_what_cannot_be_reached_by_that_name_is_tried_again(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, endpoint: str, proxy: str
) -> None:
    """A name or a proxy that cannot be meant costs no record either."""
    monkeypatch.setenv("HTTP_PROXY", proxy)
    assert connect(endpoint).export(make_records(1)) == ExportResult.RETRY()


def test_a_server_that_never_answers_is_left(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time for an answer is bounded."""
    monkeypatch.setattr(module, "TOTAL_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        exporter = connect(f"http://127.0.0.1:{silent.getsockname()[1]}/api")
        assert exporter.export(make_records(1)) == ExportResult.RETRY()


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\nx-pad: ", b"x"),
    ],
    ids=["body", "head"],
)
def test_a_trickling_answer_is_left(
    head: bytes, piece: bytes, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte now and then keeps each read alive, but not the exchange as a whole."""
    monkeypatch.setattr(module, "TOTAL_TIMEOUT_S", 0.3)
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def trickle() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(head)
                while not stop.wait(0.05):
                    try:
                        connection.sendall(piece)
                    except OSError:
                        return

        thread = threading.Thread(target=trickle)
        thread.start()
        exporter = connect(f"http://127.0.0.1:{listener.getsockname()[1]}/api")
        assert exporter.export(make_records(1)) == ExportResult.RETRY()
        stop.set()
        thread.join()


def test_our_requests_are_not_in_the_program_s_log(
    connect: Connect, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """The HTTP client logs each at INFO; the program's own requests stay in its log."""
    exporter = connect(server.endpoint)
    with caplog.at_level(logging.DEBUG):
        exporter.export(make_records(1))
        assert caplog.records == []
        httpx.post(f"{server.endpoint}/other", content=b"{}")
        assert any(record.name == "httpx" for record in caplog.records)


def test_an_endless_answer_is_read_to_64_kib(connect: Connect, server: Server) -> None:
    """A hostile server cannot fill the memory of the programs that it records."""
    body = b'{"accepted":1,' + b" " * 10_000_000 + b'"errors":[]}'
    server.answer = lambda _: Answer(200, body)
    assert connect(server.endpoint).export(make_records(1)).kind == "retry"


def test_after_the_server_returns_a_new_outage_is_a_new_warning(
    connect: Connect, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """One warning for each time it is away."""
    server.script(Answer(503, b""), Answer(), Answer(503, b""))
    exporter = connect(server.endpoint)
    with caplog.at_level(logging.WARNING, "agenttrace"):
        kinds = [exporter.export(make_records(1)).kind for _ in range(3)]
    assert kinds == ["retry", "delivered", "retry"]
    assert len(caplog.records) == 2


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5", 5.0),
        (" 0 ", 0.0),
        ("-5", 0.0),
        ("-", None),
        ("NaN", None),
        ("1000000000", 100_000_000.0),
        ("soon", None),
        ("", None),
        (None, None),
        ("5.5", None),
    ],
)
def test_retry_after_is_read(value: str | None, seconds: float | None) -> None:
    """Whole seconds; what is neither a number nor a date asks for nothing."""
    assert read_retry_after(value) == seconds


def test_retry_after_may_be_a_date() -> None:
    """In the past it is now."""
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    found = read_retry_after(soon)
    assert found is not None
    assert 25 < found <= 30
    assert read_retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "localhost:8000",
        "ftp://x/api",
        "http://",
        "/api",
        "http://localhost:abc/api",
        "http://localhost:99999/api",
        "http://localhost:0/api",
        "http://[::1/api",
        "http://localhost/api?key=1",
        "http://localhost/api#top",
    ],
)
def test_an_endpoint_that_is_no_url_is_an_error(endpoint: str) -> None:
    """It is told when it is configured."""
    with pytest.raises(ConfigurationError, match="expected one such as http://localhost:8000/api"):
        APIExporter(endpoint=endpoint)


def test_a_run_reaches_the_server_while_it_runs(server: Server) -> None:
    """Through the whole pipeline, by the text that names it, with the key of the settings."""
    arrived = threading.Event()

    def answer(request: Request) -> Answer:
        arrived.set()
        return Answer(200, report(accepted=len(request.lines)))

    server.answer = answer
    tracer = Tracer(settings=Settings(api_key="k"))
    tracer.set_exporter(server.endpoint)
    with tracer.run("agent"):
        assert arrived.wait(10)
    assert tracer.shutdown(timeout_s=10)
    lines: list[dict[str, Any]] = [json.loads(line) for r in server.requests for line in r.lines]
    assert [line["status"] for line in lines] == ["STARTED", "COMPLETED"]
    assert server.requests[0].headers["authorization"] == "Bearer k"
    stats = tracer.stats()
    assert (stats.attempted, stats.delivered, stats.dropped) == (2, 2, {})
