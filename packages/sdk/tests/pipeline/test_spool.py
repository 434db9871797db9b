"""The spool in one process at a time: order, acknowledgement, adoption, limits, accounts."""

from __future__ import annotations

import json
import os
import time
import tracemalloc
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from agenttrace.pipeline.spool import Spool, SpoolLimits, segment
from agenttrace.pipeline.spool.folder import lock_file
from agenttrace.pipeline.spool.segment import FRAME_BYTES, MAX_RECORD_BYTES
from agenttrace.wire.validation import MAX_LINE_BYTES

from .spool_parts import (
    LIMITS,
    TARGET,
    append_all,
    count_imbalance,
    drain,
    list_aside,
    list_segments,
    make_spool,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SMALL = SpoolLimits(max_bytes=16_000, segment_bytes=1_000, scan_every_s=0.0)
DAY_NS = 24 * 3600 * 10**9


def make_lines(count: int, *, size: int = 20, first: int = 0) -> list[bytes]:
    """Return lines that differ, each of `size` bytes."""
    return [f"{number:08d}".encode().ljust(size, b".") for number in range(first, first + count)]


def test_records_come_back_in_the_order_of_appending(tmp_path: Path) -> None:
    """Over appends, batches and files, records leave in the order in which they came."""
    spool = make_spool(tmp_path, limits=SMALL)
    lines = make_lines(200)
    for start in range(0, 200, 7):
        append_all(spool, lines[start : start + 7])
    assert len(list_segments(spool)) > 5
    assert drain(spool, max_records=9) == lines


def test_nothing_is_opened_before_it_is_needed(tmp_path: Path) -> None:
    """Making a spool and asking for its accounts leaves no trace on the disk."""
    spool = make_spool(tmp_path / "spool")
    assert spool.stats().pending == 0
    spool.close()
    assert not (tmp_path / "spool").exists()


def test_the_same_batch_is_read_until_it_is_acknowledged(tmp_path: Path) -> None:
    """A sender that lost its place gets the batch under way again, and only then the next."""
    spool = make_spool(tmp_path)
    append_all(spool, [b"a", b"b", b"c"])
    first = spool.read(max_records=2)
    assert first is not None
    assert spool.read(max_records=1) is first
    spool.acknowledge(first)
    second = spool.read()
    assert second is not None
    assert (first.lines, second.lines) == ([b"a", b"b"], [b"c"])


def test_a_batch_is_bounded_by_records_and_bytes(tmp_path: Path) -> None:
    """At most `max_records` and `max_bytes`, but always one record, however large."""
    spool = make_spool(tmp_path)
    append_all(spool, [b"x" * 400_000, b"y" * 10, b"z" * 10, b"z" * 10])
    sizes = []
    while (batch := spool.read(max_records=3, max_bytes=25)) is not None:
        sizes.append([len(line) for line in batch.lines])
        spool.acknowledge(batch)
    assert sizes == [[400_000], [10, 10], [10]]


def test_any_bytes_are_a_record(tmp_path: Path) -> None:
    """Empty lines, newlines, invalid UTF-8 and a frame's own magic come back as they went in."""
    spool = make_spool(tmp_path)
    lines = [b"", b"\n", b"\xff\xf5\xfe\xc0" * 5, bytes(range(256)), b""]
    append_all(spool, lines)
    assert drain(spool) == lines


def test_what_was_not_acknowledged_is_found_by_the_next_spool(tmp_path: Path) -> None:
    """Only the records that were not acknowledged come again, and in order."""
    first = make_spool(tmp_path)
    lines = make_lines(10)
    append_all(first, lines)
    batch = first.read(max_records=4)
    assert batch is not None
    first.acknowledge(batch)
    assert first.read(max_records=2) is not None  # under way, never acknowledged
    first.close()
    assert (first.stats().pending, count_imbalance(first)) == (6, 0)
    second = make_spool(tmp_path)
    assert drain(second) == lines[4:]
    stats = second.stats()
    assert (stats.adopted, stats.adopted_files, stats.acknowledged) == (6, 1, 6)
    assert list_segments(second) == []


def test_a_live_owner_keeps_its_records(tmp_path: Path) -> None:
    """What a spool holds the lock of is never read by another one, in the same process either."""
    first, second = make_spool(tmp_path), make_spool(tmp_path)
    append_all(first, [b"a"])
    assert second.read() is None
    append_all(second, [b"b"])
    assert (drain(first), drain(second)) == ([b"a"], [b"b"])


def test_files_are_removed_once_everything_in_them_is_acknowledged(tmp_path: Path) -> None:
    """Only the file that is being written to is left, and none after `close`."""
    spool = make_spool(tmp_path, limits=SMALL)
    append_all(spool, make_lines(200))
    drain(spool)
    assert len(list_segments(spool)) == 1
    spool.close()
    assert list_segments(spool) == []


def test_own_and_adopted_files_take_turns(tmp_path: Path) -> None:
    """A backlog of another process delays this one's records by half, not until it is sent."""
    gone = make_spool(tmp_path)
    append_all(gone, [b"old-%d" % number for number in range(3)])
    gone.close()
    spool = make_spool(tmp_path)
    append_all(spool, [b"new-%d" % number for number in range(3)])
    lines = drain(spool, max_records=1)
    assert lines == [b"old-0", b"new-0", b"old-1", b"new-1", b"old-2", b"new-2"]


def test_a_refused_record_is_set_aside_and_blocks_nothing(tmp_path: Path) -> None:
    """Of a batch of 100 with one poison record 99 are delivered and one is in `dead/`."""
    spool = make_spool(tmp_path, clock_ns=lambda: 1_700_000_000 * 10**9)
    lines = make_lines(101)
    append_all(spool, lines)
    batch = spool.read(max_records=100)
    assert batch is not None
    assert spool.acknowledge(batch, refused={37: "invalid_field: name", 500: "no such"}) is None
    assert drain(spool) == [lines[100]]
    stats = spool.stats()
    assert (stats.acknowledged, stats.refused, stats.pending) == (100, 1, 0)
    (dead,) = list_aside(spool, "dead")
    assert [json.loads(line) for line in dead.read_bytes().splitlines()] == [
        {
            "reason": "invalid_field: name",
            "refused_ns": 1_700_000_000 * 10**9,
            "line": lines[37].decode(),
        }
    ]


def test_a_refused_record_that_is_no_text_is_kept_as_base64(tmp_path: Path) -> None:
    """`dead/` holds JSON whatever the record held."""
    spool = make_spool(tmp_path)
    append_all(spool, [b"\xff\x00"])
    batch = spool.read()
    assert batch is not None
    spool.acknowledge(batch, refused={0: "invalid_utf8"})
    (dead,) = list_aside(spool, "dead")
    assert json.loads(dead.read_bytes())["line_base64"] == "/wA="


def test_acknowledging_twice_changes_nothing(tmp_path: Path) -> None:
    """A batch that is not under way is answered with a fault and counted once."""
    spool = make_spool(tmp_path)
    append_all(spool, [b"a"])
    batch = spool.read()
    assert batch is not None
    spool.acknowledge(batch)
    fault = spool.acknowledge(batch)
    assert fault is not None
    assert (fault.reason, spool.stats().acknowledged) == ("closed", 1)


def test_a_full_spool_drops_the_oldest_and_counts_it(tmp_path: Path) -> None:
    """The folder never exceeds its limit, the newest records stay, and none goes unaccounted."""
    spool = make_spool(tmp_path, limits=SMALL)
    lines = make_lines(2_000)
    for start in range(0, 2_000, 10):
        append_all(spool, lines[start : start + 10])
        assert sum(path.stat().st_size for path in list_segments(spool)) <= SMALL.max_bytes
        assert count_imbalance(spool) == 0
    dropped = spool.stats().dropped["spool_full"]
    assert 0 < dropped < 2_000
    assert drain(spool) == lines[dropped:]
    assert spool.stats().acknowledged == 2_000 - dropped


def test_a_batch_under_way_is_not_dropped(tmp_path: Path) -> None:
    """The limit takes the next oldest file while the oldest is being sent."""
    spool = make_spool(tmp_path, limits=SMALL)
    append_all(spool, make_lines(1))
    batch = spool.read()
    assert batch is not None
    append_all(spool, make_lines(1_000, first=1))
    assert spool.stats().dropped["spool_full"] > 0
    assert spool.acknowledge(batch) is None
    assert spool.stats().acknowledged == 1
    assert count_imbalance(spool) == 0


def test_files_of_processes_that_are_gone_count_towards_the_limit(tmp_path: Path) -> None:
    """The oldest are dropped first, whoever wrote them, and each of their records is counted."""
    gone = make_spool(tmp_path, limits=SMALL)
    append_all(gone, make_lines(100))
    gone.close()
    spool = make_spool(tmp_path, limits=SMALL)
    append_all(spool, make_lines(1_000))
    stats = spool.stats()
    assert (stats.adopted, stats.appended, count_imbalance(spool)) == (100, 1_000, 0)
    assert sum(path.stat().st_size for path in list_segments(spool)) <= SMALL.max_bytes


def test_a_record_larger_than_the_whole_spool_drops_nothing_else(tmp_path: Path) -> None:
    """What can never fit is left to the caller, with the reason."""
    spool = make_spool(tmp_path, limits=SMALL)
    append_all(spool, [b"a"])
    taken, fault = spool.append([b"b", b"x" * 20_000, b"c"])
    assert fault is not None
    assert (taken, fault.reason) == (1, "spool_full")
    assert drain(spool) == [b"a", b"b"]


def test_a_record_longer_than_the_wire_allows_is_dropped_and_counted(tmp_path: Path) -> None:
    """It would be refused by every server; its neighbours are kept."""
    spool = make_spool(tmp_path)
    append_all(spool, [b"a", b"x" * (MAX_RECORD_BYTES + 1), b"b"])
    assert drain(spool) == [b"a", b"b"]
    assert (spool.stats().dropped, count_imbalance(spool)) == ({"too_large": 1}, 0)


def test_the_longest_record_that_the_wire_allows_is_kept(tmp_path: Path) -> None:
    """It has a file of its own, larger than the others."""
    assert MAX_RECORD_BYTES == MAX_LINE_BYTES
    spool = make_spool(tmp_path)
    append_all(spool, [b"a", b"x" * MAX_RECORD_BYTES, b"b"])
    assert [len(line) for line in drain(spool)] == [1, MAX_RECORD_BYTES, 1]


def test_records_expire_after_seven_days(tmp_path: Path) -> None:
    """A file whose newest record is too old is dropped, and its records are counted."""
    gone = make_spool(tmp_path)
    append_all(gone, make_lines(3))
    gone.close()
    append_all(make_spool(tmp_path), [b"held by a live owner"])
    spool = make_spool(tmp_path, clock_ns=lambda: time.time_ns() + 7 * DAY_NS - 10**9)
    batch = spool.read()
    assert batch is not None
    assert batch.lines == make_lines(3)
    spool.close()
    late = make_spool(tmp_path, clock_ns=lambda: time.time_ns() + 7 * DAY_NS + 10**9)
    assert late.read() is None
    assert (late.stats().dropped, count_imbalance(late)) == ({"expired": 3}, 0)
    assert len(list_segments(late)) == 1  # the live owner's


def test_a_quiet_process_begins_a_new_file_each_day(tmp_path: Path) -> None:
    """A file's age stays near that of its oldest record, so that seven days mean it."""
    now_ns = [time.time_ns()]
    spool = make_spool(tmp_path, clock_ns=lambda: now_ns[0])
    append_all(spool, [b"a"])
    append_all(spool, [b"b"])
    now_ns[0] += DAY_NS
    append_all(spool, [b"c"])
    assert len(list_segments(spool)) == 2
    assert drain(spool) == [b"a", b"b", b"c"]


def test_a_clock_that_steps_back_changes_no_order(tmp_path: Path) -> None:
    """The next process reads the files in the order in which they were written."""
    now_ns = [time.time_ns()]
    spool = make_spool(tmp_path, limits=SMALL, clock_ns=lambda: now_ns[0])
    lines = make_lines(200)
    for start in range(0, 200, 10):
        now_ns[0] -= 3600 * 10**9
        append_all(spool, lines[start : start + 10])
    spool.close()
    assert drain(make_spool(tmp_path, limits=SMALL)) == lines


def test_targets_do_not_share_records_and_leave_no_secret_in_names(tmp_path: Path) -> None:
    """Each target has its own folder, named by a hash."""
    one = Spool(tmp_path, target="https://user:hunter2@a.example/api", limits=LIMITS)
    append_all(one, [b"a"])
    one.close()
    two = Spool(tmp_path, target="https://user:hunter2@b.example/api", limits=LIMITS)
    assert two.read() is None
    assert drain(Spool(tmp_path, target="https://user:hunter2@a.example/api")) == [b"a"]
    names = [os.fspath(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")]
    assert [name for name in names if "hunter" in name or "example" in name] == []


@pytest.mark.parametrize("side", ["dead", "corrupt"])
def test_what_is_set_aside_has_a_limit_of_its_own(tmp_path: Path, side: str) -> None:
    """A sixteenth of the spool's: the oldest goes first, and never a record that waits."""
    spool = make_spool(tmp_path, limits=SMALL)
    for number in range(60):
        append_all(spool, make_lines(5, first=number * 5))
        if side == "corrupt":
            newest = list_segments(spool)[-1]
            with newest.open("r+b") as file:
                file.seek(-1, os.SEEK_END)
                file.write(b"!")
        batch = spool.read()
        assert batch is not None
        spool.acknowledge(batch, refused={0: "why"} if side == "dead" else None)
        assert sum(path.stat().st_size for path in list_aside(spool, side)) <= 1_000
    assert len(list_aside(spool, side)) > 0
    assert count_imbalance(spool) == 0


def test_what_is_set_aside_expires_as_records_do(tmp_path: Path) -> None:
    """Nothing of a user's data stays longer than the limit says."""
    spool = make_spool(tmp_path)
    append_all(spool, [b"a"])
    batch = spool.read()
    assert batch is not None
    spool.acknowledge(batch, refused={0: "why"})
    assert len(list_aside(spool, "dead")) == 1
    late = make_spool(tmp_path, clock_ns=lambda: time.time_ns() + 8 * DAY_NS)
    late.read()
    assert list_aside(late, "dead") == []


@contextmanager
def run_before_next_lock(
    monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]
) -> Iterator[None]:
    """Let another process `act` between the moments when a file is opened and when it is locked."""
    acts = [act]

    def act_and_lock(fd: int) -> bool:
        if acts:
            acts.pop()()
        return lock_file(fd)

    with monkeypatch.context() as patch:
        patch.setattr(segment, "lock_file", act_and_lock)
        yield
    assert acts == []


def test_a_file_that_is_taken_before_it_is_locked_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process may mistake a new file for an orphan's and remove it: nothing is lost."""
    spool, other = make_spool(tmp_path), make_spool(tmp_path)
    with run_before_next_lock(monkeypatch, other.read):
        append_all(spool, [b"a"])
    spool.close()
    assert drain(make_spool(tmp_path)) == [b"a"]


def test_a_file_that_is_finished_before_it_is_adopted_is_not_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its owner delivers the last of it while another process opens it."""
    owner, other = make_spool(tmp_path, limits=SMALL), make_spool(tmp_path, limits=SMALL)
    append_all(owner, make_lines(100))
    batch = owner.read()
    assert batch is not None
    with run_before_next_lock(monkeypatch, lambda: owner.acknowledge(batch)):
        assert other.read() is None


def test_sync_reaches_the_disk_with_every_append(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An fsync with each append, against none at all when buffered."""
    synced: list[int] = []
    fsync = os.fsync

    def note(fd: int) -> None:
        synced.append(os.fstat(fd).st_size)
        fsync(fd)

    monkeypatch.setattr(os, "fsync", note)
    counts = []
    for spool in (make_spool(tmp_path), make_spool(tmp_path, durability="sync")):
        append_all(spool, [b"a"])
        synced.clear()
        append_all(spool, [b"b", b"c"])
        counts.append(list(synced))
    assert counts == [[], [32 + 3 * (FRAME_BYTES + 1)]]


def test_reading_takes_bounded_memory(tmp_path: Path) -> None:
    """A file is read in pieces: memory follows the batch, not the file."""
    spool = make_spool(tmp_path)
    append_all(spool, [b"x" * 1_000] * 4_000)
    tracemalloc.start()
    try:
        while (batch := spool.read(max_bytes=50_000)) is not None:
            spool.acknowledge(batch)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize(
    "limits",
    [
        SpoolLimits(max_bytes=1_000, segment_bytes=251),
        SpoolLimits(segment_bytes=0),
    ],
    ids=["less than four files", "empty files"],
)
def test_limits_that_cannot_be_meant_are_refused(tmp_path: Path, limits: SpoolLimits) -> None:
    """The message names both numbers."""
    expected = (
        rf"max_bytes is {limits.max_bytes}; expected at least four times segment_bytes, "
        rf"which is {limits.segment_bytes}"
    )
    with pytest.raises(ValueError, match=expected):
        Spool(tmp_path, target=TARGET, limits=limits)


def test_a_durability_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    """The message says what there is."""
    with pytest.raises(ValueError, match="durability is 'maybe'; expected 'buffered' or 'sync'"):
        make_spool(tmp_path, durability="maybe")  # type: ignore[arg-type]  # what is refused


def test_a_closed_spool_leaves_records_to_the_caller(tmp_path: Path) -> None:
    """After `close` nothing is taken, read or acknowledged, and nothing is lost."""
    spool = make_spool(tmp_path)
    append_all(spool, [b"a"])
    batch = spool.read()
    assert batch is not None
    spool.close()
    spool.close()
    taken, fault = spool.append([b"b"])
    late = spool.acknowledge(batch)
    assert fault is not None
    assert late is not None
    assert (taken, fault.reason, late.reason, spool.read()) == (0, "closed", "closed", None)
    assert drain(make_spool(tmp_path)) == [b"a"]
