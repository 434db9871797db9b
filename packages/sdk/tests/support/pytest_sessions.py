"""The pytest plugin in test sessions of its own: real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROGRAM = """\
from agenttrace import Tracer
from agenttrace.wrappers import trace_tool

tracer = Tracer()

@trace_tool(tracer)
def fetch(key):
    return {"key": key}
"""


class Done(NamedTuple):
    """How a session ended."""

    code: int
    out: str


def make_session(tmp_path: Path) -> Callable[..., Done]:
    """Return a function that runs a test file in a session with the plugin installed."""
    info = tmp_path / "site" / "agenttrace_plugin_test-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Name: agenttrace-plugin-test\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[pytest11]\nagenttrace = agenttrace_pytest\n")
    (tmp_path / "program.py").write_text(PROGRAM)

    def run(code: str, *arguments: str) -> Done:
        (tmp_path / "test_it.py").write_text(code)
        paths = [str(info.parent), str(tmp_path), os.environ.get("PYTHONPATH", "")]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("AGENTTRACE_")}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        environment["PYTHONWARNINGS"] = "error"
        options = ["-q", "-p", "no:cacheprovider", "--strict-markers", "-c", os.devnull]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, "test_it.py", *arguments],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        return Done(done.returncode, done.stdout)

    return run
