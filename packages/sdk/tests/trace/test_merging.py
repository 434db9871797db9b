"""The merge law: any order and any number of lines give one result."""

from __future__ import annotations

import json
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import RUN_ID, START_NS, load, make_event, make_payload, make_run, make_span

from agenttrace.trace import RecordedRun, load_runs

OPTIONAL = {
    "output": st.integers().map(make_payload),
    "model": st.sampled_from(["a", "b"]),
    "replay_key": st.sampled_from(["k", "l"]),
    "parent_span_id": st.sampled_from([f"{n:016x}" for n in range(4)]),
    "cost": st.sampled_from([{"usd": "0.1", "source": "rates"}, {"usd": "2", "source": "rates"}]),
}
SPANS = st.fixed_dictionaries(
    {
        "span_id": st.sampled_from([f"{n:016x}" for n in range(3)]),
        "rev": st.integers(0, 3),
        "status": st.sampled_from(["STARTED", "COMPLETED", "ERROR"]),
        "name": st.sampled_from(["x", "y"]),
        "seq": st.integers(0, 5),
    },
    optional=OPTIONAL,
).map(lambda fields: make_span(9, **fields))
RUNS = st.fixed_dictionaries(
    {
        "rev": st.integers(0, 3),
        "status": st.sampled_from(["STARTED", "COMPLETED"]),
        "name": st.sampled_from(["x", "y"]),
    },
    optional={
        "output": st.integers().map(make_payload),
        "tags": st.lists(st.sampled_from(["t", "u"]), max_size=2),
        "correlation_id": st.sampled_from(["c", "d"]),
    },
).map(lambda fields: {**make_run(), **fields})
EVENTS = st.builds(make_event, st.integers(0, 3), st.sampled_from(["log", "state"]), st.integers())

ADDED = {"v": 1, "run_id": RUN_ID}
ANNOTATIONS = st.fixed_dictionaries(
    {
        "annotation_id": st.sampled_from(["a", "b"]),
        "score": st.integers(0, 3),
        "created_ns": st.just(1),
        "updated_ns": st.integers(1, 3),
    },
    optional={"span_id": st.sampled_from([f"{n:016x}" for n in range(3)])},
).map(lambda fields: {**ADDED, "type": "annotation", "name": "n", "source": "CODE", **fields})
TAGS = st.lists(st.sampled_from("tuvw"), min_size=1, max_size=3).map(
    lambda tags: {**ADDED, "type": "tags", "tags": tags}
)


def describe(run: RecordedRun) -> Any:
    """Return everything that a run says, to compare by."""
    fields = {name: getattr(run, name) for name in run.__slots__ if not name.startswith("_")}
    return (
        fields,
        [(node.span.span_id, node.depth, node.flaw) for node in run.tree()],
        [(moment.seq, moment.kind) for moment in run.timeline()],
        run.totals(),
    )


@settings(max_examples=300)
@given(
    records=st.lists(SPANS | RUNS | EVENTS | ANNOTATIONS | TAGS, max_size=10).map(
        lambda found: [make_run(), *found]
    ),
    seed=st.integers(0, 2**32),
)
def test_the_order_and_the_number_of_lines_do_not_matter(
    records: list[dict[str, Any]], seed: int
) -> None:
    """A permutation with duplicates merges to the same run, whatever the lines say."""
    shuffled = records + [r for r in records if seed % 3]
    random.Random(seed).shuffle(shuffled)
    assert describe(load(shuffled)) == describe(load(records))


def test_a_terminal_snapshot_wins_over_a_started_one_of_a_higher_rev() -> None:
    """What has ended does not start again."""
    late = make_span(1, rev=9, status="STARTED", name="late", model="only here")
    (span,) = load([make_span(1, rev=1, name="ended"), late]).spans
    assert (span.name, span.status, span.model) == ("ended", "COMPLETED", "only here")


def test_the_higher_rev_wins_and_what_it_lacks_comes_from_the_next() -> None:
    """Field by field, best first."""
    snapshots = [
        make_span(1, rev=1, model="one", replay_key="one"),
        make_span(1, rev=2, model="two"),
        make_span(1, rev=3),
    ]
    (span,) = load(snapshots).spans
    assert (span.rev, span.model, span.replay_key) == (3, "two", "one")


def test_null_is_absent() -> None:
    """A field that says nothing takes nothing away."""
    (span,) = load([make_span(1, rev=1, model="m"), make_span(1, rev=2, model=None)]).spans
    assert span.model == "m"


def test_a_run_of_which_only_spans_came_is_there() -> None:
    """It has no name yet, and starts with the first thing in it."""
    run = load([make_span(2), make_span(1)])
    assert (run.run_id, run.name, run.status) == (RUN_ID, "(unnamed run)", "STARTED")
    assert run.start_ns == START_NS + 2_000_000


def test_runs_are_told_apart_and_come_oldest_first() -> None:
    """One file holds many."""
    other = "f" * 32
    records = [make_run(other, start_ns=START_NS + 1), make_run(), make_span(1, run_id=other)]
    first, second = load_runs(json.dumps(record) for record in records).runs
    assert (first.run_id, len(first.spans)) == (RUN_ID, 0)
    assert (second.run_id, len(second.spans)) == (other, 1)
