"""`GET /api/replay/runs/{id}`: what the stored document answers, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from ..support.client import Client
from ..support.dialects import ON_SQLITE
from ..support.lines import make_event, make_payload, make_run, make_run_id, make_span

RUN = make_run_id(0)


def send(client: Client) -> None:
    client.send(
        [
            make_run(),
            make_span(0, seq=0, end_seq=2, output=make_payload({"n": 2**70})),
            make_event(1, name="state", body=make_payload({"key": "k", "value": "v"})),
            make_run(status="COMPLETED", rev=1),
        ]
    )


def test_a_run_is_its_steps(client: Client) -> None:
    """Pages of light steps, and one step whole; no number is rewritten."""
    send(client)
    whole: dict[str, Any] = client.http.get(f"/api/replay/runs/{RUN}").json()
    assert (whole["runId"], whole["totalSteps"], whole["complete"]) == (RUN, 3, True)
    assert whole["replayable"]["ok"] is True
    assert [edge["node"]["phase"] for edge in whole["steps"]["edges"]] == ["START", "STATE", "END"]
    page = client.http.get(f"/api/replay/runs/{RUN}?first=1&after=0").json()["steps"]
    assert [edge["node"]["index"] for edge in page["edges"]] == [1]
    assert page["pageInfo"] == {"hasNextPage": True, "endCursor": "1"}
    answer = client.http.get(f"/api/replay/runs/{RUN}?at=2")
    assert answer.headers["content-type"] == "application/json"
    step = answer.json()["step"]
    assert step["output"]["value"] == {"n": 2**70}
    assert step["state"] == {"k": "v"}
    assert "steps" not in answer.json()


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"/api/replay/runs/{make_run_id(9)}", 404, "not_found"),
        ("/api/replay/runs/nothing", 404, "not_found"),
        (f"/api/replay/runs/{RUN}?first=201", 400, "invalid_argument"),
        (f"/api/replay/runs/{RUN}?first=x", 400, "bad_request"),
        (f"/api/replay/runs/{RUN}?at=-1", 400, "bad_request"),
        (f"/api/replay/runs/{RUN}?at=99999999999", 400, "bad_request"),
        (f"/api/replay/runs/{RUN}?after=x", 400, "invalid_argument"),
    ],
)
@ON_SQLITE
def test_what_there_is_not_says_so(client: Client, path: str, status: int, code: str) -> None:
    """In the form of every door of HTTP."""
    send(client)
    answer = client.http.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


@ON_SQLITE
def test_a_step_that_there_is_not_is_null(client: Client) -> None:
    """As GraphQL has it."""
    send(client)
    assert client.http.get(f"/api/replay/runs/{RUN}?at=3").json()["step"] is None
    assert client.http.post(f"/api/replay/runs/{RUN}").status_code == 405
