"""A process with a spool, for tests that kill it: `spool_child.py MODE FOLDER …`.

Where the tests learn of progress it writes a byte or a line to its standard output; where it waits
for them it reads its standard input.
"""

from __future__ import annotations

import os
import random
import sys
import threading
from pathlib import Path

from agenttrace.pipeline.spool import Spool, SpoolLimits

TARGET = "http://127.0.0.1:8000/api"
LIMITS = SpoolLimits(segment_bytes=64 * 1024, scan_every_s=0.0)


def write_synced(fd: int, lines: list[bytes]) -> None:
    """Write each line's id, the part before the first space, to a ledger, and sync it."""
    os.write(fd, b"".join(line.split(b" ", 1)[0] + b"\n" for line in lines))
    os.fsync(fd)


def open_ledger(folder: Path, name: str) -> int:
    """Open a ledger beside the spool for appending."""
    return os.open(folder.with_name(name), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def work(folder: Path, seed: int) -> None:
    """Append, send and acknowledge without end; each step is in a ledger before the next."""
    choose = random.Random(seed)
    attempted = open_ledger(folder, f"attempted-{seed}")
    appended = open_ledger(folder, f"appended-{seed}")
    delivered = open_ledger(folder, f"delivered-{seed}")
    spool = Spool(folder, target=TARGET, limits=LIMITS)
    number = 0
    while True:
        lines = []
        for _ in range(choose.randint(1, 40)):
            number += 1
            lines.append(f"{seed}-{number} {'x' * choose.randint(0, 5_000)}".encode())
        write_synced(attempted, lines)
        taken, fault = spool.append(lines)
        assert fault is None, fault
        write_synced(appended, lines[:taken])
        if choose.random() < 0.6:
            batch = spool.read(max_records=choose.randint(1, 60))
            assert batch is not None
            write_synced(delivered, [*batch.lines, b"-"])  # "-" ends a batch
            spool.acknowledge(batch)
        os.write(1, b".")


def send(folder: Path) -> None:
    """Wait for the start, then deliver what there is to standard output, few at a time."""
    spool = Spool(folder, target=TARGET, limits=LIMITS)
    os.write(1, b"ready\n")
    sys.stdin.readline()
    while (batch := spool.read(max_records=3)) is not None:
        os.write(1, b"".join(line + b"\n" for line in batch.lines))
        spool.acknowledge(batch)


def hold(folder: Path) -> None:
    """Append three records and live until standard input ends."""
    spool = Spool(folder, target=TARGET, limits=LIMITS)
    spool.append([b"held-1", b"held-2", b"held-3"])
    os.write(1, b"ready\n")
    sys.stdin.read()


def fork_and_leave(folder: Path) -> None:
    """Append three records, fork a child that lives on idly, and die."""
    spool = Spool(folder, target=TARGET, limits=LIMITS)
    spool.append([b"held-1", b"held-2", b"held-3"])
    if os.fork() == 0:
        os.write(1, b"ready\n")
        sys.stdin.read()
    os._exit(0)


def fork_under_load(folder: Path) -> None:
    """Fork 20 children, which append and die at once, while a thread appends; say how many."""
    spool = Spool(folder, target=TARGET, limits=LIMITS)
    is_over = threading.Event()
    count = 0

    def append_on() -> None:
        nonlocal count
        while not is_over.is_set():
            count += spool.append([b"parent-%d" % count]).taken

    thread = threading.Thread(target=append_on)
    thread.start()
    codes = []
    for child in range(20):
        pid = os.fork()
        if pid == 0:
            lines = [b"child-%d-%d" % (child, number) for number in range(10)]
            is_right = spool.stats().appended == 0 and spool.append(lines) == (10, None)
            os._exit(0 if is_right else 1)
        codes.append(os.waitpid(pid, 0)[1])
    is_over.set()
    thread.join()
    os.write(1, f"{count} {sum(codes)}\n".encode())
    os._exit(0)


def main() -> None:
    """Run the mode that the command line names."""
    mode, folder, *rest = sys.argv[1:]
    modes = {
        "send": send,
        "hold": hold,
        "fork-and-leave": fork_and_leave,
        "fork-under-load": fork_under_load,
    }
    if mode == "work":
        work(Path(folder), int(rest[0]))
    else:
        modes[mode](Path(folder))


if __name__ == "__main__":
    main()
