"""What damage costs: the records that it touches, and no other."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agenttrace.pipeline.spool.segment import FRAME_BYTES, HEADER_BYTES

from .spool_parts import (
    append_all,
    count_imbalance,
    drain,
    list_aside,
    list_segments,
    make_spool,
)


class Image(NamedTuple):
    """A file that a process left behind: its bytes, and what is in them."""

    name: str
    data: bytes
    lines: list[bytes]
    starts: list[int]
    """Where the frame of each line begins, and the end of the file."""

    def find_frame(self, position: int) -> int:
        """Return which frame the byte at `position` is part of."""
        return next(index for index, start in enumerate(self.starts[1:]) if position < start)


@pytest.fixture(scope="module")
def image() -> Image:
    """Make a file of 50 records of different lengths, nothing of which is acknowledged."""
    with tempfile.TemporaryDirectory() as folder:
        spool = make_spool(Path(folder))
        lines = [b'{"n":%d,"pad":"%s"}' % (number, b"x" * (number % 7)) for number in range(50)]
        append_all(spool, lines)
        spool.close()
        (path,) = list_segments(spool)
        starts = [HEADER_BYTES]
        for line in lines:
            starts.append(starts[-1] + FRAME_BYTES + len(line))
        data = path.read_bytes()
    assert starts[-1] == len(data)
    return Image(path.name, data, lines, starts)


class Found(NamedTuple):
    """What a new process makes of a file: records, damaged ranges as they were set aside, torn."""

    lines: list[bytes]
    aside: list[bytes]
    torn: int


def recover(folder: Path, name: str, data: bytes, *, ranges: int | None = None) -> Found:
    """Put `data` in place of a file that a process left, and read it as the next process does.

    Damage is counted as so many `ranges`, where that is given.
    """
    shutil.rmtree(folder, ignore_errors=True)
    spool = make_spool(folder)
    spool.path.mkdir(parents=True)
    (spool.path / name).write_bytes(data)
    lines = drain(spool)
    stats = spool.stats()
    aside = [path.read_bytes() for path in list_aside(spool, "corrupt")]
    assert list_segments(spool) == []
    assert stats.quarantined_bytes == sum(map(len, aside))
    assert bool(stats.quarantined) == bool(aside)
    assert ranges in {None, stats.quarantined}
    assert (stats.adopted, stats.faults, count_imbalance(spool)) == (len(lines), {}, 0)
    spool.close()
    return Found(lines, aside, stats.torn)


@pytest.mark.parametrize("flip", [0x01, 0xFF], ids=["one bit", "all bits"])
def test_a_flipped_byte_costs_the_record_it_is_in(tmp_path: Path, image: Image, flip: int) -> None:
    """For every byte of the file: all other records come, and the damaged one is set aside."""
    for position in range(len(image.data)):
        data = bytearray(image.data)
        data[position] ^= flip
        found = recover(tmp_path / "spool", image.name, bytes(data))
        if position < HEADER_BYTES:
            expected = Found(image.lines, [], 0)
        else:
            hit = image.find_frame(position)
            frame = bytes(data[image.starts[hit] : image.starts[hit + 1]])
            expected = Found(image.lines[:hit] + image.lines[hit + 1 :], [frame], 0)
        assert found == expected, f"byte {position}"


def test_a_truncated_file_costs_the_records_that_are_cut(tmp_path: Path, image: Image) -> None:
    """For every length: all whole records come, and the torn end is counted."""
    for length in range(len(image.data)):
        found = recover(tmp_path / "spool", image.name, image.data[:length])
        whole = sum(1 for start in image.starts[1:] if start <= length)
        is_torn = length > HEADER_BYTES and length not in image.starts
        assert found == Found(image.lines[:whole], [], int(is_torn)), f"length {length}"


@pytest.mark.parametrize("length", [1, 15, 16, 4096, 300_000])
def test_a_tail_of_zeros_is_a_torn_end(tmp_path: Path, image: Image, length: int) -> None:
    """What a power cut leaves of a file that had grown costs nothing and is not set aside."""
    found = recover(tmp_path / "spool", image.name, image.data + bytes(length))
    assert found == Found(image.lines, [], 1)


def test_garbage_between_records_is_set_aside(tmp_path: Path, image: Image) -> None:
    """However long, and when it is full of false beginnings as well."""
    cut = image.starts[20]
    garbage = b"\xff\xf5\xfe\xc0" * 100_000 + os.urandom(300_000)
    found = recover(tmp_path / "spool", image.name, image.data[:cut] + garbage + image.data[cut:])
    assert found == Found(image.lines, [garbage], 0)


def test_a_file_of_another_name_holds_no_records(tmp_path: Path, image: Image) -> None:
    """Blocks of another spool file, as a file system may leave them, are never sent."""
    found = recover(tmp_path / "spool", f"{0:020d}-{0:016x}.spool1", image.data)
    assert found == Found([], [image.data[HEADER_BYTES:]], 0)


@settings(max_examples=300, deadline=None)
@given(
    edits=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 120), st.binary(max_size=120)),
        min_size=1,
        max_size=4,
    )
)
def test_any_damage_leaves_the_untouched_records(
    image: Image, edits: list[tuple[float, int, bytes]]
) -> None:
    """Bytes replaced, gone and put in anywhere: every frame that is still whole is recovered."""
    data = image.data
    for where, gone, put in edits:
        position = HEADER_BYTES + int(where * (len(data) - HEADER_BYTES))
        data = data[:position] + put + data[position + gone :]
    frames = [
        image.data[start:end] for start, end in zip(image.starts, image.starts[1:], strict=False)
    ]
    whole = [line for line, frame in zip(image.lines, frames, strict=True) if frame in data]
    with tempfile.TemporaryDirectory() as folder:
        found = recover(Path(folder) / "spool", image.name, data)
    assert found.lines == whole


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=2_000))
def test_a_file_of_anything_never_stops_the_start(data: bytes) -> None:
    """Whatever a file holds it is read to its end, gives no record, and is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        found = recover(Path(folder) / "spool", f"{1:020d}-{1:016x}.spool1", data)
    assert found.lines == []


