"""What was added to runs leaves with them, and is taken in elsewhere."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agenttrace.wire.additions import parse_addition
from agenttrace_server.errors import GoneError
from agenttrace_server.services.export import ExportService
from agenttrace_server.storage.additions import take_in
from agenttrace_server.storage.annotations import Said, annotate, list_annotations
from agenttrace_server.storage.append import append_records
from agenttrace_server.storage.deletion import delete_runs
from agenttrace_server.storage.engine import Database

from ..support.client import NDJSON, Client
from ..support.lines import (
    Record,
    check_records,
    dump_lines,
    make_run,
    make_run_id,
    make_span,
    make_span_id,
)
from ..support.thread import ServerThread

RUN, SPAN = make_run_id(0), make_span_id(0)
HOUR_NS = 3_600 * 10**9
SAID = "id name source score label comment author createdAt updatedAt"
ALL = f"""query($id: ID!) {{ run(id: $id) {{ tags annotations {{ {SAID} }}
    spans(first: 9) {{ edges {{ node {{ annotations {{ {SAID} }} }} }} }} }} }}"""
ANNOTATE = """mutation($id: ID!, $said: AnnotationInput!) {
    annotateRun(runId: $id, annotation: $said) { annotation { id } errors { code } } }"""
ANNOTATE_SPAN = ANNOTATE.replace("annotateRun(runId", "annotateSpan(spanId")
TAG = (
    "mutation($id: ID!, $tags: [String!]!) { tagRun(runId: $id, tags: $tags) { errors { code } } }"
)
BY_TAG = "query($tag: String!) { runs(filter: {tags: [$tag]}) { edges { node { id } } } }"


def _make_annotation(number: int = 0, **fields: Any) -> Record:
    annotation: Record = {
        "v": 1,
        "type": "annotation",
        "annotation_id": f"{number:032x}",
        "run_id": RUN,
        "name": "correctness",
        "source": "HUMAN",
        "score": 0.5,
        "created_ns": 1,
        "updated_ns": 1,
    }
    return {**annotation, **fields}


def _make_tags(*tags: str, run: int = 0) -> Record:
    return {"v": 1, "type": "tags", "run_id": make_run_id(run), "tags": [*tags]}


def _send(client: Client, *records: Record) -> dict[str, Any]:
    answer = client.http.post("/api/ingest", content=dump_lines(records), headers=NDJSON)
    result: dict[str, Any] = answer.json()
    return result


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Client]:
    """An empty server beside."""
    (tmp_path / "other").mkdir()
    url = f"sqlite:///{tmp_path / 'other' / 'x.db'}"
    with ServerThread(url) as running, Client(running.url) as made:
        yield made


def test_what_people_added_is_there_after_an_import(client: Client, other: Client) -> None:
    """Scores with who said them and when, added tags: read, and found by, as in the original."""
    client.send([make_run(tags=["recorded"]), make_span(0)])
    said = {"name": "helpful", "source": "HUMAN", "score": 0.1, "author": "ä", "comment": "a\nb"}
    client.ask(ANNOTATE, id=RUN, said=said)
    for n in range(101):  # more than a step
        said = {"name": f"n{n}", "source": "CODE", "label": "yes"}
        client.ask(ANNOTATE_SPAN, id=f"{RUN}:{SPAN}", said=said)
    client.ask(TAG, id=RUN, tags=["added", "second"])
    lines = client.http.get(f"/api/export/runs/{RUN}").content
    assert lines.count(b'"type":"annotation"') == 102
    for _ in range(2):
        sent = other.http.post("/api/ingest", content=lines, headers=NDJSON).json()
        assert sent == {"accepted": 105, "rejected": 0, "errors": []}
        assert other.ask(ALL, id=RUN) == client.ask(ALL, id=RUN)
        assert other.ask(BY_TAG, tag="second") == client.ask(BY_TAG, tag="second")
        assert other.http.get(f"/api/export/runs/{RUN}").content == lines


def test_an_added_tag_stays_when_a_recorded_one_like_it_goes(client: Client, other: Client) -> None:
    """It was added before it was recorded: a later record without it leaves it."""
    client.send([make_run()])
    client.ask(TAG, id=RUN, tags=["x"])
    client.send([make_run(status="COMPLETED", rev=1, tags=["x"])])
    lines = client.http.get(f"/api/export/runs/{RUN}").content
    other.http.post("/api/ingest", content=lines, headers=NDJSON)
    for each in (client, other):
        each.send([make_run(status="COMPLETED", rev=2, tags=["y"])])
        assert sorted(each.ask(ALL, id=RUN)["run"]["tags"]) == ["x", "y"]


def test_an_addition_comes_after_the_records_of_its_request(client: Client) -> None:
    """Wherever it stands among them; one that is there already changes nothing."""
    sent = _send(client, _make_annotation(span_id=SPAN), _make_tags("x"), make_span(0), make_run())
    assert sent == {"accepted": 4, "rejected": 0, "errors": []}
    cursor = client.ask("{ runs { cursor } }")
    assert _send(client, _make_annotation(span_id=SPAN), _make_tags("x"))["accepted"] == 2
    assert client.ask("{ runs { cursor } }") == cursor


def test_what_cannot_be_added_is_refused_by_its_line(client: Client) -> None:
    """With a reason; records and other additions of the request are stored."""
    client.send([make_run(0), make_run(1), make_run(2)])
    client.ask("mutation($id: ID!) { deleteRun(runId: $id) { count } }", id=make_run_id(2))
    assert _send(client, _make_annotation(0))["accepted"] == 1
    wrong = [
        _make_annotation(1, run_id=make_run_id(7)),
        _make_annotation(1, span_id=make_span_id(7)),
        _make_annotation(0, run_id=make_run_id(1), updated_ns=9),
        _make_tags("x", run=2),
        _make_tags(*(f"t{n}" for n in range(64))),
        {"v": 1, "type": "ratings", "run_id": RUN},
        _make_annotation(1, source="GOD"),
        _make_annotation(1, score=None),
        _make_annotation(1, created_ns=2, updated_ns=1),
        _make_annotation(1, updated_ns=time.time_ns() + 25 * HOUR_NS),
        _make_annotation(1, updated_ns=2**63 - 1),
    ]
    result = _send(client, *wrong[:5], make_span(0), _make_tags("t64"), *wrong[5:])
    assert result["accepted"] == 2  # the span and 64 tags; one tag more is too many
    told = [(error["line"], error["code"]) for error in result["errors"]]
    assert told == [
        (1, "not_found"),
        (2, "not_found"),
        (3, "invalid_field"),
        (4, "run_deleted"),
        (7, "too_many"),
        (8, "unknown_type"),
        (9, "invalid_field"),
        *((line, "invalid_field") for line in range(10, 14)),
    ]
    assert result["errors"][-3]["message"] == "updated_ns: is before created_ns"
    assert "ahead of this server's clock; at most a day" in result["errors"][-2]["message"]
    assert "there is no such run here: send its records first" in result["errors"][0]["message"]
    said = client.ask(ALL, id=RUN)["run"]["annotations"]
    assert [(each["name"], each["score"]) for each in said] == [("correctness", 0.5)]


def test_no_more_annotations_than_can_be_listed_are_taken(client: Client) -> None:
    """1,000 of a run, as when they are added one by one; those that are known may change."""
    client.send([make_run()])
    result = _send(client, *(_make_annotation(n) for n in range(1_001)))
    assert (result["accepted"], result["errors"][0]["code"]) == (1_000, "too_many")
    assert _send(client, _make_annotation(5, score=1, updated_ns=2))["accepted"] == 1


def test_an_edit_holds_against_what_it_replaced(client: Client) -> None:
    """Also where that is of a clock ahead of this one: the edit is later, and the line is old."""
    old = _make_annotation(0, score=1, updated_ns=time.time_ns() + 23 * HOUR_NS)
    client.send([make_run()])
    assert _send(client, old)["accepted"] == 1
    before = client.ask(ALL, id=RUN)["run"]["annotations"][0]
    said = {"name": "n", "source": "HUMAN", "score": 5.0, "annotationId": old["annotation_id"]}
    assert client.ask(ANNOTATE, id=RUN, said=said)["annotateRun"]["errors"] == []
    assert _send(client, old)["accepted"] == 1
    (after,) = client.ask(ALL, id=RUN)["run"]["annotations"]
    assert (after["score"], after["createdAt"]) == (5.0, before["createdAt"])
    assert after["updatedAt"] >= before["updatedAt"]


async def test_an_edit_of_the_last_possible_time_stays_within_it(database: Database) -> None:
    """Older servers took any time: the greatest that is stored can be edited."""
    await database.write(append_records, check_records([make_run()]))
    line = json.dumps(_make_annotation(0, updated_ns=2**63 - 1)).encode()
    await database.write(take_in, [parse_addition(line)])
    said = Said("n", "HUMAN", 5.0, None, None, None)
    made = await database.write(
        annotate, (RUN, ""), said, replaces=f"{0:032x}", new_id="x", now_ns=7, field="runId"
    )
    assert (made.score, made.updated_ns) == (5.0, 2**63 - 1)


async def test_the_annotation_that_was_said_last_holds(database: Database) -> None:
    """In whatever order and however often the versions of it come, alone or together."""
    versions = [
        _make_annotation(0, score=1, updated_ns=5),
        _make_annotation(0, score=2, updated_ns=7, comment="better"),
        _make_annotation(0, score=3, updated_ns=7),
    ]
    held = set()
    for number, order in enumerate(itertools.permutations(versions)):
        run_id = make_run_id(number)
        await database.write(append_records, check_records([make_run(number)]))
        lines = [{**each, "run_id": run_id, "annotation_id": str(number)} for each in order]
        parsed = [parse_addition(json.dumps(line).encode()) for line in [*lines, lines[0]]]
        for batch in [parsed] if number % 2 else [[each] for each in parsed]:
            await database.write(take_in, batch)
        listed = await database.read(list_annotations, [(run_id, "")])
        (said,) = listed[run_id, ""]
        held.add((said.score, said.comment, said.updated_ns))
    assert len(held) == 1
    assert held.pop()[2] == 7


async def test_an_export_of_a_run_deleted_before_its_annotations_is_cut(
    database: Database,
) -> None:
    """What lacks annotations must not look like a run that has none."""
    await database.write(append_records, check_records([make_run()]))
    lines = await ExportService(database).export_run(RUN)
    assert lines is not None
    for _ in range(3):  # the run, no spans, no events
        await anext(lines)
    await database.write(delete_runs, [RUN], now_ns=1)
    with pytest.raises(GoneError):
        await anext(lines)
