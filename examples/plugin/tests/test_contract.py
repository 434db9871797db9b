"""The plugin keeps what AgentTrace asks of plugins."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from agenttrace.testing import Destination, check_plugin
from agenttrace_shop import Money, hooks
from agenttrace_shop.exporter import read_records

if TYPE_CHECKING:
    from pathlib import Path

REFUSE = """
CREATE TRIGGER IF NOT EXISTS refuse BEFORE INSERT ON records
BEGIN SELECT RAISE(ABORT, 'refused'); END
"""


class Database:
    """The file that the exporter writes to, and another program that uses it, too."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.other = sqlite3.connect(path, isolation_level=None)

    def answer(self, how: str) -> None:
        """Let the file take what comes (`ok`), be locked (`retry`), or refuse it (`reject`)."""
        if self.other.in_transaction:
            self.other.execute("ROLLBACK")
        self.other.execute("DROP TRIGGER IF EXISTS refuse")
        if how == "retry":
            self.other.execute("BEGIN EXCLUSIVE")
        elif how == "reject":
            self.other.execute(REFUSE)


def test_the_plugin_keeps_the_contract(tmp_path: Path) -> None:
    """Hooks, names, the exporter before a file that fails, the codec, the command."""
    path = tmp_path / "runs.db"
    hooks.make_exporter(str(path)).export([])  # which makes the table
    database = Database(path)
    try:
        check_plugin(
            hooks,
            destinations={
                "sqlite": Destination(
                    target=str(path), read=lambda: read_records(path), answer=database.answer
                )
            },
            samples=[Money("12.50", "EUR"), Money("0", "JPY"), Money("-0.01", "")],
        )
    finally:
        database.other.close()
