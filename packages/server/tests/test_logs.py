"""H41, C07, C36: what the log says of requests and errors, and what it never says."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, text

from agenttrace_server import logs
from agenttrace_server.errors import OverloadedError
from agenttrace_server.services.runs import RunService
from agenttrace_server.storage import writer as writer_module
from agenttrace_server.storage.engine import Database

from .support.client import NDJSON, Client
from .support.dialects import ON_SQLITE
from .support.lines import dump_lines, make_payload, make_run
from .support.process import ServerProcess
from .support.thread import ServerThread

SECRET = "planted-secret-4711"
HOSTILE = 'x\n2026-01-01 00:00:00,000 ERROR forged\r\x1b[31m\u202e\u2028 %s ${jndi:ldap://x} "'
PRODUCTION = {
    "ENVIRONMENT": "production",
    "ALLOWED_HOSTS": "traces.example.org",
    "SECRET_KEY": "f3b1c0de" * 8,
}


class Log:
    """Everything that is logged, as both formats write it."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.text = ""

    def take(self, record: logging.LogRecord) -> None:
        if record.name.startswith("http"):
            return  # the test's own client
        written = logs.JsonFormatter().format(record)
        assert "\n" not in written
        assert written.isascii()
        self.lines.append(json.loads(written))
        self.text += written + "\n" + logs.TextFormatter().format(record) + "\n"


@pytest.fixture
def log() -> Iterator[Log]:
    """What this process logs from now on."""
    found = Log()
    handler = logging.Handler()
    handler.emit = found.take  # type: ignore[method-assign] # a handler that keeps
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield found
    root.removeHandler(handler)
    root.setLevel(level)


def _log(message: str, *args: object, error: BaseException | None = None) -> tuple[str, Any]:
    record = logging.LogRecord("a", logging.ERROR, "f", 1, message, args, None)
    if error is not None:
        record.exc_info = (type(error), error, error.__traceback__)
    return logs.TextFormatter().format(record), json.loads(logs.JsonFormatter().format(record))


def test_h41_no_value_begins_a_line_of_its_own() -> None:
    """Line ends, escapes, marks of direction; `%s` and `${…}` are text."""
    line, event = _log("a path: %s", HOSTILE)
    assert line.count("\n") == 0
    assert re.search(r"[^\x20-\x7e]", line) is None
    assert "forged" in line
    assert event["message"] == f"a path: {HOSTILE}"


