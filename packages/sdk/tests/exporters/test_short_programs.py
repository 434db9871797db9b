"""A program that is over before anything can be tried again says what became of its records."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from .conftest import Answer, Server

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = """
from agenttrace import Tracer
tracer = Tracer()
with tracer.run("short"):
    pass
"""


def _run(source: str, endpoint: str, spool: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "AGENTTRACE_EXPORTER": endpoint,
        "AGENTTRACE_API_KEY": "secret",
        "AGENTTRACE_SPOOL_FOLDER": str(spool),
    }
    command = [sys.executable, "-c", source]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("end", ["", "tracer.shutdown()\n"])
@pytest.mark.parametrize("status", [401, 404, 405])
def test_a_program_that_ends_before_the_third_try_is_told_of_the_refusal(
    server: Server, status: int, end: str, tmp_path: Path
) -> None:
    """It makes one try at its end: what it recorded waits on disk, which nobody would know."""
    server.answer = lambda _: Answer(status, b"")
    done = _run(SOURCE + end, server.endpoint, tmp_path)
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1
    assert f"refuses all records with status {status}: " in done.stderr
    assert 0 < len(server.requests) < 3


def test_one_whose_records_arrive_says_nothing(server: Server, tmp_path: Path) -> None:
    server.script(Answer(401, b""))
    done = _run(SOURCE + "tracer.flush()\n", server.endpoint, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
