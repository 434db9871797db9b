"""Telling the other workers what was committed: PostgreSQL's NOTIFY and LISTEN.

A notice is sent within the transaction and comes when it is committed. It carries the ids of runs,
never data: whoever hears it reads the store.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any, Final

import asyncpg
from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from sqlalchemy import Connection
    from sqlalchemy.engine import URL

CHANNEL: Final = "agenttrace"
MAX_NOTICE_BYTES: Final = 7_999
"""The server takes no longer one."""
CHECK_S: Final = 5
"""So often a listener asks its server whether it still listens, and waits for the answer."""

_NOTIFY: Final = text("SELECT pg_notify(:channel, :payload)")
_SENDER: Final = "agenttrace_sender"


def make_sender() -> str:
    """Return a name for a process, by which it knows its own notices."""
    return secrets.token_hex(8)


def name_sender(info: dict[str, Any], sender: str) -> None:
    """Make a connection say in its notices who it is; `info` is the one of its pool record."""
    info[_SENDER] = sender


def send_notice(connection: Connection, run_ids: Collection[str]) -> None:
    """Tell every listener of these runs, or of any run if there are none or too many."""
    sender = connection.info.get(_SENDER, "")
    payload = f"{sender}:{','.join(run_ids)}"
    if len(payload) > MAX_NOTICE_BYTES:
        payload = f"{sender}:"
    connection.execute(_NOTIFY, {"channel": CHANNEL, "payload": payload})


async def listen(
    url: URL,
    sender: str,
    *,
    on_ready: Callable[[], None],
    on_notice: Callable[[frozenset[str]], None],
) -> None:
    """Listen on a connection of its own until that is lost, then raise.

    `on_ready` is called when nothing that is committed from then on can be missed. `on_notice` gets
    the ids of the runs that another process changed; none means that it may be any.

    Raises:
        OSError: the connection cannot be made, or was lost.
        asyncpg.PostgresError: the server refuses it.

    """
    options = url.translate_connect_args(username="user") | dict(url.query)
    connection = await asyncpg.connect(
        **options, timeout=CHECK_S, server_settings={"application_name": "agenttrace-listen"}
    )
    lost = asyncio.Event()

    def hear(_connection: object, _pid: int, _channel: str, payload: str) -> None:
        source, _, ids = payload.partition(":")
        if source != sender:
            on_notice(frozenset(ids.split(",")) if ids else frozenset())

    try:
        connection.add_termination_listener(lambda _: lost.set())
        await connection.add_listener(CHANNEL, hear)
        on_ready()
        while not lost.is_set():
            try:
                await asyncio.wait_for(lost.wait(), CHECK_S)
            except TimeoutError:
                # A line that is dead says nothing; a question finds out.
                await connection.execute("SELECT 1", timeout=CHECK_S)
        raise ConnectionError("the connection that listens was lost")
    finally:
        connection.terminate()
