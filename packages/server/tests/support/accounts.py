"""A server with accounts, and people and programs that use it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Final, cast

import httpx
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, text
from websockets.sync.client import ClientConnection, connect

from agenttrace_server.services.tokens import make_setup_token

from .client import NDJSON, PROTOCOL, TIMEOUT_S
from .lines import Record, dump_lines
from .thread import SECRET, ServerThread

PASSWORD: Final = "seven green boats at dawn"
OPERATOR: Final = "operator@example.org"
_TABLES: Final = (
    "audit login_attempt revoked_token refresh_token api_key membership account project"
)


def drop_accounts(connection: Connection) -> None:
    """Take the store back to before there were accounts and projects."""
    with Operations.context(MigrationContext.configure(connection)):
        import_module(
            "agenttrace_server.storage.migrations.versions.0011_lists_by_project"
        ).downgrade()
    for table in ("run", "deleted_run"):
        connection.execute(text(f"ALTER TABLE {table} DROP COLUMN project_id"))
    for table in _TABLES.split():
        connection.execute(text(f"DROP TABLE {table}"))
    if connection.dialect.name == "postgresql":
        connection.execute(text("DROP FUNCTION audit_refuse()"))


class Caller:
    """Somebody with a credential, or nobody."""

    def __init__(self, url: str, credential: str | None = None, project: str | None = None) -> None:
        self.url = url
        self.credential = credential
        headers = {} if credential is None else {"authorization": f"Bearer {credential}"}
        if project is not None:
            headers["x-agenttrace-project"] = project
        self.http = httpx.Client(base_url=url, timeout=TIMEOUT_S, headers=headers)

    def close(self) -> None:
        self.http.close()

    def send(self, records: Iterable[Record]) -> httpx.Response:
        """Send records."""
        return self.http.post("/api/ingest", content=dump_lines(records), headers=NDJSON)

    def ask_raw(self, query: str, **variables: Any) -> httpx.Response:
        """Return the answer to a query."""
        return self.http.post("/graphql", json={"query": query, "variables": variables})

    def ask(self, query: str, **variables: Any) -> Any:
        """Return the only field of a query that has no errors."""
        answer = self.ask_raw(query, **variables)
        body = answer.json()
        assert "errors" not in body, body
        (value,) = body["data"].values()
        return value


class AccountsServer:
    """A server with accounts; `operator` is the first of them."""

    def __init__(self, server: ServerThread) -> None:
        self.server = server
        self.url = server.url
        self.nobody = Caller(server.url)
        self._callers = [self.nobody]
        setup = make_setup_token(SECRET, server.app.database.database_id)
        body = {"email": OPERATOR, "password": PASSWORD, "setup_token": setup}
        answer = self.nobody.http.post("/api/auth/register", json=body)
        assert answer.status_code == 201, answer.text
        self.operator = self.log_in(OPERATOR)

    def close(self) -> None:
        for caller in self._callers:
            caller.close()

    def call(self, credential: str | None, project: str | None = None) -> Caller:
        """Return somebody with this credential."""
        caller = Caller(self.url, credential, project)
        self._callers.append(caller)
        return caller

    def get_tokens(self, email: str, password: str = PASSWORD) -> dict[str, Any]:
        """Log in."""
        body = {"email": email, "password": password}
        answer = self.nobody.http.post("/api/auth/token", json=body)
        assert answer.status_code == 200, answer.text
        return cast("dict[str, Any]", answer.json())

    def log_in(self, email: str, project: str | None = None) -> Caller:
        """Return somebody who has logged in."""
        return self.call(self.get_tokens(email)["access_token"], project)

    def add(self, email: str, role: str | None, *, by: Caller | None = None) -> Caller:
        """Make an account, put it into the project of `by`, log in."""
        create = "mutation($e: String!, $p: String!) {createAccount(email:$e,password:$p)"
        made = self.operator.ask(create + "{errors{message}}}", e=email, p=PASSWORD)
        assert made == {"errors": []}
        if role is not None:
            self.put(email, role, by=by)
        return self.log_in(email)

    def put(self, email: str, role: str, *, by: Caller | None = None) -> None:
        """Give an account a role."""
        put = "mutation($e: String!, $r: ProjectRole!) {putMember(email:$e,role:$r)"
        made = (by or self.operator).ask(put + "{errors{message}}}", e=email, r=role)
        assert made == {"errors": []}

    def make_key(self, scope: str, *, by: Caller | None = None, **more: Any) -> tuple[str, str]:
        """Make a key; return its id and its text."""
        create = "mutation($i: ApiKeyInput!) {createApiKey(input:$i){apiKey{id} key errors{code}}}"
        made = (by or self.operator).ask(create, i={"name": scope, "scope": scope, **more})
        assert made["errors"] == []
        return made["apiKey"]["id"], made["key"]

    def use_key(self, scope: str, *, by: Caller | None = None) -> Caller:
        """Return a program with a new key."""
        return self.call(self.make_key(scope, by=by)[1])

    def add_project(self, slug: str) -> Caller:
        """Make a project; return its admin, the operator, in it."""
        create = "mutation($s: String!) {createProject(slug:$s,name:$s){errors{message}}}"
        assert self.operator.ask(create, s=slug) == {"errors": []}
        return self.log_in(OPERATOR, slug)


@contextmanager
def open_accounts(database_url: str, **settings: Any) -> Iterator[AccountsServer]:
    """A server with accounts over an empty store."""
    with ServerThread(database_url, secret_key=SECRET, **settings) as running:
        made = AccountsServer(running)
        yield made
        made.close()


@contextmanager
def open_socket(
    url: str, *, init: dict[str, Any] | None, **headers: str
) -> Iterator[ClientConnection]:
    """A WebSocket; with `init`, its first message was sent."""
    address = url.replace("http://", "ws://") + "/graphql"
    options: dict[str, Any] = {"additional_headers": headers, "ping_interval": None}
    with connect(address, subprotocols=[PROTOCOL], **options) as socket:
        if init is not None:
            socket.send(json.dumps({"type": "connection_init", "payload": init}))
        yield socket
