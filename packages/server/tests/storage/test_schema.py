"""The schema of the database: made, found up to date, refused."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, select, text

from agenttrace_server.errors import StartError
from agenttrace_server.storage.engine import Database, open_database
from agenttrace_server.storage.schema import HEAD_REVISION, KNOWN_REVISIONS
from agenttrace_server.storage.tables import metadata
from agenttrace_server.storage.usage_tables import MODEL_USAGE, USAGE_HOUR

from ..support.accounts import drop_accounts
from ..support.lines import START_NS, check_records, make_call, make_span
from ..support.own import append_records


# An index over an expression can be made, not looked at; a test of its list reads its plan.
@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based")
async def test_migrations_make_the_tables_of_the_code(database: Database) -> None:
    """The migrated database and the declared tables do not differ."""

    def compare(connection: object) -> list[object]:
        # Partitions are tables of their own to a database, and one to this program.
        names = set(metadata.tables)
        options = {"include_name": lambda name, kind, _: kind != "table" or name in names}
        context = MigrationContext.configure(connection, opts=options)  # type: ignore[arg-type] # the store's own
        return list(compare_metadata(context, metadata))

    assert await database.read(compare) == []


def test_the_known_head_is_the_newest_migration() -> None:
    """The quick look at start compares with the right revision."""
    config = Config()
    config.set_main_option("script_location", "agenttrace_server.storage:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD_REVISION


def test_p10_every_migration_is_known_and_no_other() -> None:
    """A store at one that was forgotten would be refused as a newer release's."""
    config = Config()
    config.set_main_option("script_location", "agenttrace_server.storage:migrations")
    revisions = {each.revision for each in ScriptDirectory.from_config(config).walk_revisions()}
    assert revisions == KNOWN_REVISIONS


def test_an_up_to_date_database_does_not_load_alembic(tmp_path: Path) -> None:
    """Only the first start pays for the migration tool."""
    url = f"sqlite:///{tmp_path / 'x.db'}"
    open_database(url).close()
    program = (
        "import sys; from agenttrace_server.storage.engine import open_database; "
        f"open_database({url!r}).close(); print('alembic' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_the_database_keeps_its_name(tmp_path: Path) -> None:
    """A database is the same one after a restart, and another file is another one."""
    one, two = f"sqlite:///{tmp_path / '1.db'}", f"sqlite:///{tmp_path / '2.db'}"
    names = []
    for url in (one, one, two):
        database = open_database(url)
        names.append(database.database_id)
        database.close()
    assert names[0] == names[1] != names[2]


def test_two_starts_at_once_make_one_schema(tmp_path: Path) -> None:
    """The second waits for the first and finds its work done."""
    url = f"sqlite:///{tmp_path / 'x.db'}"
    with ThreadPoolExecutor(4) as pool:
        databases = list(pool.map(open_database, [url] * 4))
    assert len({database.database_id for database in databases}) == 1
    for database in databases:
        database.close()


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    """A release does not touch what a newer one wrote."""
    path = tmp_path / "x.db"
    open_database(f"sqlite:///{path}").close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StartError, match=r"newer release wrote.*upgrade agenttrace-server"):
        open_database(f"sqlite:///{path}")


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE theirs (x)"],
        [
            "CREATE TABLE theirs (version_num)",
            "CREATE TABLE zz (version_num)",
        ],
        [
            "CREATE TABLE alembic_version (version_num)",
            "INSERT INTO alembic_version VALUES ('0001')",
        ],
        ["CREATE TABLE store (id, street)"],
    ],
    ids=["a table", "tables", "the same migration tool", "a table of the same name"],
)
def test_another_programs_database_is_refused(tmp_path: Path, statements: list[str]) -> None:
    """A file that holds someone else's tables is named and left as it is, to the byte."""
    path = tmp_path / "x.db"
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()
    before = path.read_bytes()
    name = statements[0].split()[2]
    with pytest.raises(StartError, match=rf"another program.*'{name}'"):
        open_database(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_a_database_of_the_first_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    """What an older release stored is read as before, and new payloads keep their types."""
    path = tmp_path / "x.db"
    config = Config()
    config.set_main_option("script_location", "agenttrace_server.storage:migrations")
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(text("INSERT INTO store VALUES (1, 'abcd')"))
        connection.execute(
            text(
                "INSERT INTO payload (run_id, span_id, kind, size_bytes, codec, fidelity, "
                "value_json) VALUES ('r', 's', 'input', 2, 'json', 'exact', '{}')"
            )
        )
    engine.dispose()
    database = open_database(f"sqlite:///{path}")
    assert database.database_id == "abcd"
    database.close()
    with sqlite3.connect(path) as reader:
        rows = reader.execute("SELECT value_json, types_json FROM payload").fetchall()
    reader.close()
    assert rows == [("{}", None)]


def test_usage_of_an_older_file_is_counted_from_its_spans(tmp_path: Path) -> None:
    """Bringing a file up to date gives the sums that storing its spans today would give."""
    made_today = tmp_path / "new.db"
    calls = [
        make_call(0),
        make_call(1, run=1, status="ERROR", start_ns=START_NS - 3_600_000_000_000),
        make_call(2, model=None, usage={"source": "estimated", "cached_tokens": 3}),
        make_call(3, span_type="AGENT"),
        make_span(4, span_type="TOOL_CALL", cost={"usd": "0.1234567890123", "source": "rates"}),
        make_span(5),
    ]
    engine = create_engine(f"sqlite:///{made_today}")
    open_database(f"sqlite:///{made_today}").close()
    with engine.begin() as connection:
        append_records(connection, check_records(calls))
    before = _read_usage(engine)
    assert len(before["model_usage"]) == 3
    with engine.begin() as connection:
        _take_back_to_0003(connection)
    engine.dispose()
    open_database(f"sqlite:///{made_today}").close()
    assert _read_usage(engine) == before
    engine.dispose()


def _read_usage(engine: Engine) -> dict[str, list[Any]]:
    with engine.connect() as connection:
        return {
            table.name: connection.execute(select(table).order_by(*table.primary_key)).all()  # type: ignore[misc]
            for table in (MODEL_USAGE, USAGE_HOUR)
        }


def _take_back_to_0003(connection: Connection) -> None:
    """Leave the spans, and the tables of usage as 0003 had them."""
    connection.execute(text("ALTER TABLE run DROP COLUMN dropped_json"))
    connection.execute(text("DROP TABLE usage_hour"))
    connection.execute(text("DROP TABLE model_usage"))
    connection.execute(text("CREATE TABLE model_usage (run_id TEXT, model TEXT)"))
    connection.execute(text("CREATE INDEX model_usage_by_model ON model_usage (model)"))
    for name in ("words", "document", "progress"):
        connection.execute(text(f"DROP TABLE search_{name}"))
    connection.execute(text("DROP TABLE leftover"))
    drop_accounts(connection)
    connection.execute(text("UPDATE alembic_version SET version_num = '0003'"))
