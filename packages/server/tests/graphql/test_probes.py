"""What scanners for GraphQL servers try, on a server in production and one in development."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from agenttrace_server.services.access import AccessService

from ..support.accounts import AccountsServer, open_accounts
from ..support.client import Client

QUERY = {"query": "{ __typename }"}
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccountsServer]:
    """A server in production."""
    url = f"sqlite:///{tmp_path_factory.mktemp('production') / 'agenttrace.db'}"
    with open_accounts(url, environment="production") as running:
        yield running


@pytest.fixture
def hardened(production: AccountsServer) -> Iterator[Client]:
    """A client of it, who may do everything."""
    with Client(production.url, production.operator.credential) as made:
        yield made


def _post(client: Client, query: str, **variables: Any) -> httpx.Response:
    return client.http.post("/graphql", json={"query": query, "variables": variables})


def _list_messages(answer: httpx.Response) -> list[str]:
    return [error["message"] for error in answer.json()["errors"]]


def test_c29_c33_aliases_are_bounded(hardened: Client) -> None:
    """101 aliases of one field."""
    query = "{" + " ".join(f"a{n}: __typename" for n in range(101)) + "}"
    assert _post(hardened, query).status_code == 422


def test_c31_c33_batches_are_refused(hardened: Client) -> None:
    """A list of ten operations."""
    assert hardened.http.post("/graphql", json=[QUERY] * 10).status_code == 422


def test_c30_c33_directives_are_bounded(hardened: Client) -> None:
    """Ten of a directive that does not exist, and 51 of one that does."""
    (first, *_) = _list_messages(_post(hardened, "{ __typename " + "@aa" * 10 + "}"))
    assert first == "Unknown directive '@aa'."
    assert _post(hardened, "{ __typename " + "@skip(if: false)" * 51 + "}").status_code == 422


def test_c33_circular_introspection_is_refused(hardened: Client, shared_client: Client) -> None:
    """Types of fields of types, in development as well."""
    query = "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }"
    assert _post(hardened, query).status_code == 422
    assert _post(shared_client, query).status_code == 422


@pytest.mark.parametrize(
    "query", ["{ __schema { types { name } } }", '{ __type(name: "Run") {name}}']
)
def test_c33_introspection_is_off(hardened: Client, query: str) -> None:
    """The schema is not told; `__typename` still is."""
    (message,) = _list_messages(_post(hardened, query))
    assert message.startswith("introspection is off on this server")
    assert _post(hardened, "{ __typename }").json() == {"data": {"__typename": "Query"}}


def test_introspection_can_be_allowed(tmp_path: Any) -> None:
    """`ALLOW_INTROSPECTION=1` opens it in production."""
    url = f"sqlite:///{tmp_path / 'agenttrace.db'}"
    settings: dict[str, Any] = {"environment": "production", "allow_introspection": True}
    with open_accounts(url, **settings) as running:
        assert running.operator.ask("{ __schema { queryType { name } } }")


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("{ servr { version } }", {}),
        ("{ server { versio } }", {}),
        ("{ server }", {}),
        ("{ runs(firs: 1) { cursor } }", {}),
        ("{ runs(filter: {status: [STARTEDD]}) { cursor } }", {}),
        ("query($f: RunFilter) { runs(filter: $f) { cursor } }", {"f": {"status": ["STARTEDD"]}}),
        ("query($f: RunFilter) { runs(filter: $f) { cursor } }", {"f": {"statu": ["STARTED"]}}),
        ("query($f: RunFilte) { runs(filter: $f) { cursor } }", {}),
        ("{ ... on Quer { __typename } }", {}),
        ("{ ...Runn } fragment Run on Query { __typename }", {}),
        ("{ __typename @skp(if: true) }", {}),
    ],
)
def test_c33_no_names_are_suggested(
    hardened: Client, shared_client: Client, query: str, variables: dict[str, Any]
) -> None:
    """A misspelt name is refused without the right one; anywhere in the answer."""
    answer = _post(hardened, query, **variables)
    assert answer.json()["errors"]
    assert "Did you mean" not in answer.text
    assert _post(shared_client, query, **variables).json()["errors"]


def test_development_suggests_names(shared_client: Client) -> None:
    """Where the schema is open, help is more use."""
    assert "Did you mean 'server'" in _post(shared_client, "{ servr { version } }").text


@pytest.mark.parametrize("query", ["{ __typename }", "mutation { __typename }"])
def test_c33_get_runs_nothing(hardened: Client, query: str) -> None:
    """Neither a query nor a mutation."""
    assert hardened.http.get("/graphql", params={"query": query}).status_code == 405


def test_c33_there_is_no_explorer(hardened: Client) -> None:
    """No page is served in the place of an answer."""
    answer = hardened.http.get("/graphql", headers={"accept": "text/html"})
    assert (answer.status_code, "<html" in answer.text.lower()) == (405, False)


def test_c33_forms_are_refused(hardened: Client) -> None:
    """What another page could post without asking."""
    assert hardened.http.post("/graphql", data=QUERY).status_code == 415


def test_c33_nothing_is_traced(hardened: Client) -> None:
    """No header or extension makes the server tell how it worked."""
    answer = hardened.http.post(
        "/graphql",
        json={**QUERY, "extensions": {"tracing": True}},
        headers={"x-apollo-tracing": "1", "apollo-federation-include-trace": "ftv1"},
    )
    assert answer.json() == {"data": {"__typename": "Query"}}


def test_c33_c36_an_unexpected_error_is_hidden(
    hardened: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An id instead of the text, the statement, the path or the traceback; the log has them."""

    async def fail(*_: object) -> None:
        raise RuntimeError("SELECT secret FROM /etc/passwd")

    monkeypatch.setattr(AccessService, "keep_own", fail)
    answer = _post(hardened, '{ run(id: "' + "a" * 32 + '") { id } }')
    (error,) = answer.json()["errors"]
    assert error["message"] == (
        f"Internal error {error['extensions']['errorId']}; the server's log has the details."
    )
    for word in ("SELECT", "secret", "passwd", "Traceback", "RuntimeError", ".py"):
        assert word not in answer.text
    assert error["extensions"]["errorId"] in caplog.text


