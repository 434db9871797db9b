"""C01, C13, C35, C39: every door and operation, and who may."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from starlette.routing import Route, WebSocketRoute

from agenttrace_server.graphql.permissions import OPERATIONS
from agenttrace_server.graphql.schema import print_sdl
from agenttrace_server.http.doors import DOORS
from graphql import GraphQLObjectType, build_schema, get_named_type, is_leaf_type

from ..support.accounts import AccountsServer, Caller, open_accounts, open_socket
from ..support.client import NDJSON, Client

HERE: Final = Path(__file__).parent
RUN: Final = "0" * 31 + "1"
ALL_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def _read_rows(name: str) -> list[list[str]]:
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    return [line.split() for line in lines if line and not line.startswith("#")]


ROUTES: Final = {row[0]: row[1] for row in _read_rows("routes.txt")}
COLUMNS: Final = [
    "none",
    "stranger",
    "ingest",
    "read",
    "write",
    "viewer",
    "member",
    "admin",
    "other",
    "operator",
]
MATRIX: Final = {
    row[0]: dict(zip(COLUMNS, row[1:], strict=True)) for row in _read_rows("operations.txt")
}


@pytest.fixture(scope="module")
def callers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Caller]]:
    """One caller for each column of the matrix."""
    url = f"sqlite:///{tmp_path_factory.mktemp('doors') / 'agenttrace.db'}"
    with open_accounts(url) as accounts:
        found = {scope.lower(): accounts.use_key(scope) for scope in ("INGEST", "READ", "WRITE")}
        for role in ("VIEWER", "MEMBER", "ADMIN"):
            found[role.lower()] = accounts.add(f"{role.lower()}@example.org", role)
        elsewhere = accounts.add_project("elsewhere")
        found["other"] = accounts.add("other@example.org", "ADMIN", by=elsewhere)
        found["stranger"] = accounts.add("stranger@example.org", None)
        yield {**found, "none": accounts.nobody, "operator": accounts.operator}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccountsServer]:
    """A server that is only knocked at."""
    url = f"sqlite:///{tmp_path_factory.mktemp('knocked') / 'agenttrace.db'}"
    with open_accounts(url) as accounts:
        yield accounts


def _list_doors(accounts: AccountsServer) -> set[str]:
    routes = accounts.server.app.asgi.routes
    assert all(isinstance(route, Route | WebSocketRoute) for route in routes)
    return {route.path for route in routes if isinstance(route, Route | WebSocketRoute)}


def test_c01_every_door_is_listed_with_what_it_needs(server: AccountsServer) -> None:
    """A door that is new is in the list, or this fails; and the list is what the server does."""
    assert _list_doors(server) == ROUTES.keys()
    found = {path: needed.value if needed else "PUBLIC" for path, needed in DOORS.items()}
    assert found == ROUTES


def test_c01_nobody_comes_in_by_another_door(server: AccountsServer) -> None:
    """Whatever the method: 401 with a challenge, but at the public doors."""
    for path, needed in ROUTES.items():
        address = path.format(run_id=RUN, kind="input", span_id="1" * 16, seq="1")
        for method in ALL_METHODS:
            answer = server.nobody.http.request(method, address)
            if needed == "PUBLIC":
                assert answer.status_code != 401, (method, path)
            else:
                assert answer.status_code == 401, (method, path)
                assert answer.headers["www-authenticate"].startswith("Bearer")


def test_c01_a_door_that_nobody_thought_of_is_shut(tmp_path: Path) -> None:
    """A route that is added without a word about who may is open to nobody, an admin included."""

    async def answer(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"secret"})

    with open_accounts(f"sqlite:///{tmp_path / 'x.db'}") as accounts:
        accounts.server.app.asgi.router.routes.append(Route("/api/new", answer))
        assert accounts.nobody.http.get("/api/new").status_code == 401
        key = accounts.use_key("WRITE")
        assert key.http.get("/api/new").status_code == 403
        viewer = accounts.add("v@example.org", "ADMIN")
        assert viewer.http.get("/api/new").status_code == 403


@pytest.mark.parametrize(
    "body", [b'{"query":"{__typename}"}', b"{{{", b'{"query":"{"}', b"", b'{"query":1}']
)
def test_c01_graphql_looks_at_nothing_before_it_knows_who_asks(
    server: AccountsServer, body: bytes
) -> None:
    """A document of nobody is not even parsed."""
    headers = {"content-type": "application/json"}
    answer = server.nobody.http.post("/graphql", content=body, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthenticated"


def test_the_dashboard_is_for_anybody(server: AccountsServer) -> None:
    """Its page has to be there before anybody can log in; there is nothing recorded in it."""
    for path in ("/", "/runs/x", "/login", "/assets/none.js", "/favicon.svg"):
        assert server.nobody.http.get(path).status_code != 401
        assert server.nobody.http.post(path).status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "/api%2Fingest",
        "//graphql",
        "/graphql/",
        "/GRAPHQL",
        "/graphql;x",
        "/./graphql",
        "/x/../graphql",
        "/api/export/runs/..%2f..%2fhealthz",
        "/api/nothing",
        "/v1/traces",
        "/metrics",
        "/docs",
    ],
)
def test_c39_no_spelling_of_a_path_comes_in(server: AccountsServer, path: str) -> None:
    """What is no page of the dashboard needs a credential, however it is written."""
    headers = {"x-original-url": "/healthz", "x-forwarded-prefix": "/healthz"}
    with httpx.Client(base_url=server.url, headers=headers) as raw:
        url = httpx.URL(server.url).copy_with(raw_path=path.encode())
        posted = raw.post(url, json={"query": "{runs{cursor}}"})
        assert posted.status_code == 401
        got = raw.get(url)
    assert got.status_code in (401, 200, 404, 503)
    assert "data" not in got.text[:20]


def test_c35_ingest_is_refused_before_its_body_is_read(callers: dict[str, Caller]) -> None:
    """No key 401, a viewer 403; the wrong type only then."""
    post: dict[str, Any] = {"content": b"x" * 100_000, "headers": {"content-type": "text/plain"}}
    assert callers["none"].http.post("/api/ingest", **post).status_code == 401
    assert callers["viewer"].http.post("/api/ingest", **post).status_code == 403
    assert callers["read"].http.post("/api/ingest", **post).status_code == 403
    assert callers["ingest"].http.post("/api/ingest", **post).status_code == 415


SCHEMA: Final = build_schema(print_sdl())
ROOTS: Final = {
    "query": SCHEMA.query_type,
    "mutation": SCHEMA.mutation_type,
    "subscription": SCHEMA.subscription_type,
}


def test_c13_every_operation_is_in_the_matrix() -> None:
    """The schema, the table in the code and the file have the same operations."""
    in_schema = {
        f"{kind}.{name}"
        for kind, root in ROOTS.items()
        if isinstance(root, GraphQLObjectType)
        for name in root.fields
    }
    hidden = {"query.__typename", "mutation.__typename", "query.__schema", "query.__type"}
    in_code = {f"{kind}.{name}" for kind, names in OPERATIONS.items() for name in names}
    in_file = {name for name in MATRIX if not name.startswith("door.")}
    assert in_schema | hidden == in_code == in_file
    doors = {path for path in ROUTES if not path.startswith("/api/auth/")} - {"/graphql"}
    assert {name[5:] for name in MATRIX if name.startswith("door.")} == doors


_INPUTS: Final = {
    "ID!": '"0"',
    "ID": '"0"',  # of one login: without it, all would end
    "String!": '"ten blue trains by night"',
    "[String!]!": '["a"]',
    "JSON!": "[]",
    "Interval!": "DAY",
    "Boolean!": "false",
    "ProjectRole!": "VIEWER",
    "AnnotationInput!": '{name: "a", score: 1}',
    "ApiKeyInput!": '{name: "", scope: READ}',
    "RunFilter!": "{}",
}


def _write_document(operation: str) -> str:
    """Return a document with the operation, which does no harm where it is allowed."""
    kind, _, name = operation.partition(".")
    if name == "__schema":
        return "{__schema{queryType{name}}}"
    if name == "__type":
        return '{__type(name:"Run"){name}}'
    if name == "__typename":
        return f"{kind} {{__typename}}"
    root = ROOTS[kind]
    assert isinstance(root, GraphQLObjectType)
    field = root.fields[name]
    given = [
        f"{key}: {_INPUTS[str(argument.type)]}"
        for key, argument in field.args.items()
        if str(argument.type) in _INPUTS
    ]
    arguments = f"({', '.join(given)})" if given else ""
    selection = "" if is_leaf_type(get_named_type(field.type)) else "{__typename}"
    return f"{kind} {{{name}{arguments}{selection}}}"


def _may_run(caller: Caller, operation: str) -> bool:
    """Try an operation over HTTP; tell whether it was let through."""
    answer = caller.ask_raw(_write_document(operation))
    if answer.status_code == 401:
        return False
    codes = [error.get("extensions", {}).get("code") for error in answer.json().get("errors", [])]
    assert (answer.status_code == 403) == ("FORBIDDEN" in codes), answer.text
    return answer.status_code != 403


def _may_follow(caller: Caller, operation: str) -> bool:
    """Try a subscription over a WebSocket; tell whether it was let through."""
    document = _write_document(operation)
    init = {} if caller.credential is None else {"authorization": f"Bearer {caller.credential}"}
    with open_socket(caller.url, init=init) as socket:
        if caller.credential is None:
            return False
        assert json.loads(socket.recv(20)) == {"type": "connection_ack"}
        message = {"id": "1", "type": "subscribe", "payload": {"query": document}}
        socket.send(json.dumps(message))
        socket.send(json.dumps({"type": "ping"}))
        answer = json.loads(socket.recv(20))
        while answer["type"] == "pong":
            socket.send(json.dumps({"id": "2", "type": "subscribe", "payload": {"query": "{x}"}}))
            answer = json.loads(socket.recv(20))
        if answer["type"] != "error" or answer["id"] == "2":
            return True
        code = answer["payload"][0].get("extensions", {}).get("code")
        return str(code) != "FORBIDDEN"


@pytest.mark.parametrize("operation", [name for name in MATRIX if not name.startswith("door.")])
def test_c13_operations_are_for_whom_the_matrix_says(
    callers: dict[str, Caller], operation: str
) -> None:
    """Each cell is tried: what is refused is refused before anything of it runs."""
    may = _may_follow if operation.startswith("subscription") else _may_run
    found = {column: may(callers[column], operation) for column in COLUMNS}
    assert found == {column: MATRIX[operation][column] == "yes" for column in COLUMNS}


@pytest.mark.parametrize("operation", [name for name in MATRIX if name.startswith("door.")])
def test_c13_doors_are_for_whom_the_matrix_says(callers: dict[str, Caller], operation: str) -> None:
    """The same for the doors of HTTP."""
    path = operation[5:].format(run_id=RUN, kind="input", span_id="1" * 16, seq="1")
    found = {}
    for column in COLUMNS:
        http = callers[column].http
        if path == "/api/ingest":
            answer = http.post(path, content=b"", headers=NDJSON)
        else:
            answer = http.get(path)
        found[column] = answer.status_code not in (401, 403)
    assert found == {column: MATRIX[operation][column] == "yes" for column in COLUMNS}


def test_c13_nothing_runs_of_a_document_that_asks_for_too_much(callers: dict[str, Caller]) -> None:
    """Hidden in a fragment, beside what is allowed, under another name: none of it is done."""
    documents = [
        'mutation {ingest(records:[]){accepted} x: deleteRun(runId:"0"){count}}',
        "query {server{version} ...on Query {...F}} fragment F on Query {r: runs{cursor}}",
    ]
    for document in documents:
        answer = callers["ingest"].ask_raw(document)
        assert answer.status_code == 403
        assert "data" not in answer.json()


def test_a_server_without_accounts_asks_for_nothing(shared_client: Client) -> None:
    """A single user never meets a login: no header, and whatever is in one does not matter."""
    viewer = shared_client.ask("{viewer{kind name role isOperator project{slug}}}")["viewer"]
    expected = {"kind": "LOCAL", "name": "local", "role": "ADMIN", "isOperator": True}
    assert viewer == {**expected, "project": {"slug": "default"}}
    answer = shared_client.http.post(
        "/graphql", json={"query": "{__typename}"}, headers={"authorization": "Bearer old"}
    )
    assert answer.status_code == 200
    login = {"email": "a@example.org", "password": "seven green boats at dawn"}
    refused = shared_client.http.post("/api/auth/token", json=login)
    asked = shared_client.http.get("/api/auth/register")
    for answer in (refused, asked):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "accounts_off")
    create = 'mutation{createApiKey(input:{name:"a",scope:READ}){errors{code}}}'
    assert shared_client.ask(create)["createApiKey"]["errors"] == [{"code": "accounts_off"}]
