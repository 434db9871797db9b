"""The commands, as a user meets them."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from agenttrace.local_token import read_local_token
from agenttrace_server import __version__
from agenttrace_server.graphql.schema import print_sdl

from .support.addresses import find_own_addresses
from .support.client import PROTOCOL, Client
from .support.lines import make_run, make_run_id
from .support.process import ServerProcess
from .support.thread import SECRET

PROGRAM = [sys.executable, "-c", "from agenttrace_server.cli import main; main()"]
FOLLOW = "subscription { runChanges { cursor } }"


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )


def test_serve_says_where_it_is_and_how_to_stop_it(server_process: ServerProcess) -> None:
    """One calm block: the dashboard's address, the database's path, how to stop; no colours."""
    code, errors = server_process.stop()
    lines = server_process.text.splitlines()
    assert lines[0] == f"AgentTrace {__version__}"
    assert re.fullmatch(r"  Dashboard  http://127\.0\.0\.1:\d+", lines[1])
    assert lines[2] == f"  Database   {server_process.database} (new)"
    assert lines[3] == "  Access     you and root; other users of this machine are refused"
    assert lines[4] == "  Stop       Ctrl+C"
    assert "\x1b" not in server_process.text
    assert (code, errors) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_stop_is_graceful(server_process: ServerProcess, number: signal.Signals) -> None:
    """All that was acknowledged is in one file, WebSockets hear 1001, and the exit code is 0."""
    with Client(server_process.url) as client:
        client.send([make_run()])
        with client.follow(FOLLOW) as follower:
            follower.next()
            code, errors = server_process.stop(number)
            with pytest.raises(ConnectionClosed):
                follower.next()
            assert follower.socket.close_code == 1001
    assert (code, errors) == (0, "")
    folder = server_process.database.parent
    assert sorted(path.name for path in folder.iterdir()) == ["agenttrace.db"]
    with ServerProcess(folder) as again:
        with Client(again.url) as client:
            assert client.ask("{ runs { edges { node { id } } } }") == {
                "runs": {"edges": [{"node": {"id": make_run_id(0)}}]}
            }
        again.stop()
    assert f"  Database   {server_process.database}\n" in again.text


def test_a_port_that_is_taken_is_named() -> None:
    """One line names the port and the way out; exit 2."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = _run("serve", "--port", str(port))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"agenttrace serve: --port: port {port} of 127.0.0.1 is taken; stop the program that "
        "has it or choose another with --port or SERVER_PORT\n"
    )


@pytest.mark.parametrize(
    ("flags", "environment", "message"),
    [
        (
            ["--database-url", "sqlite:////proc/no/x.db"],
            {},
            "--database-url: cannot make the folder",
        ),
        ([], {"DATABASE_URL": "sqlite:////proc/no/x.db"}, "DATABASE_URL: cannot make the folder"),
        (["--database-url", "mysql://x"], {}, "--database-url is 'mysql://x'; expected sqlite"),
        ([], {"DATABASE_URL": "postgresql://u:x@127.0.0.1:1/d"}, "Connect call failed"),
        ([], {"SERVER_PORT": "ten"}, "SERVER_PORT is 'ten'; expected a port number"),
        (["--workers", "2"], {}, "--workers is 2, and DATABASE_URL names no PostgreSQL"),
        (["--workers", "0"], {}, "--workers is '0'; expected a whole number from 1 to 64"),
        ([], {"WORKERS": "many"}, "WORKERS is 'many'; expected a whole number from 1 to 64"),
        (["--port", "abc"], {}, "--port is 'abc'; expected a port number from 0 to 65535"),
        (["--host", "192.0.2.1"], {"SECRET_KEY": SECRET}, "--host: cannot listen on 192.0.2.1"),
        (
            ["--host", "nowhere.invalid"],
            {"SECRET_KEY": SECRET},
            "--host is 'nowhere.invalid', which is no address",
        ),
        ([], {"ENVIRONMENT": "production", "SERVER_HOST": "0.0.0.0"}, "SECRET_KEY is missing"),
        ([], {"SERVER_HOST": "0.0.0.0"}, "SERVER_HOST is '0.0.0.0', where whoever reaches"),
        (["--host", "::"], {}, "--host is '::', where whoever reaches"),
        ([], {"ENVIRONMENT": "production"}, "SECRET_KEY is missing with ENVIRONMENT=production"),
        ([], {"SECRET_KEY": "short"}, "SECRET_KEY has 5 bytes; it needs 32"),
        ([], {"REGISTRATION": "yes"}, "REGISTRATION is 'yes'; expected closed or open"),
    ],
)
def test_a_start_that_cannot_be_is_one_line(
    flags: list[str], environment: dict[str, str], message: str
) -> None:
    """Whatever is wrong: one line, its name in it, no traceback, exit 2."""
    done = _run("serve", *flags, **{"SERVER_PORT": "0", **environment})
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.startswith("agenttrace serve: ")
    assert done.stderr.count("\n") == 1


