"""The spool between processes: killed, forked, and several at once on one folder."""

from __future__ import annotations

import os
import random
import select
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING

from .spool_parts import append_all, count_imbalance, drain, list_segments, make_spool

if TYPE_CHECKING:
    from collections.abc import Iterator

CHILD = Path(__file__).with_name("spool_child.py")
KILLS = 16
DEADLINE_S = 30.0


@contextmanager
def run_child(mode: str, folder: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start the child program; it is killed at the end, if it is still there."""
    command = [sys.executable, os.fspath(CHILD), mode, os.fspath(folder), *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def open_pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    """Return the pipe that `run_child` has asked for."""
    assert pipe is not None
    return pipe


def wait_for(process: subprocess.Popen[bytes], count: int) -> bytes:
    """Return the next `count` bytes that the child writes, or fail at the deadline."""
    fd = open_pipe(process.stdout).fileno()
    found = b""
    deadline = time.monotonic() + DEADLINE_S
    while len(found) < count:
        ready, _, _ = select.select([fd], [], [], max(0.0, deadline - time.monotonic()))
        piece = os.read(fd, count - len(found)) if ready else b""
        assert piece, f"the child said {found!r} and no more"
        found += piece
    return found


def read_ledger(folder: Path, name: str) -> list[str]:
    """Return the ids in the ledgers of all seeds; an unfinished last line is not one."""
    ids: list[str] = []
    for path in sorted(folder.parent.glob(f"{name}-*")):
        ids += path.read_text().split("\n")[:-1]
    return ids


def find_last_batches(folder: Path) -> set[str]:
    """Return the ids of the batch that each process sent last: it may have been under way."""
    last: set[str] = set()
    for path in folder.parent.glob("delivered-*"):
        batches = path.read_text().split("-\n")
        last.update("-\n".join(batches[-2:]).split("\n"))
    return last


def test_nothing_that_was_appended_is_lost_in_kills(tmp_path: Path) -> None:
    """Processes, two at a time, are killed at random moments; what they appended is delivered."""
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")  # noqa: T201 -- shown when the test fails, so that it can be repeated
    choose = random.Random(seed)
    folder = tmp_path / "spool"
    with ExitStack() as stack:
        seeds = iter(range(seed * 100, seed * 100 + KILLS))
        running = [
            stack.enter_context(run_child("work", folder, str(next(seeds)))) for _ in range(2)
        ]
        while running:
            process = running.pop(choose.randrange(len(running)))
            wait_for(process, choose.randint(1, 30))
            process.kill()
            assert process.wait() == -9
            running += [
                stack.enter_context(run_child("work", folder, str(each)))
                for each in islice(seeds, 1)
            ]
    last = make_spool(folder)
    drained = [line.split(b" ", 1)[0].decode() for line in drain(last)]
    delivered = [each for each in read_ledger(folder, "delivered") if each != "-"]
    appended = set(read_ledger(folder, "appended"))
    attempted = set(read_ledger(folder, "attempted"))
    received = Counter(delivered + drained)
    assert appended - received.keys() == set()
    assert received.keys() - attempted == set()
    assert {each for each, count in received.items() if count > 1} <= find_last_batches(folder)
    stats = last.stats()
    assert (stats.quarantined, stats.dropped, count_imbalance(last)) == (0, {}, 0)
    assert list_segments(last) == []


def test_a_live_process_keeps_its_records_and_a_dead_one_does_not(tmp_path: Path) -> None:
    """The lock is the kernel's: it holds while the owner lives and goes when it is killed."""
    spool = make_spool(tmp_path / "spool")
    with run_child("hold", tmp_path / "spool") as process:
        assert wait_for(process, 6) == b"ready\n"
        assert spool.read() is None
        process.kill()
        process.wait()
        assert drain(spool) == [b"held-1", b"held-2", b"held-3"]


def test_two_senders_share_what_a_dead_process_left(tmp_path: Path) -> None:
    """Started at once on one folder, they send every record exactly once between them."""
    folder = tmp_path / "spool"
    lines = set()
    for number in range(60):
        gone = make_spool(folder)
        own = [b"%d-%d" % (number, each) for each in range(10)]
        append_all(gone, own)
        gone.close()
        lines.update(own)
    with run_child("send", folder) as one, run_child("send", folder) as two:
        for process in (one, two):
            assert wait_for(process, 6) == b"ready\n"
        for process in (one, two):
            stdin = open_pipe(process.stdin)
            stdin.write(b"go\n")
            stdin.flush()
        sent = [process.communicate(timeout=DEADLINE_S)[0].split() for process in (one, two)]
        assert (one.returncode, two.returncode) == (0, 0)
    assert sorted(sent[0] + sent[1]) == sorted(lines)
    assert list_segments(make_spool(folder)) == []


def test_the_child_of_a_fork_makes_its_own_file(tmp_path: Path) -> None:
    """It begins with empty accounts, sends nothing of its parent's, and loses nothing."""
    spool = make_spool(tmp_path)
    append_all(spool, [b"parent-1"])
    batch = spool.read()
    assert batch is not None
    pid = os.fork()
    if pid == 0:
        is_right = (
            spool.stats().pending == 0
            and spool.read() is None
            and spool.acknowledge(batch) is not None
            and spool.append([b"child-1"]) == (1, None)
            and len(list_segments(spool)) == 2
        )
        os._exit(0 if is_right else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert spool.acknowledge(batch) is None
    append_all(spool, [b"parent-2"])
    assert sorted(drain(spool)) == [b"child-1", b"parent-2"]
    assert count_imbalance(spool) == 0


def test_a_forked_child_does_not_hold_the_locks_of_a_dead_parent(tmp_path: Path) -> None:
    """What the parent left is adopted while its child still lives."""
    with run_child("fork-and-leave", tmp_path / "spool") as process:
        assert wait_for(process, 6) == b"ready\n"
        assert process.wait(DEADLINE_S) == 0
        lines = drain(make_spool(tmp_path / "spool"))
        open_pipe(process.stdin).close()  # the child ends
    assert lines == [b"held-1", b"held-2", b"held-3"]


def test_forks_in_the_middle_of_appends_lose_nothing(tmp_path: Path) -> None:
    """Twenty children are forked while a thread of the parent appends: all records are there."""
    with run_child("fork-under-load", tmp_path / "spool") as process:
        output, _ = process.communicate(timeout=DEADLINE_S)
    count, codes = map(int, output.split())
    lines = drain(make_spool(tmp_path / "spool"))
    expected = [b"parent-%d" % number for number in range(count)]
    expected += [b"child-%d-%d" % (child, number) for child in range(20) for number in range(10)]
    assert codes == 0
    assert sorted(lines) == sorted(expected)
