"""What was dropped of a run is counted for that run, and its own record says so."""

from __future__ import annotations

import json
import threading
from collections import Counter
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agenttrace import Tracer
from agenttrace.pipeline import life, records, writer
from agenttrace.pipeline.drops import MAX_RUNS, RunDrops, tell_drops
from agenttrace.plugins import Exporter, ExportResult, Record
from agenttrace.settings import Settings
from agenttrace.trace.merging import merge_snapshots
from agenttrace.trace.reading import decode_line, split_lines
from agenttrace.trace.records import RunSnapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

DEADLINE_S = 20
NONE = RunDrops()


def make_line(number: int, kind: str = "run", **fields: Any) -> bytes:
    """Return a record as the recorder writes it."""
    head = {"v": 1, "type": kind, "run_id": f"{number:032x}", "rev": 0, "status": "STARTED"}
    return json.dumps({**head, **fields}, separators=(",", ":")).encode()


class Stalled(Exporter):
    """Takes its first batch and does not return before it is told to."""

    wants_signs_of_life = True

    def __init__(self, *, refused: frozenset[str] = frozenset()) -> None:
        self.records: list[Any] = []
        self.entered, self.release = threading.Event(), threading.Event()
        self.came = threading.Condition()
        self._refused = refused

    def export(self, records: Sequence[Record]) -> ExportResult:
        self.entered.set()
        assert self.release.wait(DEADLINE_S)
        bad = {at: "no" for at, each in enumerate(records) if each.get("name") in self._refused}
        with self.came:
            self.records += [each for at, each in enumerate(records) if at not in bad]
            self.came.notify_all()
        return ExportResult.REJECTED(bad) if bad else ExportResult.DELIVERED

    def list_runs(self) -> list[Any]:
        """Return the records of runs that came."""
        return [record for record in self.records if record["type"] == "run"]


def test_lines_are_counted_by_their_run_and_reason() -> None:
    """A start whose end may still come makes no gap; what has no run id is counted nowhere."""
    drops = RunDrops()
    assert (bool(drops), drops.read(f"{1:032x}")) == (False, None)
    drops.note_lines([make_line(1, "span"), b"{}"], "queue_full")
    assert drops.read(f"{1:032x}") == ({"queue_full": 1}, False)
    drops.note_lines([make_line(1, "span", status="ERROR"), make_line(2)], "rejected")
    assert drops.read(f"{1:032x}") == ({"queue_full": 1, "rejected": 1}, True)
    assert drops.read(f"{2:032x}") == ({"rejected": 1}, False)


def test_so_many_runs_are_counted_as_lost_a_record_last() -> None:
    """What is counted is bounded: the run that was quiet for longest goes."""
    drops = RunDrops()
    for number in [*range(MAX_RUNS), 0, MAX_RUNS]:
        drops.note(f"{number:032x}", "queue_full", is_gap=True)
    kept = drops.read(f"{0:032x}")
    assert kept is not None
    assert kept.counts == {"queue_full": 2}
    assert drops.read(f"{1:032x}") is None


def test_no_run_counted_here_goes_for_one_counted_elsewhere() -> None:
    """Notes of other processes may name more runs than are kept; the live ones are told of."""
    drops, others = RunDrops(), RunDrops()
    drops.note("own", "queue_full", is_gap=True)
    for number in range(MAX_RUNS):
        others.note(f"{number:032x}", "spool_full", is_gap=True)
    drops.add_all(others)
    assert drops.read("own") == ({"queue_full": 1}, True)
    assert len(drops.list()) == MAX_RUNS


def test_a_run_s_record_tells_what_both_lost_and_is_a_new_revision() -> None:
    """What the line says already is a part of what the recorder counted, and not added again."""
    recorder, exporter = RunDrops(), RunDrops()
    for _ in range(3):
        recorder.note(f"{1:032x}", "queue_full", is_gap=False)
    (line,) = tell_drops([make_line(1, rev=1, complete=True)], recorder, NONE)
    assert json.loads(line)["rev"] == 4
    assert json.loads(line)["complete"] is True
    exporter.note(f"{1:032x}", "rejected", is_gap=True)
    exporter.note(f"{1:032x}", "queue_full", is_gap=True)
    span = make_line(1, "span")
    told, same, other = tell_drops([line, span, make_line(2)], recorder, exporter)
    assert (same, other) == (span, make_line(2))
    record = json.loads(told)
    assert record["dropped"] == {"queue_full": 4, "rejected": 1}
    assert (record["rev"], record["complete"]) == (6, False)
    assert tell_drops([told], NONE, NONE) == [told]


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.booleans()), max_size=20))
def test_no_two_different_records_of_a_run_have_one_revision(
    steps: list[tuple[str, bool]],
) -> None:
    """The merge law asks for that: each drop makes a new revision, and nothing else does."""
    recorder, exporter = RunDrops(), RunDrops()
    seen: dict[int, bytes] = {}
    base = make_line(1)
    for reason, is_early in [("", True), *steps]:
        if reason:
            (recorder if is_early else exporter).note(f"{1:032x}", reason, is_gap=False)
        (line,) = tell_drops([base], recorder, exporter)
        rev = json.loads(line)["rev"]
        assert seen.setdefault(rev, line) == line
        assert sum(json.loads(line).get("dropped", {}).values()) == rev


