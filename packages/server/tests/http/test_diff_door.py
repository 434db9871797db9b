"""`GET /api/diff/runs`: what the stored document answers, and nothing else."""

from __future__ import annotations

import pytest

from ..support.client import Client
from ..support.dialects import ON_SQLITE
from ..support.lines import make_payload, make_run, make_run_id, make_span

BASE, HEAD = make_run_id(0), make_run_id(1)
PAIR = f"/api/diff/runs?run_id_1={BASE}&run_id_2={HEAD}"


def send(client: Client) -> None:
    for run in (0, 1):
        spans = [
            make_span(100 * run, run=run, name="load", seq=1, output=make_payload({"n": run})),
            make_span(100 * run + 1, run=run, name="log", seq=3),
        ]
        client.send([make_run(run), *spans, make_run(run, status="COMPLETED", rev=1)])


def test_two_runs_are_their_differences(client: Client) -> None:
    """Rows in pages, and where they begin to differ."""
    send(client)
    answer = client.http.get(PAIR)
    assert answer.headers["content-type"] == "application/json"
    found = answer.json()
    assert (found["base"]["id"], found["head"]["id"]) == (BASE, HEAD)
    assert found["counts"] | {"changed": 1, "unchanged": 1} == found["counts"]
    assert found["firstDivergence"]["name"] == "load"
    assert [edge["node"]["outcome"] for edge in found["rows"]["edges"]] == ["CHANGED", "UNCHANGED"]
    page = client.http.get(f"{PAIR}&first=1&after=0").json()["rows"]
    assert [edge["node"]["index"] for edge in page["edges"]] == [1]
    rows = client.http.get(f"{PAIR}&changed=true").json()["rows"]
    assert [edge["node"]["index"] for edge in rows["edges"]] == [0]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"/api/diff/runs?run_id_1={BASE}&run_id_2={make_run_id(9)}", 404, "not_found"),
        (f"/api/diff/runs?run_id_1=x&run_id_2={HEAD}", 404, "not_found"),
        (f"/api/diff/runs?run_id_1={BASE}", 400, "bad_request"),
        ("/api/diff/runs", 400, "bad_request"),
        (f"{PAIR}&first=x", 400, "bad_request"),
        (f"{PAIR}&first=201", 400, "invalid_argument"),
        (f"{PAIR}&after=x", 400, "invalid_argument"),
        (f"{PAIR}&changed=yes", 400, "bad_request"),
    ],
)
@ON_SQLITE
def test_what_cannot_be_compared_says_so(client: Client, path: str, status: int, code: str) -> None:
    """In the form of every door of HTTP."""
    send(client)
    answer = client.http.get(path)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
