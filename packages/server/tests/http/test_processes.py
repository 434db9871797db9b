"""What other processes of a run record is stored and shown, as a real recorder sends it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..support.client import Client
from ..support.thread import ServerThread

# Both processes record a step of one run; the child ends as such children do.
_FORK = """
import os, sys
from agenttrace import Tracer
from agenttrace.exporters import APIExporter
from agenttrace.wrappers import trace_tool
tracer = Tracer()
tracer.set_exporter(APIExporter(endpoint=sys.argv[1]))
@trace_tool(tracer)
def work(number):
    return number * 2
with tracer.run("forks"):
    work(1)
    child = os.fork()
    if child == 0:
        work(2)
        done = tracer.flush(timeout_s=30)
        os._exit(0 if done.complete else 1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(tracer.flush(timeout_s=30).complete)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_spans_of_a_fork_are_in_the_run(
    client: Client, server: ServerThread, tmp_path: Path
) -> None:
    """The process counts from a range of its own, far beyond 31 bits: nothing is refused."""
    done = subprocess.run(
        [sys.executable, "-c", _FORK, f"{server.url}/api"],
        env={**os.environ, "AGENTTRACE_SPOOL_FOLDER": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (done.stdout.split(), done.stderr) == (["0", "True"], "")
    asked = client.ask(
        "{ runs { edges { node { complete spanTree { lane output { value } } } } } }"
    )
    (run,) = (edge["node"] for edge in asked["runs"]["edges"])
    assert run["complete"]
    own, other = run["spanTree"]
    assert (own["lane"], own["output"]) == (0, {"value": 2})
    assert (other["lane"] >= 2**16, other["output"]) == (True, {"value": 4})
