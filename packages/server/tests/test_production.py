"""P3 to P12: what a start in production refuses, one line each, by the name of the variable.

P10 is in `test_upkeep.py`, with the other doors that a newer store is refused at.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from agenttrace_server.errors import StartError
from agenttrace_server.settings import Settings, read_settings
from agenttrace_server.storage import mounts
from agenttrace_server.storage.mounts import is_in_memory

from .support.accounts import open_accounts
from .support.postgres import PostgresServer
from .support.process import ServerProcess
from .support.thread import SECRET

PROGRAM = [sys.executable, "-c", "from agenttrace_server.cli import main; main()", "serve"]
PRODUCTION = {
    "ENVIRONMENT": "production",
    "ALLOWED_HOSTS": "traces.example.org",
    "SECRET_KEY": SECRET,
}


def _read(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    for name, value in {**PRODUCTION, **environment}.items():
        monkeypatch.setenv(name, value)
    return read_settings()


def _refuse(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    """Return the one line that a start in production is refused with."""
    with pytest.raises(StartError) as caught:
        _read(monkeypatch, **environment)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def _start(*flags: str, **environment: str) -> tuple[int, str]:
    """Return the exit code of a start that fails, and its one line."""
    done = subprocess.run(
        [*PROGRAM, "--port", "0", *flags],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
    )
    assert done.stdout == ""
    assert done.stderr.startswith("agenttrace serve: ")
    assert done.stderr.count("\n") == 1
    return done.returncode, done.stderr


def test_what_is_right_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names, https origins and those of this machine, every variable of the recorder."""
    settings = _read(
        monkeypatch,
        CORS_ORIGINS="https://a.example.org,http://localhost:5173,http://127.0.0.1:1,http://[::1]",
        AGENTTRACE_EXPORTER="console",
        AGENTTRACE_REDACT="on",
    )
    assert len(settings.cors_origins) == 4


@pytest.mark.parametrize("origin", ["*", "http://a.example.org", "https://b.org,http://a.org"])
def test_p3_foreign_pages_need_https(monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    """And have names: `*` is nobody's."""
    line = _refuse(monkeypatch, CORS_ORIGINS=origin)
    assert line.startswith("CORS_ORIGINS")


def test_p3_in_development_they_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """There a page is served as it comes."""
    monkeypatch.setenv("CORS_ORIGINS", "http://a.example.org")
    assert read_settings().cors_origins == ("http://a.example.org",)


def test_p4_a_server_without_a_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line says what is missing, and for what."""
    assert _refuse(monkeypatch, ALLOWED_HOSTS="") == (
        "ALLOWED_HOSTS is empty with ENVIRONMENT=production; expected the names by which clients "
        "reach this server, such as traces.example.org"
    )


def test_p5_a_file_has_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment."""
    assert _refuse(monkeypatch, WORKERS="2") == (
        "WORKERS is 2, and DATABASE_URL names no PostgreSQL: a SQLite file has one writer; take 1 "
        "worker, or PostgreSQL"
    )


def test_p6_a_database_that_may_forget_is_refused(postgres: PostgresServer, tmp_path: Path) -> None:
    """The tests' own has fsync off; who takes the risk says so, and is reminded."""
    url = postgres.make_database()
    try:
        code, line = _start("--database-url", url, **PRODUCTION)
        assert code == 2
        assert "--database-url: the server has fsync and full_page_writes off" in line
        assert "ALLOW_UNSAFE_DURABILITY=1" in line
        env = {**PRODUCTION, "ALLOW_UNSAFE_DURABILITY": "1"}
        with ServerProcess(tmp_path, database_url=url, env=env) as server:
            server.stop()
        assert "Warning    the database has fsync and full_page_writes off" in server.text
    finally:
        postgres.drop_database(url)


@pytest.mark.parametrize("name", ["PYTHONDEVMODE", "PYTHONASYNCIODEBUG"])
def test_p7_debugging_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Unless it is allowed by name."""
    line = _refuse(monkeypatch, **{name: "1"})
    assert line.startswith(f"{name} is set with ENVIRONMENT=production")
    assert "ALLOW_DEBUG=1" in line
    assert _read(monkeypatch, **{name: "1", "ALLOW_DEBUG": "1"}).allow_debug


@pytest.mark.parametrize("allowed", [False, True])
def test_p7_introspection_is_closed_until_it_is_allowed(tmp_path: Path, allowed: bool) -> None:
    """And no name is suggested for a misspelt one."""
    url = f"sqlite:///{tmp_path / 'agenttrace.db'}"
    settings = {"environment": "production", "allow_introspection": allowed}
    with open_accounts(url, **settings) as server:
        asked = server.operator.ask_raw("{ __schema { queryType { name } } }").json()
        misspelt = server.operator.ask_raw("{ rums { totalCount } }").json()
    assert ("errors" not in asked) == allowed
    assert ("Did you mean" in misspelt["errors"][0]["message"]) == allowed


def test_p11_a_folder_that_cannot_be_written_is_refused() -> None:
    """The line has the variable and the path."""
    code, line = _start("--database-url", "sqlite:////proc/no/x.db", **PRODUCTION)
    assert code == 2
    assert "--database-url: cannot make the folder /proc/no" in line


@pytest.mark.skipif(not is_in_memory(Path("/dev/shm")), reason="/dev/shm is no tmpfs here")
def test_p11_a_store_in_memory_is_warned_of(tmp_path: Path) -> None:
    """It works, until the machine is restarted: that is said at the start."""
    path = Path("/dev/shm") / f"agenttrace-test-{os.getpid()}.db"
    try:
        with ServerProcess(tmp_path, database_url=f"sqlite:///{path}", env=PRODUCTION) as server:
            assert httpx.get(f"{server.url}/healthz").status_code == 200
            server.stop()
    finally:
        for each in path.parent.glob(f"{path.name}*"):
            each.unlink()
    assert "Warning    the database is on a file system in memory (tmpfs)" in server.text


def test_p11_the_nearest_mount_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk within a tmpfs is a disk; names with blanks are read as they are."""
    table = tmp_path / "mounts"
    odd = tmp_path / "a b"
    table.write_text(
        f"disk / ext4 rw 0 0\nm {tmp_path} tmpfs rw 0 0\n"
        f"d {str(odd).replace(' ', chr(92) + '040')} xfs rw 0 0\n"
    )
    monkeypatch.setattr(mounts, "_MOUNTS", table)
    found = [is_in_memory(path) for path in (tmp_path / "x", odd / "x", Path("/"))]
    assert found == [True, False, False]
    monkeypatch.setattr(mounts, "_MOUNTS", tmp_path / "none")
    assert not is_in_memory(tmp_path)


@pytest.mark.parametrize("is_in_file", [False, True])
def test_p12_a_misspelt_variable_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_in_file: bool
) -> None:
    """With the name that was meant; in `.env` as well as in the environment."""
    expected = "AGENTTRACE_EXPORTR is no setting of AgentTrace; did you mean AGENTTRACE_EXPORTER?"
    if is_in_file:
        (tmp_path / ".env").write_text("AGENTTRACE_EXPORTR=console\n")
        assert _refuse(monkeypatch) == expected
    else:
        assert _refuse(monkeypatch, AGENTTRACE_EXPORTR="console") == expected


def test_p12_an_unknown_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not taken for development: nothing starts."""
    expected = "ENVIRONMENT is 'prod'; expected development or production"
    assert _refuse(monkeypatch, ENVIRONMENT="prod") == expected