def test_p1_a_token_guards_a_server_that_listens_to_everyone(tmp_path: Path) -> None:
    """At whatever address a request comes, and for WebSockets: only the token lets it in."""
    with ServerProcess(tmp_path, "--host", "0.0.0.0", "--local-token") as server:
        port = urlsplit(server.url).port
        token = read_local_token(server.url)
        assert token
        own = [address for address, _ in find_own_addresses() if ":" not in address]
        for host in ("127.0.0.1", "127.0.0.2", *own):
            base = f"http://{host}:{port}"
            named = {"Host": "localhost"}  # one of another name is refused anyway
            for path in ("/", "/healthz", "/graphql", "/api/ingest", "/local?code=x"):
                assert httpx.get(base + path, headers=named).status_code == 401, base + path
            known = {**named, "Authorization": f"Bearer {token}"}
            assert httpx.get(f"{base}/healthz", headers=known).status_code == 200
        with pytest.raises(InvalidStatus) as refused:
            connect(f"ws://127.0.0.1:{port}/graphql", subprotocols=[PROTOCOL])
        assert refused.value.response.status_code == 401
        server.stop()
    (line,) = [line for line in server.text.splitlines() if "Access" in line or "Warning" in line]
    assert line.startswith("  Access     by this link, which works once")


def test_p1_accounts_guard_a_server_that_listens_to_everyone(tmp_path: Path) -> None:
    """It starts, and answers nobody who does not log in."""
    with ServerProcess(tmp_path, "--host", "0.0.0.0", env={"SECRET_KEY": SECRET}) as server:
        assert httpx.post(f"{server.url}/graphql", json={"query": "{x}"}).status_code == 401
        assert httpx.post(f"{server.url}/api/ingest", json={}).status_code == 401
        server.stop()
    assert "  Warning    passwords and keys come here in plain HTTP: put TLS" in server.text


def test_c12_the_start_prints_the_setup_token_until_there_is_an_account(tmp_path: Path) -> None:
    """Who starts the server registers first, and nobody who only reaches it."""
    env = {"SECRET_KEY": SECRET}
    with ServerProcess(tmp_path, env=env) as server:
        body = {"email": "me@example.org", "password": "seven green boats at dawn"}
        address = f"{server.url}/api/auth/register"
        assert httpx.post(address, json=body).status_code == 403
        server.stop()
    (line,) = [line for line in server.text.splitlines() if line.startswith("  Setup ")]
    with ServerProcess(tmp_path, env=env) as server:
        body["setup_token"] = line.split()[-1]
        address = f"{server.url}/api/auth/register"
        assert httpx.post(address, json=body).status_code == 201
        server.stop()
    with ServerProcess(tmp_path, env=env) as server:
        server.stop()
    assert "Setup" not in server.text


def test_schema_prints_the_schema() -> None:
    """The SDL goes to standard output, and nothing else does."""
    done = _run("schema")
    assert (done.returncode, done.stdout, done.stderr) == (0, print_sdl(), "")


def test_the_version_is_that_of_the_distribution() -> None:
    """What the server says it is, is what is installed."""
    from importlib.metadata import version

    assert version("agenttrace-server") == __version__
    done = _run("--version")
    assert (done.returncode, done.stdout) == (0, f"agenttrace-server {__version__}\n")


@pytest.mark.parametrize(
    "command",
    [
        *("serve", "schema", "backup", "restore", "migrate", "password", "users", "keys"),
        *("users operator", "keys revoke"),
    ],
)
def test_the_help_of_each_command_has_an_example(command: str) -> None:
    """And of those that have further commands, too."""
    done = _run(*command.split(), "--help")
    assert done.returncode == 0
    assert "Example: agenttrace" in done.stdout
