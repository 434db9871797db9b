"""Disks that are full, read-only, taken away or planted, below the spool and below a file."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..harness import wait_until
from ..sightings import read_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from ..harness import Stage
    from ..judge import Verdict

SMALL_BYTES: Final = 16 * 1024 * 1024
"""More than the children here record while a disk that failed is left alone."""
NOBODY: Final = 65534
_SPOOL: Final = ("agenttrace", "spool")


class NotPermittedError(Exception):
    """This user may not mount a file system."""


@contextmanager
def mount_small(folder: Path, *, size_bytes: int = SMALL_BYTES) -> Iterator[None]:
    """Put a file system of that size at `folder`; raises `NotPermittedError`."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes},mode=0700", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        raise NotPermittedError("mounting a file system needs root")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)


def fill(folder: Path) -> Path:
    """Take all the space that is left; return the file that has it."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while file.write(b"x" * size):
                    continue
            except OSError:
                continue
    return path


def disk_full(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Fill the spool's disk under a program whose server is away, and free it again.

    From then on everything is on the disk, also what had to wait in memory.
    """
    sink = stage.start_sink()
    with mount_small(stage.state):
        for _ in range(faults):
            sink.obey("refuse")
            child = stage.start_child(sink.endpoint, runs=0, pause_s=0.01)
            child.wait_for("run", count=choose.randint(1, 20))
            filler = fill(stage.state)
            child.wait_for_more("run", choose.randint(5, 20))
            filler.unlink()
            child.wait_for_more("safe", choose.randint(1, 20))
            stage.kill(child)
        sink.obey("store")
        return stage.drain(sink.endpoint)


