"""Who is let in by a setting, or as himself. The rest is in test_boundary.py."""

from __future__ import annotations

from pathlib import Path

import httpx

from ..support.client import NDJSON, Client
from ..support.lines import dump_lines, make_run
from ..support.thread import ServerThread

BODY = dump_lines([make_run()])


def test_allowed_hosts_are_answered_to(tmp_path: Path) -> None:
    """A name that was configured is one of ours."""
    with ServerThread(f"sqlite:///{tmp_path}/x.db", allowed_hosts="trace.example.org") as server:
        for host, status in (("trace.example.org", 200), ("other.example.org", 421)):
            answer = httpx.get(f"{server.url}/healthz", headers={"host": host})
            assert answer.status_code == status


def test_our_own_page_and_programs_may_send(client: Client) -> None:
    """The dashboard, and whatever is no browser, go through."""
    for headers in ({}, {"origin": client.url}, {"sec-fetch-site": "same-origin"}):
        answer = client.http.post("/api/ingest", content=BODY, headers={**NDJSON, **headers})
        assert answer.status_code == 200


def test_an_origin_that_was_configured_may_send_and_read(tmp_path: Path) -> None:
    """CORS answers exactly the origins of the setting."""
    with ServerThread(f"sqlite:///{tmp_path}/x.db", cors_origins="https://good.example") as server:
        query = {"query": "{ __typename }"}
        for origin, status in (("https://good.example", 200), ("https://good.example.evil", 403)):
            answer = httpx.post(f"{server.url}/graphql", json=query, headers={"origin": origin})
            assert answer.status_code == status
            allowed = answer.headers.get("access-control-allow-origin")
            assert allowed == (origin if status == 200 else None)


def test_api_answers_are_not_kept(shared_client: Client) -> None:
    """Recorded data does not stay in a cache."""
    assert shared_client.http.get("/healthz").headers["cache-control"] == "no-store"
    query = {"query": "{ __typename }"}
    assert shared_client.http.post("/graphql", json=query).headers["cache-control"] == "no-store"
