"""Searching over real HTTP."""

from __future__ import annotations

import pytest

from ..support.client import Client
from ..support.index import wait_for_index
from ..support.lines import make_payload, make_run, make_run_id, make_span, make_span_id

SEARCH = """query($text: String!, $filter: RunFilter, $first: Int, $after: String) {
    search(text: $text, filter: $filter, first: $first, after: $after) {
        edges { cursor snippet node { id name } } pageInfo { hasNextPage endCursor } } }"""


def _send(client: Client) -> None:
    for run in range(3):
        said = make_payload({"answer": f"The needle number {run}, found in hay."})
        name = f"agent {run}"
        client.send([make_run(run, name=name), make_span(run, run=run, output=said)])
    wait_for_index(client)


def test_spans_are_found_with_a_snippet_and_in_pages(client: Client) -> None:
    """The last to arrive first, on from a cursor, and of some runs only."""
    _send(client)
    one = client.ask(SEARCH, text="Needle found", first=2)["search"]
    assert [edge["node"]["id"] for edge in one["edges"]] == [
        f"{make_run_id(run)}:{make_span_id(run)}" for run in (2, 1)
    ]
    assert one["edges"][0]["snippet"] == "answer The needle number 2, found in hay."
    after = one["pageInfo"]["endCursor"]
    two = client.ask(SEARCH, text="Needle found", first=2, after=after)["search"]
    assert [edge["node"]["name"] for edge in two["edges"]] == ["step 0"]
    assert two["pageInfo"]["hasNextPage"] is False
    found = client.ask(SEARCH, text="needle", filter={"name": ["agent 1"]})["search"]
    assert [edge["node"]["name"] for edge in found["edges"]] == ["step 1"]


def test_an_error_is_found_by_what_it_says(client: Client) -> None:
    """Type, message, notes, traceback and causes; not by the names that the store has for them."""
    plain = {"type": "x.E", "message": "boom"}
    cause = {"type": "os.Deep", "message": 'say "caf\u00e9"\n', "notes": ["remark"]}
    full = {
        "type": "y.F",
        "message": "bang",
        "traceback": "in frame",
        "notes": ["hint"],
        "cause": cause,
        "cause_is_context": True,
        "module": "modu",
        "qualname": "qual",
        "mro": ["parent"],
        "args": make_payload(["given"]),
        "attributes": make_payload({"slot": "held"}),
    }
    sent = client.send([make_run(), make_span(0, error=plain), make_span(1, error=full)])
    assert sent["accepted"] == 3
    wait_for_index(client)

    def find(text: str) -> list[tuple[str, str]]:
        edges = client.ask(SEARCH, text=text)["search"]["edges"]
        return [(edge["node"]["name"], edge["snippet"]) for edge in edges]

    assert find("boom") == [("step 0", "boom")]
    assert find('"x E"') == [("step 0", "x.E")]
    said = {"bang": "bang", "frame": "in frame", "hint": "hint", "deep": "os.Deep"}
    said |= {"caf\u00e9": 'say "caf\u00e9"', "remark": "remark"}
    assert {word: find(word) for word in said} == {
        word: [("step 1", snippet)] for word, snippet in said.items()
    }
    names = ["notes", "false", "true", "cause_is_context", "message", "type", "traceback", "bases"]
    unsaid = ["modu", "qual", "parent", "given", "slot", "held", "args_json", '"E boom"']
    assert [word for word in [*names, *unsaid] if find(word)] == []


@pytest.mark.parametrize(
    "text", ["%", '"', "NEAR(", "*", "İ", "needle*)", "' OR 1=1--", "a:b", "^x", "{a}", "", "\0"]
)
def test_hostile_queries_are_harmless(client: Client, text: str) -> None:
    """What means something to a database's own search means nothing here."""
    _send(client)
    assert client.ask(SEARCH, text=text)["search"]["edges"] == [] or "needle" in text


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"text": "x" * 10_000}, "text has 10000 characters; at most 512 are searched for"),
        ({"text": "x", "after": "y"}, "after is not a cursor of a search"),
        ({"text": "x", "first": 201}, "first is 201; it must be from 0 to 200"),
    ],
)
def test_a_search_over_its_limits_is_refused(
    shared_client: Client, variables: dict[str, object], message: str
) -> None:
    """The limit is said."""
    (error,) = shared_client.ask_raw(SEARCH, **variables)["errors"]
    assert error["message"] == message
