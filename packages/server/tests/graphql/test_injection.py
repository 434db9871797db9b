"""C41: what means something to SQL means nothing in any argument."""

from __future__ import annotations

import json
from typing import Final

import pytest

from ..support.client import Client
from ..support.lines import make_call, make_payload, make_run, make_run_id

PAYLOADS: Final = (
    "'",
    '"',
    "`",
    "' OR '1'='1",
    "' OR 1=1 --",
    "' OR 1=1 #",
    '" OR ""="',
    "') OR ('1'='1",
    "1; DROP TABLE run; --",
    "'; DROP TABLE run; --",
    "'; UPDATE run SET name='x'; --",
    "' UNION SELECT password_hash FROM account --",
    "' UNION SELECT NULL, NULL, NULL --",
    "' AND (SELECT count(*) FROM account) > 0 --",
    "' AND pg_sleep(5) --",
    "'||pg_sleep(5)||'",
    "' AND randomblob(1000000000) --",
    "'; ATTACH DATABASE '/tmp/x.db' AS x; --",
    "'; COPY run TO '/tmp/x'; --",
    "%' --",
    "\\'; --",
    "\\",
    "$$; DROP TABLE run; $$",
    "$1",
    ":name",
    "%(name)s",
    "?",
    "{0}",
    "/*",
    "*/ OR 1=1 /*",
    "-- ",
    "\u02bc OR 1=1 --",
    "\uff07 OR 1=1 --",
    'a" NEAR "b',
    "a* OR b",
    "NOT a:b",
    "(a AND",
    "a & !b | c",
)
FILTERS: Final = (
    "name",
    "correlationId",
    "tags",
    "model",
    "text",
    "attributes",
    "scores",
    "span name",
    "span model",
)


def _make_filter(field: str, text: str) -> dict[str, object]:
    if field == "attributes":
        return {"attributes": [{"key": text, "value": [text]}]}
    if field == "scores":
        return {"scores": [{"name": text, "label": [text]}]}
    if field.startswith("span "):
        return {"spans": [{field.removeprefix("span "): [text]}]}
    return {field: text if field == "text" else [text]}


@pytest.fixture
def filled(client: Client) -> Client:
    """A run that no payload names."""
    client.send([make_run(name="plain"), make_call(1, input=make_payload("plain words"))])
    return client


def test_c41_no_filter_is_a_statement(filled: Client) -> None:
    """Each finds nothing, as any other text that is nobody's; and the runs are as they were."""
    query = """query($f: RunFilter) {runs(filter: $f) {totalCount}
      usage(filter: $f, interval: DAY) {runs calls}}"""
    nothing = {"runs": {"totalCount": 0}, "usage": []}
    for field in FILTERS:
        for text in PAYLOADS:
            given = _make_filter(field, text)
            assert filled.ask(query, f=given) == nothing, (field, text)
    assert filled.ask("{runs {edges {node {name}}}}")["runs"]["edges"] == [
        {"node": {"name": "plain"}}
    ]


def test_c41_no_argument_is_a_statement(filled: Client) -> None:
    """Ids, cursors, words to look for: nothing is found, or it is refused as what it is not."""
    queries = (
        "query($t: ID!) {run(id: $t) {id}}",
        "query($t: ID!) {span(id: $t) {id}}",
        "query($t: ID!) {node(id: $t) {id}}",
        "query($t: String!) {workflow(correlationId: $t) {correlationId}}",
        "query($t: String!) {search(text: $t) {edges {cursor}}}",
        "query($t: String!) {runs(after: $t) {totalCount}}",
    )
    for query in queries:
        for text in PAYLOADS:
            answer = filled.ask_raw(query, t=text)
            codes = {error.get("extensions", {}).get("code") for error in answer.get("errors", [])}
            assert codes <= {"INVALID_ARGUMENT", "NOT_FOUND"}, (query, text, answer)
            found = json.dumps(answer.get("data"))
            assert make_run_id(0) not in found, (query, text, answer)


def test_c41_what_is_stored_is_only_stored(filled: Client) -> None:
    """As names, tags and labels: each comes back as it was given, and finds its own run."""
    for number, text in enumerate(PAYLOADS, start=1):
        filled.send([make_run(number, name=text, correlation_id=text, tags=[text])])
    query = "query($f: RunFilter) {runs(filter: $f) {edges {node {name tags correlationId}}}}"
    for text in PAYLOADS:
        for field in ("name", "tags", "correlationId"):
            (edge,) = filled.ask(query, f=_make_filter(field, text))["runs"]["edges"]
            assert edge["node"] == {"name": text, "tags": [text], "correlationId": text}
