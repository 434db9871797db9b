"""What the spool's limits take from a run is told of, by whoever sends the rest of it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from agenttrace.pipeline.drops import RunDrops
from agenttrace.pipeline.spool import Spool, SpoolLimits
from agenttrace.pipeline.spool.losses import LOSS_SUFFIX, MAX_NOTES

from .spool_parts import TARGET, drain, list_segments

if TYPE_CHECKING:
    from pathlib import Path

LIMITS = SpoolLimits(max_bytes=40_000, segment_bytes=4_000, scan_every_s=0.0)
RUNS = ["0193a5f0c0de7001800000000000000" + digit for digit in "123"]


def _make_line(run_id: str, *, status: str = "COMPLETED") -> bytes:
    head = f'{{"v":1,"type":"span","run_id":"{run_id}","status":"{status}","input":"'
    return head.encode() + b"x" * 300 + b'"}'


def _open(folder: Path, **limits: Any) -> tuple[Spool, RunDrops]:
    drops = RunDrops()
    return Spool(folder, target=TARGET, limits=LIMITS._replace(**limits), drops=drops), drops


def _count(drops: RunDrops) -> dict[str, int]:
    """Return what was dropped of all runs, by reason."""
    sums: dict[str, int] = {}
    for loss in drops.list().values():
        for reason, count in loss.counts.items():
            sums[reason] = sums.get(reason, 0) + count
    return sums


def _fill(spool: Spool, count: int = 120) -> None:
    for number in range(count):
        run_id = RUNS[number * 2 // count]
        assert spool.append([_make_line(run_id)]).taken == 1


def test_what_has_no_room_is_counted_by_its_run(tmp_path: Path) -> None:
    """The oldest records go, so the first run loses all that was dropped."""
    spool, drops = _open(tmp_path)
    _fill(spool)
    dropped = spool.stats().dropped["spool_full"]
    assert 0 < dropped < 60
    assert {run: loss.counts for run, loss in drops.list().items()} == {
        RUNS[0]: {"spool_full": dropped}
    }
    assert drops.list()[RUNS[0]].is_gap
    spool.close()


def test_the_next_process_knows_what_the_last_one_dropped(tmp_path: Path) -> None:
    """Before the first record that it sends, and each file once."""
    first, _ = _open(tmp_path)
    _fill(first)
    dropped = first.stats().dropped["spool_full"]
    first.close()
    second, drops = _open(tmp_path)
    assert second.read() is not None
    assert _count(drops) == {"spool_full": dropped}
    assert len(drain(second)) == 120 - dropped
    assert _count(drops) == {"spool_full": dropped}
    second.close()
    third, again = _open(tmp_path)
    assert third.read() is None
    assert _count(again) == {"spool_full": dropped}
    third.close()


def test_what_is_too_old_is_told_of_too(tmp_path: Path) -> None:
    """Of a process that is gone, by the one that drops it; starts alone leave no gap."""
    first, _ = _open(tmp_path)
    assert first.append([_make_line(RUNS[0], status="STARTED")] * 3).taken == 3
    first.close()
    (segment,) = list_segments(first)
    os.utime(segment, (1, 1))
    second, drops = _open(tmp_path)
    assert second.read() is None
    assert second.stats().dropped == {"expired": 3}
    assert _count(drops) == {"expired": 3}
    assert not drops.list()[RUNS[0]].is_gap
    second.close()


def test_a_record_that_is_too_large_is_told_of(tmp_path: Path) -> None:
    """It never reaches the disk."""
    spool, drops = _open(tmp_path)
    large = _make_line(RUNS[2])[:-2] + b"x" * 16 * 1024 * 1024 + b'"}'
    assert spool.append([large]).taken == 1
    assert _count(drops) == {"too_large": 1}
    spool.close()


def test_a_note_without_a_drop_counts_nothing(tmp_path: Path) -> None:
    """A process died between the note and the drop: the records are sent, the note goes."""
    first, _ = _open(tmp_path)
    _fill(first, 5)
    first.close()
    (segment,) = list_segments(first)
    note = segment.with_name(segment.name + LOSS_SUFFIX)
    note.write_text(json.dumps({"reason": "spool_full", "runs": {RUNS[0]: [5, True]}}))
    second, drops = _open(tmp_path)
    assert len(drain(second)) == 5
    assert _count(drops) == {}
    assert not note.exists()
    second.close()
    third, again = _open(tmp_path)
    assert third.read() is None
    assert _count(again) == {}
    third.close()


@pytest.mark.parametrize("text", ["", "{", '{"reason":"x"}', '{"runs":[]}', "[1]"])
def test_a_note_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    """A power cut may leave a part of it."""
    first, _ = _open(tmp_path)
    _fill(first)
    first.close()
    for note in first.path.glob(f"*{LOSS_SUFFIX}"):
        note.write_text(text)
    second, drops = _open(tmp_path)
    assert second.read() is not None
    assert _count(drops) == {}
    second.close()


def test_notes_are_bounded_in_number_and_age(tmp_path: Path) -> None:
    """The oldest go first."""
    first, _ = _open(tmp_path)
    _fill(first, 5)
    first.close()
    said = json.dumps({"reason": "spool_full", "runs": {RUNS[0]: [1, True]}})
    notes = [first.path / f"{n:020d}-x.spool1{LOSS_SUFFIX}" for n in range(MAX_NOTES + 10)]
    for note in notes:
        note.write_text(said)
    os.utime(notes[-1], (1, 1))
    second, drops = _open(tmp_path)
    assert second.read() is not None
    assert _count(drops) == {"spool_full": MAX_NOTES - 1}
    assert sorted(first.path.glob(f"*{LOSS_SUFFIX}")) == notes[10:-1]
    second.close()
