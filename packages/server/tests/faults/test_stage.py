"""The stage's verdict sees what is wrong beside the recorder's judge: planted by hand."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from packages.sdk.tests.faults.side_file import Entry, SideFile
from packages.sdk.tests.faults.sightings import Sighting

from .harness import Stage
from .readings import Reading
from .workload import Sums

RUN = Sighting("r.1", "s", ("id",), None, "1", "-")
SUMS = {"r.1": Sums(1, 15, 1_200)}


def _open_stage(folder: Path) -> Stage:
    """Return a stage whose one client had one run acknowledged, over an empty file."""
    stage = Stage(folder)
    stage.database.parent.mkdir()
    stage.database.touch()
    file = SideFile(stage.side_files, "client0")
    file.attempt([Entry("r.1", "s", "1")])
    file.settle()
    stage.load.expected = dict(SUMS)
    return stage


def test_what_is_there_as_it_was_sent_is_clean(tmp_path: Path) -> None:
    """One run, its sums, a sound file."""
    with _open_stage(tmp_path) as stage:
        verdict = stage.judge(Reading([RUN], SUMS))
    assert verdict.is_clean
    assert (verdict.settled, verdict.stored) == (1, 1)


def test_an_acknowledged_record_that_is_not_shown_is_lost(tmp_path: Path) -> None:
    """Whatever the reason."""
    with _open_stage(tmp_path) as stage:
        assert stage.judge(Reading([], {})).lost == 1


def test_a_record_that_is_shown_twice_is_a_duplicate(tmp_path: Path) -> None:
    """Under one id as well as under two."""
    with _open_stage(tmp_path) as stage:
        assert stage.judge(Reading([RUN, RUN], SUMS)).duplicate == 1
        assert stage.judge(Reading([RUN, RUN._replace(id=("other",))], SUMS)).duplicate == 1


def test_sums_that_count_something_twice_are_a_complaint(tmp_path: Path) -> None:
    """As when a batch that was sent again is added again."""
    with _open_stage(tmp_path) as stage:
        (complaint,) = stage.judge(Reading([RUN], {"r.1": Sums(1, 30, 2_400)})).complaints
    assert "tokens=30" in complaint


def test_a_file_that_is_not_sound_is_a_complaint(tmp_path: Path) -> None:
    """An index that lacks a row."""
    with _open_stage(tmp_path) as stage:
        with closing(sqlite3.connect(stage.database)) as connection:
            connection.executescript(
                "CREATE TABLE t (a); CREATE INDEX i ON t (a); INSERT INTO t VALUES (1);"
                "PRAGMA writable_schema=ON;"
                "DELETE FROM sqlite_master WHERE name = 'i'; PRAGMA writable_schema=OFF;"
            )
        complaints = stage.judge(Reading([RUN], SUMS)).complaints
    assert complaints
    assert all(each.startswith("integrity_check: ") for each in complaints)
