"""Runs that go on in other processes: pools and processes of every start method."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agenttrace.wire.validation import parse_line

if TYPE_CHECKING:
    from ..conftest import Recording

PROGRAM = Path(__file__).with_name("pool_program.py")


def read_records(folder: Path) -> list[dict[str, Any]]:
    """Return the records of all processes, each checked against the wire format."""
    lines = [line for path in folder.glob("*.jsonl") for line in path.read_bytes().splitlines()]
    for line in lines:
        parse_line(line)
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_run_goes_on_in_the_workers_of_a_pool(method: str, tmp_path: Path) -> None:
    """Same run, the submitting span as parent, and no two records with one place in it."""
    done = subprocess.run(
        [sys.executable, str(PROGRAM), method, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    expected = json.loads(done.stdout)
    records = read_records(tmp_path)
    spans = [r for r in records if r["type"] == "span" and r["status"] != "STARTED"]
    squares = {str(s["input"]["value"]["number"]): s for s in spans if s["name"] == "square"}
    assert squares.keys() == expected.keys()
    run_of_last = squares["7"]["run_id"]
    assert run_of_last not in {run_id for run_id, _ in expected.values()}
    expected["7"][0] = run_of_last
    found = {n: [s["run_id"], s.get("parent_span_id")] for n, s in squares.items()}
    assert found == expected
    for span in (s for s in spans if s["name"] == "inner"):
        outer = squares[str(span["input"]["value"]["number"])]
        assert (span["run_id"], span["parent_span_id"]) == (outer["run_id"], outer["span_id"])
    places = Counter((s["run_id"], number) for s in spans for number in (s["seq"], s["end_seq"]))
    assert max(places.values()) == 1
    assert len({(s["run_id"], s["lane"]) for s in squares.values()}) == len(squares)
    ends = Counter(r["run_id"] for r in records if r["type"] == "run" and r["status"] != "STARTED")
    assert max(ends.values()) == 1


def test_a_function_that_is_bound_can_be_pickled(recording: Recording) -> None:
    """Within one process it comes back to the very run."""
    tracer = recording.tracer
    with tracer.run("agent") as run, tracer.span("outer") as outer:
        bound = pickle.loads(pickle.dumps(tracer.propagate(len)))
        traced = tracer.propagate(tracer.current_run)
    assert bound("abc") == 3
    assert traced() is run
    assert tracer.current_run() is None
    assert outer.span_id in {span["span_id"] for span in recording.spans()}
