"""strace on a running server: system calls made to fail or to take long, or only written down."""

from __future__ import annotations

import os
import re
import shutil
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from packages.sdk.tests.faults.harness import Program
from packages.sdk.tests.faults.scenarios.disks import NotPermittedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_CALL: Final = re.compile(r"^(?P<thread>\d+) +(?P<name>\w+)\((?P<rest>.*)$")
_RESUMED: Final = re.compile(r"^(?P<thread>\d+) +<\.\.\. (?P<name>\w+) resumed>")


def require_strace() -> None:
    """Raise `NotPermittedError` where strace is not installed."""
    if shutil.which("strace") is None:
        raise NotPermittedError("strace is not installed")


@contextmanager
def trace(pid: int, *options: str, output: Path) -> Iterator[None]:
    """Trace all threads of a process within the block; raises `NotPermittedError` without strace.

    `output` gets the calls, a line each.
    """
    require_strace()
    # Its own words come on standard error, which here is what is waited for.
    command = ["/bin/sh", "-c", 'exec strace "$@" 2>&1', "strace", "-f", "-y", "-o"]
    command += [os.fspath(output), *options, "-p", str(pid)]
    tracer = Program(command, env=dict(os.environ), errors=output.with_suffix(".err"))
    try:
        tracer.wait_for("strace: Process", timeout_s=30)
        yield
        tracer.send(signal.SIGINT)  # it lets go of the process, which goes on
        tracer.wait(timeout_s=30)
    finally:
        tracer.close()


def list_unsynced_answers(lines: Iterable[str], *, path: str) -> tuple[int, list[str]]:
    """Return how many requests were answered with 200, and those answers that came too early.

    Too early is before what was written to `path` was synced. Only one request at a time may have
    been under way. What begins is looked at for writes and answers, what has ended for syncs.
    """
    answers = 0
    early: list[str] = []
    is_dirty = False
    syncing: set[str] = set()
    for line in lines:
        call = _CALL.match(line)
        if call is None:
            resumed = _RESUMED.match(line)
            if resumed and resumed["thread"] in syncing:
                syncing.discard(resumed["thread"])
                is_dirty = is_dirty and not line.endswith("= 0")
        elif call["name"] in _SYNCS and f"{path}>" in line:
            if line.endswith("<unfinished ...>"):
                syncing.add(call["thread"])
            elif line.endswith("= 0"):
                is_dirty = False
        elif call["name"] in _WRITES and f"{path}>" in line.partition(",")[0]:
            is_dirty = True
        elif '"HTTP/1.1 200' in line:
            answers += 1
            if is_dirty:
                early.append(line[:200])
    return answers, early


_SYNCS: Final = frozenset({"fdatasync", "fsync"})
_WRITES: Final = frozenset({"write", "writev", "pwrite64", "pwritev"})