def test_h41_a_message_has_an_end() -> None:
    """However long what it quotes."""
    line, _ = _log("%s", "a" * 1_000_000)
    assert len(line) < 5_000


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError(f"{SECRET} is bad"), "ValueError"),
        (KeyError(SECRET), "KeyError"),
        (FileNotFoundError(2, "No such file or directory", SECRET), "No such file or directory"),
        (OverloadedError("the store is closed"), "OverloadedError: the store is closed"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_h41_an_error_is_told_without_what_it_quotes(error: Exception, said: str) -> None:
    """Its kind and where it came from; as an argument and as what was raised, and its causes."""
    with pytest.raises(RuntimeError) as caught:
        _raise_both(error)
    line, event = _log("failed: %s", caught.value, error=caught.value)
    assert SECRET not in line
    assert SECRET not in str(event)
    assert said in line
    assert event["errors"][0]["error"] == "RuntimeError"
    assert "test_logs.py" in event["errors"][1]["frames"][0]


def _raise(error: Exception) -> None:
    raise error


def _raise_both(error: Exception) -> None:
    try:
        _raise(error)
    except Exception as cause:
        raise RuntimeError(SECRET) from cause


def _break(connection: Connection, *_: object, **__: object) -> None:
    connection.execute(text("INSERT INTO nowhere VALUES (:value)"), {"value": SECRET})


def test_h41_a_store_that_fails_logs_no_payload(
    client: Client, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the values of its statement nor the records."""
    monkeypatch.setattr(writer_module, "append_records", _break)
    body = dump_lines([make_run(name=SECRET, input=make_payload(SECRET))])
    answer = client.http.post("/api/ingest", content=body, headers=NDJSON)
    assert answer.status_code == 503
    assert SECRET not in answer.text
    assert "was not stored" in log.text
    assert SECRET not in log.text


@ON_SQLITE
@pytest.mark.parametrize("door", ["graphql", "readyz", "ingest"])
def test_c36_a_defect_is_an_id_for_the_client_and_a_place_for_the_log(
    client: Client, log: Log, monkeypatch: pytest.MonkeyPatch, door: str
) -> None:
    """500 or GraphQL's own, without a word of the error; the log has the id and the frames."""

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError(SECRET)

    if door == "graphql":
        monkeypatch.setattr(RunService, "list_runs", fail)
        answer = client.http.post("/graphql", json={"query": "{ runs { totalCount } }"})
    elif door == "readyz":
        monkeypatch.setattr(Database, "find_problem", fail)
        answer = client.http.get("/readyz")
    else:
        monkeypatch.setattr(writer_module.Writer, "append", fail)
        answer = client.http.post("/api/ingest", content=dump_lines([make_run()]), headers=NDJSON)
    assert answer.status_code == (294 if door == "graphql" else 500)  # 294: data, and errors
    error_id = re.search(r"[Ii]nternal error ([0-9a-f]{16})", answer.text)
    assert error_id is not None
    assert SECRET not in answer.text
    assert "ZeroDivision" not in answer.text
    (line,) = [each for each in log.lines if each["level"] == "error"]  # told once, by one logger
    assert error_id[1] in line["message"]
    assert line["request_id"]
    assert [each["error"] for each in line["errors"]][-1] == "ZeroDivisionError"
    assert SECRET not in log.text


@ON_SQLITE
def test_c07_the_log_of_requests_has_no_token(client: Client, log: Log) -> None:
    """A path without what follows `?`; no header, no body; an id that the client gets, too."""
    given = {"authorization": f"Bearer {SECRET}", "cookie": f"token={SECRET}"}
    answer = client.http.get(f"/healthz?access_token={SECRET}", headers=given)
    (line,) = [each for each in log.lines if each["logger"] == "agenttrace_server.access"]
    assert line["request_id"] == answer.headers["x-request-id"]
    kept = {name: line[name] for name in ("method", "path", "status", "client", "level")}
    expected = {"method": "GET", "path": "/healthz", "status": 200, "client": "127.0.0.1"}
    assert kept == {**expected, "level": "info"}
    assert line["duration_ms"] >= 0
    assert SECRET not in log.text


@pytest.mark.parametrize("proxies", ["", "192.0.2.0/24", "127.0.0.1"])
def test_an_id_is_taken_from_a_trusted_proxy_only(tmp_path: Path, proxies: str) -> None:
    """So that its lines and ours can be put together; of anybody else, the server makes its own."""
    url = f"sqlite:///{tmp_path / 'agenttrace.db'}"
    with ServerThread(url, trusted_proxies=proxies) as running, Client(running.url) as client:
        for sent, is_id in (
            (["abc-123.X_9"], True),
            (["short"], False),
            (["a b;c" * 3], False),
            (["abc-123.X_9", "def-456.X_9"], False),
        ):
            headers = [("x-request-id", each) for each in sent]
            answered = client.http.get("/healthz", headers=headers).headers["x-request-id"]
            if is_id and proxies == "127.0.0.1":
                assert answered == sent[0]
            else:
                assert re.fullmatch(r"[0-9a-f]{16}", answered)


@ON_SQLITE
def test_sockets_are_logged_when_they_end(server: ServerThread, log: Log) -> None:
    """One line, with 101, whatever was said in between."""
    follow = "subscription { runChanges { cursor } }"
    with Client(server.url) as client, client.follow(follow) as follower:
        follower.next()
    server.stop()
    (line,) = [each for each in log.lines if each.get("method") == "WEBSOCKET"]
    assert (line["path"], line["status"]) == ("/graphql", 101)


def test_production_logs_json_and_each_request(tmp_path: Path) -> None:
    """One object a line, whoever logs: the server, its libraries, the access log."""
    with ServerProcess(tmp_path, env=PRODUCTION) as server:
        httpx.get(f"{server.url}/healthz")
        code, errors = server.stop()
    assert code == 0
    lines = [json.loads(line) for line in errors.splitlines()]
    assert "GET /healthz 200" in "\n".join(each["message"] for each in lines)
    names = {"time", "level", "logger", "message", "process"}
    assert all(names <= each.keys() for each in lines)
    assert {each["process"] for each in lines} == {server.process.pid}


def test_the_level_and_the_format_can_be_chosen(tmp_path: Path) -> None:
    """Text in production, without the lines of requests."""
    env = {**PRODUCTION, "LOG_LEVEL": "warning", "LOG_FORMAT": "text"}
    with ServerProcess(tmp_path, env=env) as server:
        httpx.get(f"{server.url}/healthz")
        assert server.stop() == (0, "")
