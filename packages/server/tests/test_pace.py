"""How the indexer makes room for records, by a clock of the test's own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agenttrace_server.services.pace import (
    BUSY_BATCH_S,
    BUSY_SHARE,
    IDLE_BATCH_S,
    MAX_CHANGES,
    MAX_REST_S,
    MAX_WAITING,
    MIN_CHANGES,
    QUIET_S,
    Pace,
)


class _Load:
    """Plays an indexer of a certain speed, and a log that grows or does not."""

    def __init__(self, change_s: float) -> None:
        self.pace = Pace()
        self.now_s = 100.0
        self.end = 0
        self.worked_s = 0.0
        self.longest_s = 0.0
        self._change_s = change_s

    def run(self, for_s: float, *, grows: bool, waiting: int = 1_000) -> int:
        """Index for so long; return how many changes."""
        start_s, done = self.now_s, 0
        self.worked_s = self.longest_s = 0.0
        while self.now_s < start_s + for_s:
            limit = self.pace.choose_limit(self.now_s)
            self.end += grows
            self.pace.note_log(self.end, self.now_s)
            took_s = limit * self._change_s
            self.now_s += took_s
            self.worked_s += took_s
            self.longest_s = max(self.longest_s, took_s)
            done += limit
            self.now_s += self.pace.note_batch(limit, took_s, waiting=waiting, now_s=self.now_s)
        return done


@given(st.floats(20e-6, 150e-6))
def test_while_records_are_stored_the_indexer_takes_a_fifth_of_the_time(change_s: float) -> None:
    """In short batches, whatever a change costs."""
    load = _Load(change_s)
    load.run(5, grows=True)
    load.run(20, grows=True)
    assert load.worked_s <= 20 * BUSY_SHARE * 1.05
    assert load.longest_s <= max(BUSY_BATCH_S, MIN_CHANGES * change_s) * 1.05


def test_when_nobody_stores_records_it_takes_all_of_it() -> None:
    """Soon after the last commit, and in batches that are not long either."""
    load = _Load(50e-6)
    load.run(5, grows=True)
    load.run(QUIET_S + MAX_REST_S, grows=False)
    done = load.run(2, grows=False)
    assert load.worked_s >= 2
    assert done * 50e-6 >= 2
    assert load.longest_s <= IDLE_BATCH_S * 1.05


def test_with_too_many_changes_waiting_it_does_not_rest() -> None:
    """How far behind the index may be left has a bound, also under load."""
    load = _Load(50e-6)
    load.run(5, grows=True)
    load.run(2, grows=True, waiting=MAX_WAITING + 1)
    assert load.worked_s >= 2


def test_a_batch_that_waited_long_does_not_stop_the_index() -> None:
    """It seems costly; the rest after it is bounded, and so is the next batch from below."""
    pace = Pace()
    for end in (1, 2):
        pace.note_log(end, 0.0)
    assert pace.note_batch(100, 30.0, waiting=9, now_s=0.1) == MAX_REST_S
    assert pace.choose_limit(0.1) == MIN_CHANGES


def test_batches_grow_with_what_was_learnt_but_not_beyond_the_limit() -> None:
    """Cheap changes make large batches: of events, say, which index nothing."""
    pace = Pace()
    for _ in range(40):
        pace.note_batch(1_000, 0.001, waiting=9, now_s=0.0)
    assert pace.choose_limit(0.0) == MAX_CHANGES


@pytest.mark.parametrize("commits", [(5,), (5, 5)])
def test_a_log_that_does_not_grow_is_no_load(commits: tuple[int, ...]) -> None:
    """What was there at the start was stored before."""
    pace = Pace()
    for end in commits:
        pace.note_log(end, 1.0)
    assert pace.note_batch(100, 0.01, waiting=9, now_s=1.0) == 0
