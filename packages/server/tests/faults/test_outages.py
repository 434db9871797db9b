"""F28: the database comes back somewhere else, or has no connection left to give."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from ..support.client import NDJSON, TIMEOUT_S, Client
from ..support.lines import dump_lines, make_run
from ..support.postgres import PostgresServer
from ..support.thread import ServerThread
from .proxy import Proxy

COUNT = "{ runs { totalCount } }"
CONNECTIONS = 30
RESERVED = "5"


def _send(client: Client, number: int) -> int:
    body = dump_lines([make_run(number)])
    return client.http.post("/api/ingest", content=body, headers=NDJSON).status_code


def _send_until_taken(client: Client, number: int) -> set[int]:
    """Send a run again and again; return the answers before it was acknowledged."""
    refusals: set[int] = set()
    deadline = time.monotonic() + TIMEOUT_S
    while (status := _send(client, number)) != 200:
        refusals.add(status)
        assert time.monotonic() < deadline, f"never taken: {refusals}"
    return refusals


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A server of this test's own, with few connections."""
    server = PostgresServer(
        max_connections=str(CONNECTIONS), superuser_reserved_connections=RESERVED
    )
    yield server
    server.remove()


def test_f28_a_database_that_moves_to_another_port_is_found_again(
    own_postgres: PostgresServer,
) -> None:
    """As a failover does it behind one address: 503 meanwhile, then everything is there."""
    url = own_postgres.make_database()
    with Proxy(own_postgres.port) as proxy:
        address = make_url(url).set(port=proxy.port).render_as_string(hide_password=False)
        with ServerThread(address) as server, Client(server.url) as client:
            assert _send(client, 0) == 200
            own_postgres.stop("immediate")
            assert _send(client, 1) == 503
            own_postgres.move()
            proxy.target_port = own_postgres.port
            own_postgres.start()
            assert _send_until_taken(client, 1) <= {503}
            assert client.ask(COUNT) == {"runs": {"totalCount": 2}}
            assert client.http.get("/readyz").status_code == 200


@asynccontextmanager
async def _fill(url: str, user: str) -> AsyncIterator[None]:
    """Take every connection that the server has left for ordinary users."""
    taken: list[asyncpg.Connection] = []
    plain = make_url(url).set(drivername="postgresql", username=user)
    try:
        while True:
            try:
                taken.append(
                    await asyncpg.connect(
                        plain.render_as_string(hide_password=False), timeout=TIMEOUT_S
                    )
                )
            except asyncpg.TooManyConnectionsError:
                break
        yield
    finally:
        for connection in taken:
            await connection.close()


@contextmanager
def _without_room(url: str, user: str) -> Iterator[None]:
    full, release = threading.Event(), threading.Event()

    async def hold() -> None:
        async with _fill(url, user):
            full.set()
            await asyncio.to_thread(release.wait, TIMEOUT_S)

    thread = threading.Thread(target=asyncio.run, args=(hold(),))
    thread.start()
    assert full.wait(TIMEOUT_S)
    try:
        yield
    finally:
        release.set()
        thread.join()


def test_f28_a_database_without_a_connection_left_is_503_until_there_is_one(
    own_postgres: PostgresServer,
) -> None:
    """`max_connections` is reached when the server needs its own anew: it says to come again."""
    own_postgres.execute("CREATE ROLE plain LOGIN CREATEDB")
    own_postgres.execute("CREATE ROLE other LOGIN")
    url = own_postgres.make_database()
    own_postgres.execute(f'ALTER DATABASE "{make_url(url).database}" OWNER TO plain')
    address = make_url(url).set(username="plain").render_as_string(hide_password=False)
    with ServerThread(address) as server, Client(server.url) as client:
        assert _send(client, 0) == 200
        own_postgres.execute("ALTER ROLE plain CONNECTION LIMIT 0")  # or it comes back at once
        own_postgres.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE datname = '{make_url(url).database}'"
        )
        with _without_room(own_postgres.url.render_as_string(hide_password=False), "other"):
            own_postgres.execute("ALTER ROLE plain CONNECTION LIMIT -1")
            assert _send(client, 1) == 503
            assert client.http.get("/readyz").status_code == 503
            asked = client.ask_raw(COUNT)
            assert "the store could not be read" in asked["errors"][0]["message"]
            assert client.http.get("/healthz").status_code == 200
        assert _send_until_taken(client, 1) <= {503}
        assert client.ask(COUNT) == {"runs": {"totalCount": 2}}
