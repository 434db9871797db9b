"""Records by the mutation `ingest`: the same pipeline as the door of recorders."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ..support.client import NDJSON, Client
from ..support.lines import make_run, make_run_id, make_span
from ..support.thread import ServerThread

INGEST = """mutation($records: JSON!) {
    ingest(records: $records) { accepted rejected errors { record code message } } }"""
RUN = make_run_id(0)


def test_records_are_stored_and_bad_ones_named(client: Client) -> None:
    """Good records are there when the answer comes; each bad one has its place and its reason."""
    records: list[Any] = [make_run(), {"v": 1, "type": "nothing"}, make_span(0)]
    answer = client.ask(INGEST, records=records)["ingest"]
    assert (answer["accepted"], answer["rejected"]) == (2, 1)
    (error,) = answer["errors"]
    assert error["record"] == 2
    assert error["code"]
    tree = client.ask("query($id: ID!) { run(id: $id) { name spanTree { name } } }", id=RUN)
    assert tree == {"run": {"name": "agent", "spanTree": [{"name": "step 0"}]}}


def test_both_doors_are_one(client: Client) -> None:
    """A record that one door took is seen before by the other."""
    client.send([make_run(status="COMPLETED", rev=1)])
    again = client.ask(INGEST, records=[make_run(status="COMPLETED", rev=1)])
    assert again == {"ingest": {"accepted": 1, "rejected": 0, "errors": []}}
    assert client.ask("{ runs { totalCount } }") == {"runs": {"totalCount": 1}}


@pytest.mark.parametrize("wrong", [1, [], None, "", "a\nb", True, {}])
def test_what_is_no_record_is_reported_as_by_the_other_door(client: Client, wrong: Any) -> None:
    """The good ones beside it are stored; its error has its place."""
    records = [make_run(), wrong, make_span(0)]
    answer = client.ask(INGEST, records=records)["ingest"]
    body = b"\n".join(json.dumps(record).encode() for record in records)
    other = client.http.post("/api/ingest", content=body, headers=NDJSON).json()
    (error,) = other["errors"]
    assert error.pop("line") == 2
    assert answer == {**other, "errors": [{"record": 2, **error}]}
    assert (answer["accepted"], answer["rejected"]) == (2, 1)
    assert client.ask("{ runs { totalCount } }") == {"runs": {"totalCount": 1}}


@pytest.mark.parametrize("records", [{}, 5, "text", True])
def test_what_is_no_list_is_refused(shared_client: Client, records: Any) -> None:
    """The error says what is expected."""
    (error,) = shared_client.ask_raw(INGEST, records=records)["errors"]
    assert error["message"] == "records must be a list of objects, one a record"


def test_a_full_budget_is_told(client: Client, server: ServerThread) -> None:
    """Nothing is stored, and the error says when to try again; what is held is given back."""
    budget = server.app.budget
    limit_bytes, budget.limit_bytes = budget.limit_bytes, 10
    (error,) = client.ask_raw(INGEST, records=[make_run()])["errors"]
    assert error["extensions"] == {"code": "OVERLOADED", "retryAfterS": 1}
    assert client.ask("{ runs { totalCount } }") == {"runs": {"totalCount": 0}}
    budget.limit_bytes = limit_bytes
    assert client.ask(INGEST, records=[make_run()])["ingest"]["accepted"] == 1
    assert budget.used_bytes == 0
