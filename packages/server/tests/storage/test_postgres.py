"""Opening a store on PostgreSQL, and living with its server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url

from agenttrace_server.errors import StartError
from agenttrace_server.storage import postgres as postgres_module
from agenttrace_server.storage.engine import Database, open_database

from ..support.dialects import ON_POSTGRESQL
from ..support.postgres import PostgresServer


@pytest.fixture
def empty_url(postgres: PostgresServer) -> Iterator[str]:
    """A database with nothing in it."""
    url = postgres.make_database()
    yield url
    postgres.drop_database(url)


def _refuse(url: str, *, strict: bool = False) -> str:
    with pytest.raises(StartError) as caught:
        open_database(url, strict=strict)
    message = str(caught.value)
    assert "\n" not in message
    assert "secret" not in message
    return message


def _read_setting(connection: Connection, name: str) -> str:
    return str(connection.execute(text("SELECT current_setting(:n)"), {"n": name}).scalar_one())


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg"])
def test_the_usual_urls_are_taken(empty_url: str, scheme: str) -> None:
    """The store is made in an empty database, and shown without a password."""
    url = empty_url.replace("postgresql+asyncpg://postgres@", f"{scheme}://postgres:secret@")
    database = open_database(url)
    assert database.place.startswith("postgresql+asyncpg://postgres:***@127.0.0.1:")
    database.close()


@ON_POSTGRESQL
async def test_a_commit_waits_for_the_disk(database_url: str, postgres: PostgresServer) -> None:
    """Whatever the database's own default is, the connection that writes waits."""
    name = make_url(database_url).database
    postgres.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    database = open_database(database_url)
    assert await database.write(_read_setting, "synchronous_commit") == "on"
    assert await database.read(_read_setting, "synchronous_commit") == "off"
    database.close()


@ON_POSTGRESQL
async def test_reads_see_one_snapshot_for_a_bounded_time(database: Database) -> None:
    """Two statements of a question agree, and none runs for ever."""
    assert await database.read(_read_setting, "transaction_isolation") == "repeatable read"
    assert await database.read(_read_setting, "transaction_read_only") == "on"
    assert await database.read(_read_setting, "statement_timeout") == "10s"


@ON_POSTGRESQL
def test_a_server_that_forgets_is_told_or_refused(database_url: str) -> None:
    """The tests' own server does not sync: that is known, and refused in production."""
    database = open_database(database_url)
    assert database.unsafe == ["fsync", "full_page_writes"]
    database.close()
    assert _refuse(database_url, strict=True) == (
        "DATABASE_URL: the server has fsync and full_page_writes off, so what is acknowledged may "
        "be lost; turn it on, or set ALLOW_UNSAFE_DURABILITY=1 to take that risk"
    )


def test_a_database_that_is_not_there_is_named(empty_url: str) -> None:
    """The server's own words, the address, and what to look at."""
    url = str(make_url(empty_url).set(database="nowhere"))
    assert 'database "nowhere" does not exist. Check that' in _refuse(url)


def test_a_user_without_rights_is_told(empty_url: str, postgres: PostgresServer) -> None:
    """Someone who may connect and not make tables hears it at the start."""
    postgres.execute("DROP ROLE IF EXISTS guest")
    postgres.execute("CREATE ROLE guest LOGIN")
    url = empty_url.replace("//postgres@", "//guest@")
    assert "permission denied for schema public" in _refuse(url)


def test_an_old_server_is_refused(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its version and the one that is needed are said."""
    monkeypatch.setattr(postgres_module, "MIN_VERSION_NUM", 990_000)
    assert "or newer is needed" in _refuse(empty_url)


def test_another_encoding_is_refused(postgres: PostgresServer) -> None:
    """A database that takes any bytes as text would not give back what was stored."""
    postgres.execute("DROP DATABASE IF EXISTS ascii")
    postgres.execute("CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0")
    url = postgres.url.set(database="ascii").render_as_string(hide_password=False)
    assert "encoding is SQL_ASCII, not UTF8" in _refuse(url)
    postgres.drop_database(url)


@pytest.mark.parametrize(
    "statement",
    ["CREATE TABLE theirs (x int)", "CREATE TABLE alembic_version (version_num text)"],
)
def test_another_programs_database_is_refused(
    empty_url: str, postgres: PostgresServer, statement: str
) -> None:
    """Someone else's tables are named and left alone."""
    postgres.execute(statement, empty_url)
    assert "a database of another program (it has the table" in _refuse(empty_url)
    count = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    assert postgres.execute(count, empty_url) == [(1,)]


@ON_POSTGRESQL
def test_a_newer_database_is_refused(database_url: str, postgres: PostgresServer) -> None:
    """A release does not touch what a newer one wrote."""
    postgres.execute("UPDATE alembic_version SET version_num = '9999'", database_url)
    assert "which a newer release wrote" in _refuse(database_url)
