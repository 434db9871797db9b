from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
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


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_wish_to_end_takes_the_server_along(tmp_path: Path, *, is_terminal: bool) -> None:
    """Then nothing listens on the port any more, and the demo ends with 0, without a warning.

    SIGTERM comes to the demo alone; Ctrl-C in a terminal to its server and its agent, too.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path / 'demo.db'}"}
    demo = subprocess.Popen(
        [sys.executable, str(DEMO), "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        start_new_session=True,
    )
    assert demo.stdout is not None
    with demo, demo.stdout as lines:
        watch = threading.Timer(60, demo.kill)
        watch.start()
        try:
            assert any("watch: the agent starts now" in line for line in lines)
            if is_terminal:
                os.killpg(demo.pid, signal.SIGINT)
            else:
                demo.send_signal(signal.SIGTERM)
            rest = lines.read()
            assert demo.wait(30) == 0
        finally:
            watch.cancel()
            demo.kill()
    assert "WARNING" not in rest
    assert "Traceback" not in rest
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