def disk_stays_full(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Fill the disk and leave it so until the program has ended: the rest is counted."""
    sink = stage.start_sink()
    with mount_small(stage.state):
        for _ in range(faults):
            sink.obey("refuse")
            child = stage.start_child(sink.endpoint, runs=40, text_chars=4_000, pause_s=0.001)
            child.wait_for("run", count=choose.randint(1, 10))
            filler = fill(stage.state)
            stage.end(child)
            filler.unlink()
            sink.obey("store")
        return stage.drain(sink.endpoint)


def read_only(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Let nothing be written where the spool is; the server is there, then it is not."""
    sink = stage.start_sink()
    with mount_small(stage.state):
        command = ["mount", "-o", "remount,ro", str(stage.state)]
        subprocess.run(command, check=True, capture_output=True)
        for _ in range(faults):
            sink.obey(choose.choice(("store", "refuse")))
            stage.end(stage.start_child(sink.endpoint, runs=choose.randint(1, 20)))
        sink.obey("store")
        return stage.drain(sink.endpoint)


def folder_deleted(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Delete the spool while it is in use: nothing is lost as long as the program lives."""
    sink = stage.start_sink()
    for _ in range(faults):
        sink.obey("refuse")
        child = stage.start_child(sink.endpoint, runs=choose.randint(10, 40), pause_s=0.002)
        child.wait_for("run", count=choose.randint(1, 8))
        shutil.rmtree(stage.state, ignore_errors=True)
        child.wait_for("run", count=choose.randint(9, 10))
        sink.obey("store")
        stage.end(child)
    return stage.drain(sink.endpoint)


def folder_planted(stage: Stage, choose: Random, faults: int, *, how: str) -> Verdict:
    """Put another user's folder, or a symbolic link, in the spool's place: it is not used."""
    sink = stage.start_sink()
    place = stage.state.joinpath(*_SPOOL)
    place.parent.mkdir(parents=True)
    planted = place
    if how == "symlink":
        planted = stage.folder / "elsewhere"
        planted.mkdir()
        place.symlink_to(planted)
    else:
        place.mkdir(0o700)
        if os.geteuid() != 0:
            raise NotPermittedError("giving a folder away needs root")
        os.chown(place, NOBODY, NOBODY)
    for _ in range(faults):
        sink.obey(choose.choice(("store", "refuse")))
        stage.end(stage.start_child(sink.endpoint, runs=choose.randint(1, 20)))
    if any(planted.iterdir()):
        stage.complaints.append(f"something was written to {[*planted.iterdir()]}")
    sink.obey("store")
    return stage.drain(sink.endpoint)


def two_on_one_spool(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Let two processes write to one spool and die, and two others deliver what they left."""
    sink = stage.start_sink()
    for _ in range(faults):
        sink.obey("refuse")
        pair = [stage.start_child(sink.endpoint, runs=0, pause_s=0.001) for _ in range(2)]
        for child in pair:
            child.wait_for("run", count=choose.randint(5, 40))
            stage.kill(child)
        sink.obey("store")
        heirs = [stage.start_child(sink.endpoint, runs=1, flush_s=10.0) for _ in range(2)]
        for heir in heirs:
            stage.end(heir)
    stage.drain(sink.endpoint)
    return complain_of_resends(stage)


def live_neighbour(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Let a process have records in the spool while another one sends: each sends its own."""
    sink = stage.start_sink()
    for _ in range(faults):
        sink.obey("refuse")
        runs = choose.randint(1, 10)
        child = stage.start_child(sink.endpoint, runs=runs, settle_s=5.0, end="wait")
        child.wait_for("done")
        child.send(signal.SIGSTOP)  # or it would be the first to send
        sink.obey("store")
        stage.end(stage.start_child(sink.endpoint, runs=1, flush_s=10.0))
        child.send(signal.SIGCONT)
        child.release()
        stage.end(child)
    stage.drain(sink.endpoint)
    return complain_of_resends(stage)


def complain_of_resends(stage: Stage) -> Verdict:
    """Return the verdict; no server failed here, so nothing should have come twice."""
    verdict = stage.judge()
    if verdict.resends:
        stage.complaints.append(f"{verdict.resends} snapshots came twice")
    return stage.judge()


def damage(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Tear and flip bits of what a killed process left: that costs those records and no other."""
    sink = stage.start_sink()
    sink.obey("refuse")
    for _ in range(faults):
        child = stage.start_child(sink.endpoint, runs=0, pause_s=0.001)
        child.wait_for("run", count=choose.randint(5, 40))
        stage.kill(child)
    files = [path for path in stage.state.rglob("*") if path.is_file()]
    for path in files:
        data = bytearray(path.read_bytes())
        for _ in range(choose.randint(0, 3)):
            if len(data) > 64:
                data[choose.randrange(64, len(data))] ^= 1 << choose.randrange(8)
                stage.damaged += 2  # where a header and a record meet
        if choose.random() < 0.5 and len(data) > 400:
            # A record is longer than this, so the cut goes through one or two.
            data = data[: -choose.randint(1, 200)]
            stage.damaged += 2
        path.write_bytes(bytes(data))
    if not files:
        stage.complaints.append("there was no file to damage")
    sink.obey("store")
    return stage.drain(sink.endpoint)


def file_full(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Fill the disk below a JSONL file and free it again: what was refused is counted."""
    folder = stage.folder / "disk"
    path = folder / "traces.jsonl"
    with mount_small(folder):
        stage.stored.append(lambda: read_lines(path))
        for _ in range(faults):
            child = stage.start_child(f"jsonl:{path}", runs=60, pause_s=0.002, settle_every=0)
            child.wait_for("run", count=choose.randint(1, 20))
            filler = fill(folder)
            child.wait_for_more("run", 5)
            filler.unlink()
            stage.torn += 1
            stage.end(child)
        return stage.judge()


def file_killed(stage: Stage, choose: Random, faults: int) -> Verdict:
    """Kill processes that write to one JSONL file, two at a time: no line cuts another."""
    path = stage.folder / "traces.jsonl"
    stage.stored.append(lambda: read_lines(path))
    for _ in range(faults):
        pair = [stage.start_child(f"jsonl:{path}", runs=0, pause_s=0.001) for _ in range(2)]
        for child in pair:
            child.wait_for("run", count=choose.randint(1, 40))
            stage.kill(child)
            stage.torn += 1
    wait_until(path.exists, what="the file")
    return stage.judge()