@pytest.mark.parametrize(
    ("step", "ranges"), [(1, 1), (2, 10_000)], ids=["every record", "every other record"]
)
def test_damage_everywhere_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, ranges: int
) -> None:
    """What it takes grows with the file, not with the damage, and no file is made for each."""
    count = 20_000
    spool = make_spool(tmp_path)
    append_all(spool, [b"%08d" % number for number in range(count)])
    spool.close()
    (path,) = list_segments(spool)
    data = bytearray(path.read_bytes())
    for start in range(HEADER_BYTES, len(data), step * (FRAME_BYTES + 8)):
        data[start + FRAME_BYTES + 4] ^= 1
    total = 0
    pread = os.pread

    def count_bytes(fd: int, length: int, offset: int) -> bytes:
        nonlocal total
        found = pread(fd, length, offset)
        total += len(found)
        return found

    monkeypatch.setattr(os, "pread", count_bytes)
    found = recover(tmp_path, path.name, bytes(data), ranges=ranges)
    assert len(found.lines) == count - count // step
    assert sum(map(len, found.aside)) == count // step * (FRAME_BYTES + 8)
    assert len(found.aside) <= 1 + len(found.lines) // 1_000
    assert total < 20 * len(data)


def test_damaged_acknowledgements_cost_duplicates_not_records(tmp_path: Path, image: Image) -> None:
    """For every byte of the header: at least what is not acknowledged comes, in order."""
    spool = make_spool(tmp_path / "first")
    spool.path.mkdir(parents=True)
    (spool.path / image.name).write_bytes(image.data)
    for _ in range(3):
        batch = spool.read(max_records=10)
        assert batch is not None
        spool.acknowledge(batch)
    spool.close()
    acknowledged = (spool.path / image.name).read_bytes()
    starts = set()
    for position in range(HEADER_BYTES):
        data = bytearray(acknowledged)
        data[position] ^= 0xFF
        found = recover(tmp_path / "spool", image.name, bytes(data))
        starts.add(50 - len(found.lines))
        assert found == Found(image.lines[50 - len(found.lines) :], [], 0)
    # The newest offset counts unless its own slot is hit; then the one before it does.
    assert starts == {30, 20}


def test_damage_to_the_own_file_is_counted_as_dropped(tmp_path: Path) -> None:
    """A process knows how many records it wrote: the one that rots is missed, not forgotten."""
    spool = make_spool(tmp_path)
    append_all(spool, [b"a" * 50, b"b" * 50, b"c" * 50])
    (path,) = list_segments(spool)
    with path.open("r+b") as file:
        file.seek(HEADER_BYTES + FRAME_BYTES * 2 + 60)
        file.write(b"!")
    assert drain(spool) == [b"a" * 50, b"c" * 50]
    append_all(spool, [b"d"])
    assert drain(spool) == [b"d"]
    stats = spool.stats()
    assert (stats.dropped, stats.quarantined, stats.acknowledged) == ({"corrupt": 1}, 1, 3)
    assert count_imbalance(spool) == 0


def test_a_file_cut_short_under_its_owner_goes_on(tmp_path: Path) -> None:
    """Someone truncates the file that is written to: what is gone is counted, the rest is sent."""
    spool = make_spool(tmp_path)
    append_all(spool, [b"a" * 50, b"b" * 50])
    (path,) = list_segments(spool)
    os.truncate(path, HEADER_BYTES + FRAME_BYTES + 60)
    append_all(spool, [b"c"])
    assert drain(spool) == [b"a" * 50, b"c"]
    assert spool.stats().dropped == {"corrupt": 1}
    assert count_imbalance(spool) == 0
