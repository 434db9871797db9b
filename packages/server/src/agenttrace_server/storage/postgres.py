"""PostgreSQL: any number of workers, one of them writing at a time.

Whoever writes locks the one row of `store` first. So positions of the change log are given out, and
seen, in the order of the commits, and no two workers merge the same run. Reading transactions see
one snapshot and cannot write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, event, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from agenttrace_server.errors import StartError
from agenttrace_server.storage.faults import describe_fault
from agenttrace_server.storage.notices import listen, make_sender, name_sender
from agenttrace_server.storage.side import POOL_TIMEOUT_S, READ_TIMEOUT_S, LoopSide

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import URL
    from sqlalchemy.pool import ConnectionPoolEntry

READERS: Final = 8
CONNECT_TIMEOUT_S: Final = 5
WRITE_TIMEOUT_S: Final = 60
MIN_VERSION: Final = 15
MIN_VERSION_NUM: Final = MIN_VERSION * 10_000

# A worker that was stopped or cut off in the middle must not keep the others from writing for ever.
_IDLE_TIMEOUT_S: Final = 30
_TAKE_TURN: Final = text("SELECT position FROM store FOR UPDATE")
_SETTINGS: Final = ("server_version_num", "server_encoding", "transaction_read_only")
_DURABILITY: Final = ("fsync", "full_page_writes", "synchronous_commit")


class PostgresBackend:
    """A database of a server, and how to use it."""

    def __init__(self, url: URL) -> None:
        self.url = parse_url(url)
        self.sender = make_sender()
        """This process among those that write."""
        self.place = self.url.set(query={}).render_as_string(hide_password=True)
        """What the operator is shown."""

    is_in_memory = False
    """What a restart of the server deletes, nobody here can know."""

    def make_writer(self) -> LoopSide:
        """Return the connection that writes."""
        settings = {
            "synchronous_commit": "on",
            "statement_timeout": f"{WRITE_TIMEOUT_S}s",
            "idle_in_transaction_session_timeout": f"{_IDLE_TIMEOUT_S}s",
            # It reads by keys only. The planner, which cannot know how many come or how a day's
            # partition will grow, must not go through whole tables instead.
            "enable_seqscan": "off",
            "enable_hashjoin": "off",
            "enable_mergejoin": "off",
        }
        engine = _make_engine(self.url, connections=1, settings=settings)

        @event.listens_for(engine.sync_engine, "connect")
        def set_up(_raw: object, record: ConnectionPoolEntry) -> None:
            name_sender(record.info, self.sender)

        return LoopSide(engine, name="agenttrace-write")

    def make_reader(self) -> LoopSide:
        """Return the connections that read."""
        settings = {
            "statement_timeout": f"{READ_TIMEOUT_S}s",
            # Whatever is joined is looked up by keys. Not knowing how many come, the planner read
            # all partitions of a table into a hash for one span: 200 ms before an event was heard.
            "enable_hashjoin": "off",
            "enable_mergejoin": "off",
        }
        engine = _make_engine(self.url, connections=READERS, settings=settings)
        engine = engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        return LoopSide(engine, name="agenttrace-read")

    async def listen(
        self, *, on_ready: Callable[[], None], on_notice: Callable[[frozenset[str]], None]
    ) -> None:
        """Hear what other processes commit (`storage.notices.listen`)."""
        await listen(self.url, self.sender, on_ready=on_ready, on_notice=on_notice)

    def take_turn(self, connection: Connection) -> None:
        """Wait until no other transaction writes."""
        connection.execute(_TAKE_TURN)

    def check(self, connection: Connection, *, strict: bool) -> list[str]:
        """Return what makes a commit unsafe, by the server's settings.

        Raises:
            StartError: the server is too old, its texts are no UTF-8, it cannot be written; or,
                if `strict`, a commit is unsafe.

        """
        values = _read_settings(connection)
        if int(values["server_version_num"]) < MIN_VERSION_NUM:
            version = int(values["server_version_num"]) // 10_000
            raise StartError(
                f"DATABASE_URL: the server is PostgreSQL {version}; "
                f"{MIN_VERSION} or newer is needed"
            )
        if values["server_encoding"] != "UTF8":
            raise StartError(
                f"DATABASE_URL: the database's encoding is {values['server_encoding']}, not UTF8; "
                "make one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
            )
        if values["transaction_read_only"] == "on":
            raise StartError(
                "DATABASE_URL: the database can only be read (a standby?); name the primary"
            )
        unsafe = [name for name in _DURABILITY if values[name] == "off"]
        if unsafe and strict:
            raise StartError(
                f"DATABASE_URL: the server has {' and '.join(unsafe)} off, so what is acknowledged "
                "may be lost; turn it on, or set ALLOW_UNSAFE_DURABILITY=1 to take that risk"
            )
        return unsafe

    def describe(self, error: Exception) -> str:
        """Return why the database cannot be used, and what to do, in one line."""
        cause = describe_fault(error)
        if isinstance(error, TimeoutError):
            cause = f"no answer within {CONNECT_TIMEOUT_S} s"
        elif isinstance(error, OSError):
            cause = error.strerror or str(error)
        return (
            f"DATABASE_URL: cannot use {self.place}: {cause}. Check that the server runs there, "
            "the database exists and this user may make tables in it"
        )


def parse_url(url: URL) -> URL:
    """Return the URL as the driver takes it.

    Raises:
        StartError: it names another driver, or no database.

    """
    if url.drivername not in ("postgresql", "postgresql+asyncpg", "postgres"):
        raise StartError(
            f"DATABASE_URL has the driver {url.drivername!r}; "
            "expected postgresql+asyncpg://user:password@host/database"
        )
    if set(url.query) - {"ssl", "sslmode"}:
        raise StartError(
            "DATABASE_URL has options other than sslmode; "
            "expected postgresql+asyncpg://user:password@host/database"
        )
    if not url.database:
        raise StartError(
            "DATABASE_URL names no database; "
            "expected postgresql+asyncpg://user:password@host/database"
        )
    mode = url.query.get("sslmode") or url.query.get("ssl")  # the driver's name for it
    return url.set(drivername="postgresql+asyncpg", query={"ssl": mode} if mode else {})


def _read_settings(connection: Connection) -> dict[str, str]:
    columns = ", ".join(f"current_setting('{name}')" for name in (*_SETTINGS, *_DURABILITY))
    row = connection.execute(text(f"SELECT {columns}")).one()
    return dict(zip((*_SETTINGS, *_DURABILITY), row, strict=True))


def _make_engine(url: URL, *, connections: int, settings: dict[str, str]) -> AsyncEngine:
    arguments: dict[str, Any] = {
        "timeout": CONNECT_TIMEOUT_S,
        "server_settings": {"application_name": "agenttrace", "jit": "off", **settings},
    }
    return create_async_engine(
        url,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT_S,
        hide_parameters=True,  # of what was recorded, errors tell nothing
        connect_args=arguments,
    )
