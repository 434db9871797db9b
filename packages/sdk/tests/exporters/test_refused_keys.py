"""A server that does not take the key, or not for this: what is told, and what becomes of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agenttrace import Tracer
from agenttrace.plugins import ExportResult
from agenttrace.settings import Settings

from .conftest import Answer, Connect, Request, Server
from .test_http import make_records, report


@pytest.fixture
def trace(server: Server, tmp_path: Path) -> Callable[[str | None], Tracer]:
    """Give programs, one after the other, that record with a key to the one server."""

    def make(api_key: str | None) -> Tracer:
        tracer = Tracer(settings=Settings(api_key=api_key, spool_folder=str(tmp_path / "spool")))
        tracer.set_exporter(server.endpoint)
        return tracer

    return make


def _take_key(key: str, requests: list[Request]) -> Callable[[Request], Answer]:
    def answer(request: Request) -> Answer:
        if request.headers.get("authorization") != f"Bearer {key}":
            return Answer(401, b"{}")
        requests.append(request)
        return Answer(200, report(accepted=len(request.lines)))

    return answer


def _record(tracer: Tracer, name: str) -> None:
    with tracer.run(name):
        pass


def _read_warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.name == "agenttrace"]


@pytest.mark.parametrize(
    ("api_key", "setting"),
    [
        (None, "no API key was sent; set AGENTTRACE_API_KEY or APIExporter(api_key=…)"),
        ("wrong", "set another one as AGENTTRACE_API_KEY or APIExporter(api_key=…)"),
    ],
)
def test_three_refusals_of_the_key_stop_the_exporter(
    trace: Callable[[str | None], Tracer],
    server: Server,
    api_key: str | None,
    setting: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The spool keeps what it has, none asks a fourth time, and one line says what to set."""
    server.answer = _take_key("right", [])
    tracer = trace(api_key)
    with caplog.at_level(logging.WARNING, "agenttrace"):
        _record(tracer, "one")
        result = tracer.flush(timeout_s=30)
        _record(tracer, "two")
    asked = len(server.requests)
    assert (asked, result.complete, result.spooled, result.dropped) == (3, False, 2, {})
    (warning,) = _read_warnings(caplog)
    assert "status 401" in warning
    assert setting in warning
    result = tracer.shutdown(timeout_s=5)
    assert (result.spooled, result.dropped) == (4, {})
    assert len(server.requests) <= asked + 1  # the last attempt of a program that ends


def test_what_was_recorded_without_a_key_is_sent_once_there_is_one(
    trace: Callable[[str | None], Tracer], server: Server
) -> None:
    """By the next program: setting the key is all that there is to do."""
    taken: list[Request] = []
    server.answer = _take_key("right", taken)
    before = trace(None)
    _record(before, "one")
    assert before.flush(timeout_s=30).spooled == 2
    before.shutdown(timeout_s=5)
    after = trace("right")
    _record(after, "two")
    assert after.flush(timeout_s=30)
    assert after.shutdown(timeout_s=5)
    lines: list[dict[str, Any]] = [json.loads(line) for r in taken for line in r.lines]
    assert sorted(line["name"] for line in lines) == ["one", "one", "two", "two"]


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_refused_takes_nothing_of_what_had_none(
    trace: Callable[[str | None], Tracer], server: Server, status: int
) -> None:
    """Under that key it would wait for a key that nobody will use again."""
    taken: list[Request] = []

    def answer(request: Request) -> Answer:
        if request.headers.get("authorization") == "Bearer wrong":
            return Answer(status, b"{}")
        return _take_key("right", taken)(request)

    server.answer = answer
    before = trace(None)
    _record(before, "one")
    before.shutdown(timeout_s=5)
    wrong = trace("wrong")
    _record(wrong, "two")
    assert wrong.flush(timeout_s=30).spooled == 2
    assert wrong.stats().exporters[0].adopted == 0
    wrong.shutdown(timeout_s=5)
    after = trace("right")
    _record(after, "three")
    assert after.flush(timeout_s=30)
    assert after.shutdown(timeout_s=5)
    names = {json.loads(line)["name"] for request in taken for line in request.lines}
    assert names == {"one", "three"}


def test_what_was_recorded_with_one_key_is_never_sent_with_another(
    trace: Callable[[str | None], Tracer], server: Server
) -> None:
    """It may be of another project."""
    taken: list[Request] = []
    server.answer = _take_key("b", taken)
    before = trace("a")
    _record(before, "of a")
    assert before.shutdown(timeout_s=5).spooled == 2
    after = trace("b")
    _record(after, "of b")
    assert after.flush(timeout_s=30)
    after.shutdown(timeout_s=5)
    lines: list[dict[str, Any]] = [json.loads(line) for r in taken for line in r.lines]
    assert {line["name"] for line in lines} == {"of b"}


def test_a_refused_key_is_told_also_after_a_server_that_was_away(
    connect: Connect, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """One warning is not the other."""
    server.script(Answer(503, b""), *[Answer(401, b"")] * 3)
    exporter = connect(server.endpoint, api_key="k")
    with caplog.at_level(logging.WARNING, "agenttrace"):
        kinds = [exporter.export(make_records(1)).kind for _ in range(4)]
    assert kinds == ["retry", "retry", "retry", "stopped"]
    away, refused = _read_warnings(caplog)
    assert "answers 503" in away
    assert "AGENTTRACE_API_KEY" in refused


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(
    "told",
    [
        ("run_not_found", "the run belongs to another project than the API key"),
        ("run_deleted", "the run was deleted on the server"),
        ("forbidden", "the API key may record, but not annotate or tag"),
    ],
)
def test_a_record_that_the_key_may_not_send_is_rejected_with_what_that_means(
    connect: Connect,
    server: Server,
    status: int,
    told: tuple[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """For good, told once; what else was sent has arrived."""
    code, meaning = told
    sent = 3 if status == 200 else 1
    server.answer = lambda _: Answer(status, report((1, code), accepted=sent - 1))
    exporter = connect(server.endpoint)
    with caplog.at_level(logging.WARNING, "agenttrace"):
        for _ in range(2):
            result = exporter.export(make_records(sent))
            assert result == ExportResult.REJECTED({0: f"{code}: why"})
    (warning,) = _read_warnings(caplog)
    assert f"{code}: why; {meaning}" in warning
    assert len(server.requests) == 2


def test_codes_that_a_server_invents_are_not_each_told(
    connect: Connect, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """A log is not filled by whoever answers."""
    errors = [(line, f"odd{line}") for line in range(1, 101)]
    server.answer = lambda _: Answer(200, report(*errors))
    with caplog.at_level(logging.WARNING, "agenttrace"):
        connect(server.endpoint).export(make_records(100))
    assert len(_read_warnings(caplog)) == 32
