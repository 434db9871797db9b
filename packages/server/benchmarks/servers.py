"""The server as users start it, over a store in a temporary folder or one that is given."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PROGRAM: Final = ("-c", "from agenttrace_server.cli import main; main()")


class Server(NamedTuple):
    """A server that answers."""

    url: str
    start_s: float
    """From starting its process to the first 200."""
    process_id: int

    def measure_rss_mib(self) -> float:
        """Return the resident memory of its process now."""
        pages = int(Path(f"/proc/{self.process_id}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def measure_cpu_s(self) -> float:
        """Return the processor's time that its process has taken so far, in seconds."""
        fields = Path(f"/proc/{self.process_id}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def run_server(
    database_url: str, *, program: Sequence[str] = PROGRAM, **settings: str
) -> Iterator[Server]:
    """Start a server, or a program that is one and more; yield it once it answers; stop it.

    `settings` are variables of its environment.
    """
    begin = time.perf_counter()
    command = [sys.executable, *program, "serve"]
    process = subprocess.Popen(  # noqa: S603 -- this interpreter, our program
        [*command, "--port", "0", "--database-url", database_url],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **settings},
    )
    assert process.stdout is not None
    try:
        url = next(line.split()[1] for line in process.stdout if "Dashboard" in line)
        httpx.get(f"{url}/healthz").raise_for_status()
        yield Server(url, time.perf_counter() - begin, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
        process.stdout.close()
