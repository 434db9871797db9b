"""Annotations, tags and deletion over real HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from agenttrace_server.graphql import loaders

from ..support.client import Client
from ..support.lines import make_call, make_run, make_run_id, make_span_id

RUN = make_run_id(0)
SPAN = f"{RUN}:{make_span_id(0)}"
ERRORS = "errors { field code message }"
ANNOTATION = f"annotation {{ id name source score label comment author spanId }} {ERRORS}"
ON_RUN = f"""mutation($id: ID!, $a: AnnotationInput!) {{
    it: annotateRun(runId: $id, annotation: $a) {{ {ANNOTATION} }} }}"""
ON_SPAN = f"""mutation($id: ID!, $a: AnnotationInput!) {{
    it: annotateSpan(spanId: $id, annotation: $a) {{ {ANNOTATION} }} }}"""
TAG = f"""mutation($id: ID!, $tags: [String!]!) {{
    it: tagRun(runId: $id, tags: $tags) {{ run {{ tags userTags }} {ERRORS} }} }}"""
UNTAG = TAG.replace("tagRun", "untagRun")
COUNT = "query($f: RunFilter) { runs(filter: $f) { totalCount } }"


def _send(client: Client) -> None:
    client.send([make_run(tags=["recorded"]), make_call(0)])


def _do(client: Client, query: str, **variables: Any) -> dict[str, Any]:
    found: dict[str, Any] = client.ask(query, **variables)["it"]
    return found


def _count(client: Client, run_filter: dict[str, Any]) -> int:
    return int(client.ask(COUNT, f=run_filter)["runs"]["totalCount"])


def test_what_is_said_of_runs_and_spans_is_read_and_found(client: Client) -> None:
    """An annotation stands where it was made, can be replaced and taken back."""
    _send(client)
    said = {"name": "quality", "score": 0.5, "comment": "so so", "author": "me"}
    made = _do(client, ON_RUN, id=RUN, a=said)
    assert made["errors"] == []
    expected = {"source": "HUMAN", "label": None, "spanId": None, **said}
    assert {**made["annotation"], "id": None} == {**expected, "id": None}
    checked = {"name": "format", "source": "CODE", "label": "ok"}
    span_made = _do(client, ON_SPAN, id=SPAN, a=checked)["annotation"]
    assert span_made["spanId"] == make_span_id(0)
    query = f"""{{ run(id: "{RUN}") {{ annotations {{ name score }} }}
        span(id: "{SPAN}") {{ annotations {{ name source label }} }} }}"""
    assert client.ask(query) == {
        "run": {"annotations": [{"name": "quality", "score": 0.5}]},
        "span": {"annotations": [checked]},
    }
    again = {**said, "score": 0.9, "annotationId": made["annotation"]["id"]}
    assert _do(client, ON_RUN, id=RUN, a=again)["errors"] == []
    assert client.ask(query)["run"]["annotations"] == [{"name": "quality", "score": 0.9}]
    assert _count(client, {"scores": [{"name": "quality", "score": {"min": 0.8}}]}) == 1
    assert _count(client, {"scores": [{"name": "format", "label": ["ok"]}]}) == 1
    delete = f"mutation($id: ID!) {{ it: deleteAnnotation(id: $id) {{ {ANNOTATION} }} }}"
    assert _do(client, delete, id=span_made["id"]) == {"annotation": None, "errors": []}
    assert client.ask(query)["span"]["annotations"] == []
    assert _do(client, delete, id=span_made["id"])["errors"][0]["code"] == "not_found"


@pytest.mark.parametrize(
    ("query", "node", "annotation", "refusal"),
    [
        (ON_RUN, make_run_id(9), {}, ("runId", "not_found")),
        (ON_RUN, "nonsense", {}, ("runId", "not_found")),
        (ON_SPAN, "nonsense", {}, ("spanId", "not_found")),
        (ON_SPAN, f"{RUN}:{make_span_id(9)}", {}, ("spanId", "not_found")),
        (ON_RUN, RUN, {"name": ""}, ("name", "empty")),
        (ON_RUN, RUN, {"name": "x" * 129}, ("name", "too_long")),
        (ON_RUN, RUN, {"comment": "é" * 10_000}, ("comment", "too_long")),
        (ON_RUN, RUN, {"label": "a\0"}, ("label", "invalid")),
        (ON_RUN, RUN, {"score": None}, ("score", "empty")),
        (ON_RUN, RUN, {"annotationId": "f" * 32}, ("annotationId", "not_found")),
    ],
)
def test_what_cannot_be_said_is_refused(
    client: Client, query: str, node: str, annotation: dict[str, Any], refusal: tuple[str, str]
) -> None:
    """With the field and a code, and nothing is changed."""
    _send(client)
    answer = _do(client, query, id=node, a={"name": "n", "score": 1.0, **annotation})
    (error,) = answer["errors"]
    assert (error["field"], error["code"]) == refusal
    assert answer["annotation"] is None


def test_tags_are_added_found_and_taken_away(client: Client) -> None:
    """Added tags stand beside the recorded ones, which stay; a later record changes neither."""
    _send(client)
    tagged = _do(client, TAG, id=RUN, tags=["mine", "recorded", "mine"])
    assert tagged == {"run": {"tags": ["recorded", "mine"], "userTags": ["mine"]}, "errors": []}
    client.send([make_run(status="COMPLETED", rev=1, tags=["recorded", "late"])])
    assert _count(client, {"tags": ["mine"]}) == _count(client, {"tags": ["late"]}) == 1
    assert _do(client, UNTAG, id=RUN, tags=["mine"])["run"]["tags"] == ["recorded", "late"]
    assert _count(client, {"tags": ["mine"]}) == 0
    (error,) = _do(client, UNTAG, id=RUN, tags=["recorded"])["errors"]
    assert error["code"] == "recorded"
    (error,) = _do(client, TAG, id=RUN, tags=[f"t{n}" for n in range(65)])["errors"]
    assert error == {"field": "tags", "code": "too_many", "message": "at most 64 tags can be added"}


def test_followers_of_lists_hear_of_what_was_added(client: Client) -> None:
    """A list with the tag gets the run at once."""
    _send(client)
    query = """subscription { runChanges(filter: {tags: ["mine"]}) {
        changes { matches run { tags } } } }"""
    with client.follow(query) as follower:
        assert follower.next() == {"changes": []}
        _do(client, TAG, id=RUN, tags=["mine"])
        changes = [{"matches": True, "run": {"tags": ["recorded", "mine"]}}]
        assert follower.next() == {"changes": changes}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"text": ""},
        {"text": "  "},
        {"durationMs": {}},
        {"durationMs": {"min": 0}},
        {"costUsd": {}},
        {"totalTokens": {"min": -1}},
        {"startedAfter": "1960-01-01T00:00:00Z"},
        {"startedBefore": "9999-12-31T00:00:00Z"},
        {"spans": [{}]},
        {"spans": [{"below": {}}]},
        {"attributes": [], "scores": []},
    ],
    ids=str,
)
def test_a_filter_that_says_nothing_deletes_nothing(client: Client, given: dict[str, Any]) -> None:
    """An empty box of a form, or an open range, must not cost the store."""
    client.send([make_run(status="COMPLETED", rev=1), make_call(0), make_run(1)])
    delete = f"mutation($f: RunFilter) {{ it: deleteRuns(filter: $f) {{ count {ERRORS} }} }}"
    answer = _do(client, delete, f=given)
    assert (answer["count"], answer["errors"][0]["code"]) == (0, "empty")
    assert _count(client, {}) == 2


def test_runs_are_deleted_by_id_and_by_filter(client: Client) -> None:
    """They are gone; a filter without a criterion deletes nothing."""
    for run in range(4):
        client.send([make_run(run, name=f"agent {run}")])
    one = f"mutation($id: ID!) {{ it: deleteRun(runId: $id) {{ count {ERRORS} }} }}"
    assert _do(client, one, id=RUN) == {"count": 1, "errors": []}
    assert _do(client, one, id=RUN)["errors"][0]["code"] == "not_found"
    many = f"""mutation($ids: [ID!], $f: RunFilter) {{
        it: deleteRuns(runIds: $ids, filter: $f) {{ count hasMore {ERRORS} }} }}"""
    assert _do(client, many, ids=[make_run_id(1), make_run_id(9)])["count"] == 1
    assert _do(client, many, f={})["errors"][0]["code"] == "empty"
    assert _do(client, many)["errors"][0]["code"] == "invalid"
    expected = {"count": 1, "hasMore": False, "errors": []}
    assert _do(client, many, f={"name": ["agent 2"]}) == expected
    assert _count(client, {}) == 1


def test_the_annotations_of_an_answer_are_bounded(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By bytes, together with its texts: what is too much is not read, and the error says so."""
    _send(client)
    for number in range(4):
        comment = "\u20ac" * 2_000  # 6,000 bytes
        given = {"name": str(number), "source": "HUMAN", "comment": comment}
        assert _do(client, ON_RUN, id=make_run_id(0), a=given)["errors"] == []
    query = f'{{ run(id: "{make_run_id(0)}") {{ annotations {{ comment }} }} }}'
    monkeypatch.setattr(loaders, "MAX_TEXT_BYTES", 26_000)
    assert len(client.ask(query)["run"]["annotations"]) == 4
    monkeypatch.setattr(loaders, "MAX_TEXT_BYTES", 24_000)
    answer = client.ask_raw(query)
    assert "the annotations that are asked for have" in answer["errors"][0]["message"]
    assert answer["errors"][0]["extensions"]["code"] == "INVALID_ARGUMENT"