_RUNS = """query($f: RunFilter, $n: Int, $a: String) {
    runs(filter: $f, first: $n, after: $a) { cursor } }"""


@pytest.mark.parametrize(
    "variables",
    [
        '{"n": "1"}',
        '{"n": 1.5}',
        '{"n": true}',
        '{"n": 1' + "0" * 400 + "}",
        '{"n": 1e400}',
        '{"n": 2147483648}',
        '{"n": []}',
        '{"a": 5}',
        '{"a": "\\u0000"}',
        '{"a": "\\ud800"}',
        '{"a": {"b": "c"}}',
        '{"f": "text"}',
        '{"f": [[[[[]]]]]}',
        '{"f": {"status": 5}}',
        '{"f": {"status": ["\\u0000"]}}',
        '{"f": {"name": ["\\u0000"], "text": "\\u0000"}}',
        '{"f": {"name": ["\\ud800"]}}',
        '{"f": {"costUsd": {"min": "1e400"}}}',
        '{"f": {"durationMs": {"min": 1e308, "max": -1e308}}}',
        '{"f": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"f": ' + '{"a":' * 100_000 + "1" + "}" * 100_001,
        '{"unknown": 1}',
        "[]",
        "5",
    ],
    ids=lambda text: text[:40],
)
def test_c34_hostile_variables_are_the_client_s_mistake(
    hardened: Client, variables: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A status of the client's, or an answer: never 500, and never an internal error."""
    body = f'{{"query": {json.dumps(_RUNS)}, "variables": {variables}}}'
    answer = hardened.http.post("/graphql", content=body.encode(), headers=JSON)
    assert answer.status_code in (200, 294, 400, 422)
    assert "Internal error" not in answer.text
    assert not caplog.records
