"""Servers that start at once: forked off a process that has loaded the program and done no more.

Loading takes the greater part of a start, and the ledger starts hundreds of servers. Each is a
process of its own from the fork on: its threads, sockets and connections are made after it.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from packages.sdk.tests.faults.harness import Hang, Program, wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SHOWN_CHARS: Final = 2_000
_DEADLINE_S: Final = 60.0


def main() -> None:
    """Fork a server for each order on standard input, and tell how it ended, until that ends."""
    from agenttrace_server import app, cli, serving, workers

    assert all((app, cli, serving, workers))
    assert threading.active_count() == 1, "a fork would lose the other threads"
    say(ready=os.getpid())
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            _, status = os.waitpid(order["wait"], 0)
            say(code=os.waitstatus_to_exitcode(status))
            continue
        pid = os.fork()
        if pid == 0:
            _serve(order)
        say(pid=pid)


def say(**fields: int) -> None:
    """Write a line of JSON to standard output."""
    os.write(1, json.dumps(fields).encode() + b"\n")


def _serve(order: Mapping[str, Any]) -> None:
    """Be a server: what its command line says, in this process; does not return."""
    from .switches import main as run

    code = 0
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        for number, path in ((1, order["output"]), (2, order["errors"])):
            os.dup2(os.open(path, flags, 0o600), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ.update(order["env"])
        sys.argv = ["agenttrace-server", *order["arguments"]]
        run()
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else 1
    except BaseException:  # noqa: BLE001 -- the last line of a process: it is shown
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


class Nursery:
    """The process that has loaded the program. One order at a time."""

    def __init__(self) -> None:
        root = os.fspath(Path(__file__).resolve().parents[4])
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        code = "from packages.server.tests.faults.nursery import main; main()"
        self._folder = tempfile.TemporaryDirectory(prefix="nursery-")
        errors = Path(self._folder.name) / "nursery.err"
        env = {**os.environ, "PYTHONPATH": path}
        self._program = Program([sys.executable, "-c", code], env=env, errors=errors)
        self._program.wait_for('{"ready"')

    def fork(self, arguments: Sequence[str], *, env: Mapping[str, str], errors: Path) -> Forked:
        """Start a server with this command line; its standard error is added to `errors`."""
        output = errors.with_name(f"{time.monotonic_ns()}.out")
        output.touch()
        paths = {"output": os.fspath(output), "errors": os.fspath(errors)}
        answer = self.order(arguments=list(arguments), env=dict(env), **paths)
        return Forked(self, answer["pid"], output=output, errors=errors)

    def order(self, **order: Any) -> dict[str, int]:
        """Give an order and return the answer; raises `Hang`."""
        count = len(self._program.lines)
        self._program.order(json.dumps(order))
        self._program.wait_for("{", count=count + 1)
        answer: dict[str, int] = json.loads(self._program.lines[count])
        return answer

    def close(self) -> None:
        """End it."""
        self._program.close()
        self._folder.cleanup()


@cache
def get_nursery() -> Nursery:
    """Return this process's nursery, which ends with it."""
    nursery = Nursery()
    atexit.register(nursery.close)
    return nursery


class Forked:
    """A server that a nursery has forked."""

    def __init__(self, nursery: Nursery, pid: int, *, output: Path, errors: Path) -> None:
        self.pid = pid
        self._nursery = nursery
        self._output = output
        self._errors = errors
        self._code: int | None = None

    @property
    def has_ended(self) -> bool:
        """Whether the process is no more."""
        return self._code is not None or _is_zombie(self.pid)

    def wait_for(self, word: str, *, timeout_s: float = _DEADLINE_S) -> None:
        """Wait for a line that begins with `word`; raises `Hang`."""

        def is_there() -> bool:
            return self.has_ended or f"\n{word}" in self._output.read_text()

        wait_until(is_there, what=f"a line {word!r}", timeout_s=timeout_s)
        if f"\n{word}" not in self._output.read_text():
            raise Hang(f"no line {word!r}; {self.read_errors()}")

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if not self.has_ended:
            os.kill(self.pid, number)

    def wait(self, *, timeout_s: float = _DEADLINE_S) -> int:
        """Return its exit code; raises `Hang`, after its end, when it does not end by itself."""
        if self._code is None:
            try:
                wait_until(lambda: _is_zombie(self.pid), what="the end", timeout_s=timeout_s)
            except Hang as hang:
                self.close()
                raise Hang(f"{hang}; {self.read_errors()}") from None
            self._code = self._nursery.order(wait=self.pid)["code"]
        return self._code

    def read_errors(self) -> str:
        """Return what it has written to standard error."""
        return self._errors.read_text(errors="replace")[-_SHOWN_CHARS:]

    def close(self) -> None:
        """End it, if it is still there."""
        if self._code is None:
            self.send(signal.SIGKILL)
            self._code = self._nursery.order(wait=self.pid)["code"]


def _is_zombie(pid: int) -> bool:
    # Its number is not given to another before the nursery has asked for its exit code.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
