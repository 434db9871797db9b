"""`GET /metrics`: what an operator watches, in Prometheus' own format."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.exc import OperationalError

from agenttrace_server.http.access import name_door
from agenttrace_server.storage.engine import Database

from ..support.client import NDJSON, Client
from ..support.dialects import ON_POSTGRESQL, ON_SQLITE
from ..support.lines import dump_lines, make_call, make_run, make_run_id
from ..support.process import ServerProcess
from ..support.thread import ServerThread

DELETE = "mutation($id: ID!) { deleteRun(runId: $id) { count } }"
BAD = b'{"v": 1, "type": "run"}\n'


def _scrape(url: str) -> dict[str, float]:
    """Return each sample by its name and labels, as Prometheus writes them."""
    answer = httpx.get(f"{url}/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(answer.text):
        assert family.documentation
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
            name = f"{sample.name}{{{labels}}}" if labels else sample.name
            assert name not in found
            found[name] = sample.value
    return found


def test_what_was_done_is_counted(client: Client, server: ServerThread) -> None:
    """Lines, commits, requests by door and status, deletions."""
    body = dump_lines([make_run(), make_call(0)]) + BAD
    assert client.http.post("/api/ingest", content=body, headers=NDJSON).status_code == 200
    client.ask("{ server { version } }")
    client.ask(DELETE, id=make_run_id(0))
    found = _scrape(server.url)
    assert found["agenttrace_ingest_records_total{result=accepted}"] == 2
    assert found["agenttrace_ingest_records_total{result=refused}"] == 1
    assert found["agenttrace_commit_seconds_count"] == 1
    assert found["agenttrace_commits_failed_total"] == 0
    assert found["agenttrace_runs_deleted_total"] == 1
    name = "agenttrace_http_requests_total{door=%s,method=POST,status=200}"
    assert found[name % "/api/ingest"] == 1
    assert found[name % "/graphql"] == 2
    assert found["agenttrace_http_request_seconds_count{door=/graphql}"] == 2


def test_what_is_now_is_shown(client: Client, server: ServerThread, dialect: str) -> None:
    """The store's size, its work and its rest, and the WebSockets that are open."""
    client.send([make_run()])
    with client.follow("subscription { runChanges { cursor } }") as follower:
        follower.next()
        found = _scrape(server.url)
    assert found["agenttrace_websockets"] == 1
    assert found["agenttrace_store_up"] == 1
    assert found["agenttrace_store_bytes"] > 50_000
    assert found["agenttrace_retention_days"] == 0
    assert found["agenttrace_deleted_runs_left"] == 0
    assert "agenttrace_search_lag_changes" in found
    assert ("agenttrace_disk_free_bytes" in found) == (dialect == "sqlite")
    assert found["agenttrace_info{version=0.1.0}"] == 1


@ON_SQLITE
def test_a_store_that_is_down_is_shown(
    client: Client, server: ServerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process' own figures are there all the same."""
    client.send([make_run()])

    async def fail(*_: object) -> None:
        raise OperationalError("SELECT", {}, OSError("gone"))

    monkeypatch.setattr(Database, "read", fail)
    found = _scrape(server.url)
    assert found["agenttrace_store_up"] == 0
    assert "agenttrace_store_bytes" not in found
    assert found["agenttrace_ingest_records_total{result=accepted}"] == 1


@ON_SQLITE
def test_what_is_asked_makes_no_new_series(client: Client, server: ServerThread) -> None:
    """A client that asks for thousands of paths and methods makes the figures no longer."""
    before = len(_scrape(server.url))
    for number in range(40):
        client.http.get(f"/api/{number}")
        client.http.get(f"/nothing/{number}")
        client.http.request(f"METHOD{number}", "/api/ingest")
    assert len(_scrape(server.url)) - before < 60
    doors = {name_door(f"/{word}/{n}") for n in range(9) for word in ("a", "api", "graphql", "v1")}
    assert doors == {"/", "/api", "/graphql", "/v1"}


@pytest.fixture
def workers(tmp_path: Path, database_url: str) -> Iterator[ServerProcess]:
    """Two workers over one PostgreSQL."""
    flags = ("--workers", "2")
    with ServerProcess(tmp_path, *flags, database_url=database_url) as running:
        yield running


@ON_POSTGRESQL
def test_the_figures_of_several_workers_are_added_up(workers: ServerProcess) -> None:
    """Whoever of them took a request, and whoever is asked; of one that died, too."""
    for number in range(20):
        with Client(workers.url) as client:  # a connection of its own: either of them may take it
            client.send([make_run(number)])
    found = [_scrape(workers.url) for _ in range(6)]
    name = "agenttrace_ingest_records_total{result=accepted}"
    assert {each[name] for each in found} == {20}
    assert {each["agenttrace_store_up"] for each in found} == {1}
    folder = Path(_read_environment(workers.process.pid))
    assert folder.stat().st_mode & 0o077 == 0
    workers.stop()
    assert not folder.exists()


def _read_environment(pid: int) -> str:
    """Return the folder for figures that the workers of a process were given."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for child in children:
        for each in Path(f"/proc/{child}/environ").read_bytes().split(b"\0"):
            if each.startswith(b"PROMETHEUS_MULTIPROC_DIR="):
                return os.fsdecode(each.partition(b"=")[2])
    raise AssertionError(f"no worker among {children}")
