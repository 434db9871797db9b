"""Who is let in, and what every answer carries."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from ..support.client import NDJSON, Client
from ..support.lines import dump_lines, make_run
from ..support.thread import ServerThread

BODY = dump_lines([make_run()])


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LocalHost:1234", 200),
        ("127.0.0.1", 200),
        ("[::1]:8000", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example:8000", 421),
        ("localhost@evil.example", 421),
        ("", 421),
    ],
)
@pytest.mark.parametrize("path", ["/healthz", "/", "/graphql", "/api/ingest"])
def test_only_our_own_names_are_answered_to(
    shared_client: Client, host: str, status: int, path: str
) -> None:
    """A page that points its own name at this machine gets nothing, on any path."""
    answer = shared_client.http.get(path, headers={"host": host})
    assert (answer.status_code == 421) == (status == 421)


def test_allowed_hosts_are_answered_to(tmp_path: Path) -> None:
    """A name that was configured is one of ours."""
    with ServerThread(f"sqlite:///{tmp_path}/x.db", allowed_hosts="trace.example.org") as server:
        for host, status in (("trace.example.org", 200), ("other.example.org", 421)):
            answer = httpx.get(f"{server.url}/healthz", headers={"host": host})
            assert answer.status_code == status


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/api/ingest", "/graphql", "/anything"])
def test_a_page_of_another_origin_can_send_nothing(
    shared_client: Client, path: str, headers: dict[str, str]
) -> None:
    """What a browser sends on behalf of another page is refused before it is read."""
    answer = shared_client.http.post(path, content=BODY, headers={**NDJSON, **headers})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "origin_not_allowed")


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


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/nothing", "/graphql"])
def test_every_answer_carries_the_security_headers(shared_client: Client, path: str) -> None:
    """Pages load only what the server itself serves; nothing is guessed or leaked."""
    headers = shared_client.http.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe-eval" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_api_answers_are_not_kept(shared_client: Client) -> None:
    """Recorded data does not stay in a cache."""
    assert shared_client.http.get("/healthz").headers["cache-control"] == "no-store"
    query = {"query": "{ __typename }"}
    assert shared_client.http.post("/graphql", json=query).headers["cache-control"] == "no-store"
