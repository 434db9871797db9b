from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

DEMO: Final = Path(__file__).resolve().parents[1] / "demo.py"


def _run(port: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(DEMO), "--port", port]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("port", ["abc", "0", "99999", "-1"])
def test_a_port_that_is_none_is_named_in_one_line(port: str) -> None:
    """A wrong PORT ends with exit code 2, what was given, and what to write instead."""
    done = _run(port)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"PORT is {port!r}" in done.stderr
    assert "make demo PORT=" in done.stderr


def test_a_taken_port_is_named_with_the_way_out() -> None:
    """A port that another program holds ends with exit code 2 and names make's own way out."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = _run(str(port))
    assert done.returncode == 2
    assert done.stderr == (
        f"Port {port} of 127.0.0.1: Address already in use. Try another: make demo PORT=8001\n"
    )
