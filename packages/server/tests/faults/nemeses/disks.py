"""Disks that fail, are slow or full, and files that somebody else holds: SQLite's, mostly."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from packages.sdk.tests.faults.scenarios.disks import fill, mount_small

from ..tracing import list_unsynced_answers, trace
from .kills import wait_a_moment

if TYPE_CHECKING:
    from random import Random

    from packages.sdk.tests.faults.judge import Verdict

    from ..harness import Stage

ENOUGH_ANSWERS: Final = 20
SHORT_LOCK_S: Final = 3.0
LONG_LOCK_S: Final = 8.0
"""Longer than the five seconds that the server waits for its turn."""
DELAY_US: Final = 200_000
FAILURES: Final = 5


def ack_synced(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Every answer comes after a sync of the log that the commit was written to.

    The journal's name is SQLite's; there is one client, so that each write belongs to its request.
    """
    server = stage.start()
    stage.load.start()
    calls = "trace=write,writev,pwrite64,pwritev,fsync,fdatasync,sendto,sendmsg"
    for number in range(faults):
        output = stage.folder / f"calls{number}"
        wait_a_moment(stage, choose)
        with trace(server.pid, "-e", calls, output=output):
            stage.load.wait_for_outcomes(ENOUGH_ANSWERS, "200")
        with output.open(errors="replace") as lines:
            answers, early = list_unsynced_answers(
                (line.rstrip() for line in lines), path=f"{stage.database.name}-wal"
            )
        stage.counts["traced"] += answers
        if answers < ENOUGH_ANSWERS // 2:
            stage.complaints.append(f"only {answers} answers were seen")
        stage.complaints += [f"answered before the sync: {line}" for line in early[:3]]
    return stage.finish()


def fsync_eio(stage: Stage, choose: Random, faults: int) -> Verdict:
    """The disk fails to sync, some times: nothing of that is acknowledged, all is sent again."""
    return _inject(stage, choose, faults, f"fdatasync:error=EIO:when=1..{FAILURES}")


def write_enospc(stage: Stage, choose: Random, faults: int) -> Verdict:
    """The disk has no room, for some writes."""
    return _inject(stage, choose, faults, f"pwrite64:error=ENOSPC:when=1..{FAILURES}")


def _inject(stage: Stage, choose: Random, faults: int, what: str) -> Verdict:
    server = stage.start()
    stage.load.start()
    name = what.partition(":")[0]
    for number in range(faults):
        wait_a_moment(stage, choose)
        options = ["-e", f"trace={name}", "-e", f"inject={what}"]
        output = stage.folder / f"calls{number}"
        with trace(server.pid, *options, output=output):
            stage.load.wait_for_outcomes(1, "503")
            stage.load.wait_for(1)
        if "(INJECTED)" not in output.read_text(errors="replace"):
            stage.complaints.append("no call was made to fail")
    return stage.finish()


def slow_disk(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Each sync takes 200 ms more: requests wait, reads do not, nothing is refused for nothing.

    A PostgreSQL syncs in the processes of its connections.
    """
    server = stage.start()
    stage.load.start()
    for number in range(faults):
        wait_a_moment(stage, choose)
        pid, *others = [server.pid] if stage.postgres is None else _list_family(stage.postgres.pid)
        options = ["-e", "trace=fdatasync", "-e", f"inject=fdatasync:delay_enter={DELAY_US}"]
        options += [part for other in others for part in ("-p", str(other))]
        output = stage.folder / f"calls{number}"
        with trace(pid, *options, output=output):
            stage.load.wait_for_outcomes(ENOUGH_ANSWERS, "200")
            stage.read_some()
        if "(DELAYED)" not in output.read_text(errors="replace"):
            stage.complaints.append("no sync was made to wait")
    return stage.finish()


def _list_family(pid: int) -> list[int]:
    """Return a process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [pid, *map(int, children.split())]


def locked(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Another program holds the file: for a while requests wait, then they are answered 503."""
    stage.start()
    stage.load.start()
    for number in range(faults):
        wait_a_moment(stage, choose)
        is_long = number % 2 == 1
        refused = stage.load.outcomes["503"]
        with closing(sqlite3.connect(stage.database, isolation_level=None, timeout=30)) as other:
            other.execute("BEGIN EXCLUSIVE")
            if is_long:
                stage.load.wait_for_outcomes(1, "503")
            else:
                threading.Event().wait(SHORT_LOCK_S)
            stage.read_some()
            other.execute("ROLLBACK")
        if not is_long and stage.load.outcomes["503"] > refused:
            stage.complaints.append(f"refused while the file was held for {SHORT_LOCK_S:g} s")
        stage.load.wait_for(1)
    return stage.finish()


def disk_full(stage: Stage, choose: Random, faults: int) -> Verdict:
    """The disk is full: reads go on, nothing is acknowledged, and it goes on when there is room."""
    with mount_small(stage.database.parent):
        stage.start()
        stage.load.start()
        for _ in range(faults):
            stage.load.wait_for(choose.randint(1, 300))
            filler = fill(stage.database.parent)
            stage.load.wait_for_outcomes(4, "503", "507")
            stage.read_some()
            filler.unlink()
            stage.load.wait_for(1)
        return stage.finish()
