"""Too few files, too little memory, and readers that never end."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .kills import wait_a_moment
from .networks import stall

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from packages.sdk.tests.faults.judge import Verdict

    from ..harness import Stage

FILES: Final = 64
WATCHED_S: Final = 2.0
MAX_IDLE_SHARE: Final = 0.4
"""Of one core: what a server may use that can do nothing. One that spins takes all of it, or the
half of it that a busy machine leaves; one that waits took 0.22 at most on such a machine."""
MAX_LOG_BYTES: Final = 64 * 1024 * 1024
MAX_RESIDENT_BYTES: Final = 400 * 1024 * 1024
READERS: Final = 8


def few_files(stage: Stage, choose: Random, faults: int) -> Verdict:
    """More connections than the server may have files: it does not spin, and recovers."""
    server = stage.start(prefix=("prlimit", f"--nofile={FILES}:{FILES}"))
    stage.load.start()
    for _ in range(faults):
        wait_a_moment(stage, choose)
        with stall(stage.port, count=2 * FILES, asks=False):
            stage.load.hold()
            stage.load.wait_for_hold()
            before_s = read_cpu_s(server.pid)
            threading.Event().wait(WATCHED_S)
            share = (read_cpu_s(server.pid) - before_s) / WATCHED_S
            stage.load.resume()
        if share > MAX_IDLE_SHARE:
            stage.complaints.append(f"{share:.0%} of a core while there were no files left")
        stage.load.wait_for(1)
        stage.read_some()
    return stage.finish()


def memory(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Fifty clients offer more than the server may hold while its disk stands still."""
    server = stage.start()
    stage.load.start()
    for _ in range(faults):
        stage.load.wait_for(choose.randint(1, 100))
        with stall_commits(stage):
            stage.load.wait_for_outcomes(1, "503", "429")
            stage.read_some()
        stage.load.wait_for(1)
    stage.load.stop()
    stage.counts["peak_bytes"] = read_peak_bytes(server.pid)
    if stage.counts["peak_bytes"] > MAX_RESIDENT_BYTES:
        stage.complaints.append(f"the server took {stage.counts['peak_bytes'] >> 20} MiB")
    return stage.finish()


@contextmanager
def stall_commits(stage: Stage) -> Iterator[None]:
    """Let the server commit nothing within the block; reads go on."""
    if stage.postgres is not None:
        with stage.postgres.hold_row("store", stage.database_url):
            yield
        return
    with closing(sqlite3.connect(stage.database, isolation_level=None, timeout=30)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def stuck_reader(stage: Stage, choose: Random, faults: int) -> Verdict:
    """A reader never ends its transaction, others read all the time: no client hears of locks."""
    stage.start()
    stage.load.start()
    is_over = threading.Event()
    failures: list[str] = []

    def read_on() -> None:
        try:
            while not is_over.is_set():
                stage.read_some()
        except Exception as error:  # noqa: BLE001 -- a thread's errors are seen by nobody
            failures.append(f"a reader failed: {error!r}")

    readers = [threading.Thread(target=read_on) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(faults):
            _hold_a_snapshot(stage, choose)
    finally:
        is_over.set()
        for reader in readers:
            reader.join()
    stage.complaints += failures
    for word in ("500", "503"):
        if stage.load.outcomes[word]:
            stage.complaints.append(f"{stage.load.outcomes[word]} requests came to {word}")
    return stage.finish()


def _hold_a_snapshot(stage: Stage, choose: Random) -> None:
    """Keep a snapshot while much is written; afterwards the log must become small again."""
    log = stage.database.with_name(f"{stage.database.name}-wal")
    with closing(sqlite3.connect(stage.database, isolation_level=None, timeout=30)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM run").fetchone()
        for _ in range(5):
            wait_a_moment(stage, choose)
        stage.counts["log_bytes"] = max(stage.counts["log_bytes"], log.stat().st_size)
        other.execute("COMMIT")
    wait_a_moment(stage, choose)
    size = log.stat().st_size
    if size > MAX_LOG_BYTES:
        stage.complaints.append(f"the log has {size} bytes after the reader went")


def read_cpu_s(pid: int) -> float:
    """Return the processor time that a process has used, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def read_peak_bytes(pid: int) -> int:
    """Return the most memory that a process has had, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    raise KeyError("VmHWM")
