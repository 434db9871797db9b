"""Serve, record a real agent's run while the dashboard shows it, and stay up until Ctrl-C.

Started by `make demo`. The server is the ordinary `agenttrace serve` on ./data; the agent is
examples/research_agent.py, slowed down so that a person can watch it.
"""

from __future__ import annotations

import argparse
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import httpx

ROOT: Final = Path(__file__).resolve().parents[1]
_START_TIMEOUT_S: Final = 30.0
_POLL_INTERVAL_S: Final = 0.05
_STOP_TIMEOUT_S: Final = 10.0
_TOLD_TIMEOUT_S: Final = 3.0
# Long enough between the agent's steps to follow them with the eye.
_PACE_S: Final = 0.6


def is_agenttrace(base_url: str) -> bool:
    """Tell whether an AgentTrace server answers there."""
    question = {"query": "{ server { wireVersion } }"}
    try:
        answer = httpx.post(f"{base_url}/graphql", json=question, timeout=1.0)
        return "wireVersion" in answer.json()["data"]["server"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return False  # nothing there, or something else


def wait_until_ready(base_url: str, server: subprocess.Popen[bytes]) -> int | None:
    """Wait for the server; return its exit code if it stopped instead, None when it is ready."""
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not is_agenttrace(base_url):
        if (code := server.poll()) is not None:
            return code
        if time.monotonic() > deadline:
            problem = f"The server did not answer at {base_url} in {_START_TIMEOUT_S:.0f} s."
            print(problem, file=sys.stderr)
            return 1
        time.sleep(_POLL_INTERVAL_S)
    return None


def find_problem(port: int) -> str | None:
    """Return why nothing can be served at this port of 127.0.0.1; None when it is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return f"Port {port} of 127.0.0.1: {error.strerror}. Try another: make demo PORT=8001"
    return None


def read_port(text: str) -> int:
    """Return the port that this text names.

    Raises:
        ValueError: it names none.

    """
    port = int(text)
    if not 0 < port < 2**16:
        raise ValueError(text)
    return port


def run_agent(base_url: str) -> int:
    """Run the example against the server; return its exit code."""
    command = [
        sys.executable,
        str(ROOT / "examples" / "research_agent.py"),
        "--endpoint",
        f"{base_url}/api",
        "--pace",
        str(_PACE_S),
    ]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def stop(server: subprocess.Popen[bytes], *, was_told: bool) -> None:
    """Ask the server to stop, and insist after a while. A second signal would cut its clients off.

    It may have been told already: Ctrl-C in a terminal goes to each of its processes.
    """
    try:
        server.wait(_TOLD_TIMEOUT_S if was_told else 0)
    except subprocess.TimeoutExpired:
        server.terminate()
    try:
        server.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def serve(base_url: str, port: int, *, stay: bool) -> int:
    """Serve while the agent runs and, to `stay`, until Ctrl-C; return the exit code."""
    # A wish to end takes the server along, whoever sends it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    was_told = False
    command = str(Path(sys.executable).with_name("agenttrace"))
    server = subprocess.Popen([command, "serve", "--port", str(port)], cwd=ROOT)
    try:
        if (code := wait_until_ready(base_url, server)) is not None:
            return code
        print(f"\nOpen {base_url} and watch: the agent starts now.\n", flush=True)
        code = run_agent(base_url)
        if code or not stay:
            return code
        print(f"\nThe dashboard stays up at {base_url} until Ctrl-C.", flush=True)
        return server.wait()
    except KeyboardInterrupt:
        was_told = True
        return 0
    finally:
        stop(server, was_told=was_told)


def main() -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--port", default="8000", help="the server's port (default 8000)")
    parser.add_argument(
        "--exit", action="store_true", help="stop after the agent's run instead of staying up"
    )
    arguments = parser.parse_args()
    try:
        port = read_port(arguments.port)
    except ValueError:
        wrong = f"PORT is {arguments.port!r}; expected a number from 1 to 65535, as in"
        print(f"{wrong} make demo PORT=8001", file=sys.stderr)
        return 2
    base_url = f"http://127.0.0.1:{port}"
    if is_agenttrace(base_url):
        print(f"An AgentTrace server is already up at {base_url}: recording there.", flush=True)
        return run_agent(base_url)
    if (problem := find_problem(port)) is not None:
        print(problem, file=sys.stderr)
        return 2
    return serve(base_url, port, stay=not arguments.exit)


if __name__ == "__main__":
    sys.exit(main())