def _drop_many(tracer: Tracer, exporter: Stalled, count: int) -> None:
    """Record steps until a tiny queue must have dropped some, and let the exporter go on."""
    with tracer.run("agent"):
        with tracer.span("first"):
            pass
        assert exporter.entered.wait(DEADLINE_S)
        for number in range(count):
            with tracer.span(f"step {number}"):
                pass
        tracer.flush(timeout_s=0)
    exporter.release.set()
    assert tracer.flush(timeout_s=DEADLINE_S).pending == 0


def test_a_tiny_queue_before_a_stalled_exporter_is_told_of_exactly() -> None:
    """The end says the counts of `stats()`, the run is not complete, and the rest arrived."""
    exporter = Stalled()
    tracer = Tracer(settings=Settings(queue_max_records=32))
    tracer.add_exporter(exporter)
    _drop_many(tracer, exporter, 400)
    tracer.shutdown()
    (stats,) = tracer.stats().exporters
    assert stats.dropped["queue_full"] > 0
    end = exporter.list_runs()[-1]
    assert end["status"] == "COMPLETED"
    assert end["dropped"] == dict(stats.dropped)
    assert end["complete"] is False
    assert stats.attempted == len(exporter.records) + stats.superseded + sum(stats.dropped.values())


def test_two_runs_are_told_apart_and_two_exporters_too() -> None:
    """A run that lost nothing says nothing; what one exporter refused is not said to the other."""
    picky, easy = Stalled(refused=frozenset({"bad"})), Stalled()
    picky.release.set()
    easy.release.set()
    tracer = Tracer(settings=Settings())
    tracer.add_exporter(picky)
    tracer.add_exporter(easy)
    with tracer.run("lossy"):
        with tracer.span("bad"):
            pass
        assert tracer.flush(timeout_s=DEADLINE_S) is not None
    with tracer.run("sound"), tracer.span("good"):
        pass
    tracer.shutdown()
    ends = {record["name"]: record for record in picky.list_runs() if record["rev"]}
    assert ends["lossy"]["dropped"] == {"rejected": picky_count(tracer)}
    assert "dropped" not in ends["sound"]
    assert ends["sound"]["complete"] is True
    assert not any("dropped" in record for record in easy.list_runs())


def picky_count(tracer: Tracer) -> int:
    """Return what the first exporter dropped."""
    return sum(tracer.stats().exporters[0].dropped.values())


def test_a_value_that_cannot_be_written_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """What no exporter was offered is in the record as well."""
    write = records.write_line

    def fail(item: Any) -> bytes:
        if getattr(getattr(item, "spec", None), "name", "") == "bad":
            raise ValueError("no")
        return write(item)

    monkeypatch.setattr(writer, "write_line", fail)
    exporter = Stalled()
    exporter.release.set()
    tracer = Tracer(settings=Settings())
    tracer.add_exporter(exporter)
    with tracer.run("agent"), tracer.span("bad"):
        pass
    tracer.shutdown()
    end = exporter.list_runs()[-1]
    assert (end["dropped"], end["complete"]) == ({"encode_failed": 1}, False)


def test_a_sign_of_life_tells_what_was_dropped_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who watches an open run sees drops before it ends."""
    monkeypatch.setattr(life, "SIGN_EVERY_S", 0.05)
    exporter = Stalled()
    tracer = Tracer(settings=Settings(queue_max_records=32))
    tracer.add_exporter(exporter)
    with tracer.run("agent"):
        with tracer.span("first"):
            pass
        assert exporter.entered.wait(DEADLINE_S)
        for number in range(400):
            with tracer.span(f"step {number}"):
                pass
        tracer.flush(timeout_s=0)
        exporter.release.set()
        with exporter.came:
            assert exporter.came.wait_for(
                lambda: any("dropped" in record for record in exporter.list_runs()), DEADLINE_S
            )
    tracer.shutdown()
    signs = [each for each in exporter.list_runs() if each["status"] == "STARTED"]
    told = [each["dropped"] for each in signs if "dropped" in each]
    assert told
    (stats,) = tracer.stats().exporters
    assert Counter(told[-1]) <= Counter(stats.dropped)


def test_records_in_any_order_say_the_same() -> None:
    """Start, signs with more and more drops, and the end: as any snapshots of a run."""
    drops = RunDrops()
    fields: dict[str, Any] = {"name": "agent", "start_ns": 1}
    lines = [make_line(1, **fields)]
    for reason in ("queue_full", "rejected"):
        drops.note(f"{1:032x}", reason, is_gap=True)
        lines += tell_drops([make_line(1, **fields)], drops, NONE)
    drops.note(f"{1:032x}", "rejected", is_gap=True)
    end = make_line(1, **{**fields, "rev": 1, "status": "COMPLETED", "complete": True})
    lines += tell_drops([end], drops, NONE)
    for order in permutations([*lines, lines[1]]):
        read: list[Any] = [decode_line(line) for line in split_lines(order)]
        merged: RunSnapshot = merge_snapshots(read)
        assert merged.dropped == {"queue_full": 1, "rejected": 2}
        assert (merged.complete, merged.status.value) == (False, "COMPLETED")
