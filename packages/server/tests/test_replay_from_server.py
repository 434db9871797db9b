"""`agenttrace replay --from` with a server: the recording is fetched, and the server not needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from .support.process import ServerProcess

AGENT = """
from agenttrace import Tracer
from agenttrace.wrappers import trace_tool
tracer = Tracer()
tracer.set_exporter("jsonl:./traces.jsonl")

@trace_tool(tracer, effect="read")
def search(query):
    open("calls.txt", "a").write(query)
    return query.upper()

for query in ("rain", "snow"):
    with tracer.run(f"ask {query}", correlation_id="w-1"):
        print(search(query))
tracer.flush()
"""
TIMEOUT_S = 60


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


def _run(folder: Path, *args: str) -> Done:
    known = {name: value for name, value in os.environ.items() if "AGENTTRACE" not in name}
    done = subprocess.run(
        [sys.executable, *args],
        cwd=folder,
        env={**known, "AGENTTRACE_PLUGINS": ""},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def _replay(folder: Path, run: str, url: str) -> Done:
    command = ("-m", "agenttrace", "replay", run, "--from", url, "--json")
    return _run(folder, *command, "--", sys.executable, "agent.py")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that has what the program in `tmp_path` recorded: two runs, and no file of them."""
    (tmp_path / "agent.py").write_text(AGENT)
    assert _run(tmp_path, "agent.py") == (0, "RAIN\nSNOW\n", "")
    with ServerProcess(tmp_path) as server:
        done = _run(
            tmp_path, "-m", "agenttrace", "import", "traces.jsonl", "--to", f"{server.url}/api"
        )
        assert done.code == 0, done.err
        (tmp_path / "traces.jsonl").unlink()
        (tmp_path / "calls.txt").unlink()
        yield server


def test_a_run_of_a_server_is_replayed_with_its_workflow(
    server: ServerProcess, tmp_path: Path
) -> None:
    """Both runs are served by one command; a run that is not there ends with 12."""
    done = _replay(tmp_path, "last", f"{server.url}/api")
    assert done.code == 0, done.err
    report = json.loads(done.out)
    assert (report["identical"], report["counts"]["replayed"]) == (True, 2)
    assert done.err == "RAIN\nSNOW\n"
    done = _replay(tmp_path, "0" * 32, f"{server.url}/api")
    assert (done.code, json.loads(done.out)["exitCode"]) == (12, 12)
    assert not (tmp_path / "calls.txt").exists()


def test_a_server_that_cannot_be_reached_ends_with_4(tmp_path: Path) -> None:
    """Nothing says that the run cannot be replayed: the program is not run, and it says why."""
    (tmp_path / "agent.py").write_text(AGENT)
    with ServerProcess(tmp_path) as server:
        url = f"{server.url}/api"
        done = _replay(tmp_path, "last", f"{server.url}/nothing")
        assert (done.code, json.loads(done.out)["exitCode"]) == (4, 4), done.err
    done = _replay(tmp_path, "last", url)
    assert (done.code, json.loads(done.out)["exitCode"]) == (4, 4)
    assert "cannot reach" in done.err
    assert not (tmp_path / "calls.txt").exists()
