"""Two exporters of one run that lost equally many records for different reasons."""

from __future__ import annotations

import json
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agenttrace.trace.reading import decode_line, split_lines
from agenttrace.trace.run import RunCollector
from agenttrace_server.storage.export import read_run_line
from agenttrace_server.storage.merge import State, rank_of

from ..support.lines import Record, dump_lines, make_run, make_run_id
from ..support.stores import final_state, open_store, store

RUN = make_run_id(0)


def _make(fields: dict[str, Any]) -> Record:
    return make_run(**fields)


_COUNTS = st.dictionaries(st.sampled_from("abc"), st.integers(1, 3), min_size=1)
SNAPSHOTS = st.lists(
    st.fixed_dictionaries(
        {"rev": st.integers(0, 2), "status": st.sampled_from(["STARTED", "COMPLETED"])},
        optional={"dropped": _COUNTS, "complete": st.booleans()},
    ).map(_make),
    min_size=1,
    max_size=6,
)


def _expect(snapshots: list[Record], name: str) -> list[Any]:
    """Return what the snapshots of the best rank say that have such a field."""
    said = [
        (rank_of(each["status"], each["rev"]), each[name]) for each in snapshots if name in each
    ]
    return [value for rank, value in said if rank == max(said, key=lambda one: one[0])[0]]


def _cut(records: list[Record], shuffler: random.Random) -> list[list[Record]]:
    """Return the records in batches, each at least once, in any order."""
    again = [*records, *shuffler.sample(records, shuffler.randint(0, len(records)))]
    shuffler.shuffle(again)
    at = shuffler.randint(0, len(again))
    return [part for part in (again[:at], again[at:]) if part]


@settings(max_examples=40, deadline=None)
@given(SNAPSHOTS, st.randoms(use_true_random=False))
def test_the_greatest_count_of_each_reason_holds(
    snapshots: list[Record], shuffler: random.Random
) -> None:
    """Of the best revision, in any order, number and batches; a reader of files shows the same."""
    dropped: dict[str, int] = {}
    for counts in _expect(snapshots, "dropped"):
        dropped = {key: max(dropped.get(key, 0), counts.get(key, 0)) for key in {*dropped, *counts}}
    complete = _expect(snapshots, "complete")
    state = final_state(*_cut(snapshots, shuffler))
    assert state == final_state(*_cut(snapshots, shuffler))
    (row,) = state["run"]
    assert json.loads(row["dropped_json"] or "{}") == dropped
    assert row["complete"] == (all(complete) if complete else None)
    collector = RunCollector()
    shuffler.shuffle(snapshots)
    for line in split_lines(dump_lines(snapshots).splitlines()):
        collector.add(decode_line(line))
    (run,) = collector.make_runs()
    assert (run.dropped, run.complete) == (dropped, row["complete"])


@settings(max_examples=25, deadline=None)
@given(SNAPSHOTS, st.randoms(use_true_random=False))
def test_an_export_has_what_was_joined(snapshots: list[Record], shuffler: random.Random) -> None:
    """Taken in elsewhere, and with the records themselves coming late, it is the same state."""
    with open_store() as here:
        store(here, [snapshots])
        with here.connect() as connection:
            lines = (read_run_line(connection, RUN) or b"").splitlines()
    exported = [json.loads(line) for line in lines]
    assert final_state(exported) == final_state(snapshots)
    assert final_state(*_cut([*exported, *snapshots], shuffler)) == final_state(snapshots)


@given(st.lists(st.sets(st.integers(0, 99), min_size=20, max_size=32), min_size=2, max_size=4))
def test_no_more_reasons_are_kept_than_a_record_may_have(sets: list[set[int]]) -> None:
    """The first 32 of all, whatever came first; an export could not be taken in otherwise."""
    joined = set()
    for order in (sets, sets[::-1]):
        state = State()
        for reasons in order:
            said = json.dumps({f"{reason:02}": 1 for reason in sorted(reasons)})
            state.apply(1, {"dropped_json": said})
        joined.add(state.fields["dropped_json"].replace(" ", ""))
    (text,) = joined
    every = sorted(set().union(*sets))[:32]
    assert json.loads(text) == {f"{reason:02}": 1 for reason in every}
