"""The judge sees what is wrong: each of the five counts, planted by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .judge import Circumstances, Verdict, judge
from .side_file import Actor, Entry, Figures, SideFile, hash_value, read_side_files
from .sightings import Sightings, read_lines

if TYPE_CHECKING:
    from collections.abc import Iterable

VALUE = {"unit": "x", "text": "ü"}


def make_actor(*tokens: str, lines: Iterable[str] = ()) -> Actor:
    """Return an actor that has recorded these spans at 1,000 ns, and what other lines say."""
    actor = Actor("c1-7.8")
    for token in tokens:
        actor.read(f"a {token} se {hash_value(VALUE)} {hash_value(VALUE)}")
        actor.read(f"r {token} se 1000")
    for line in lines:
        actor.read(line)
    return actor


def make_span(token: str, status: str, **changes: Any) -> dict[str, Any]:
    """Return a wire record of a span, with these fields changed."""
    payload = {"value": VALUE, "codec": "json", "fidelity": "exact"}
    record = {
        "type": "span",
        "run_id": "1" * 32,
        "span_id": f"id of {token}",
        "rev": 0 if status == "STARTED" else 1,
        "name": token,
        "status": status,
        "input": payload,
    }
    return record | ({} if status == "STARTED" else {"output": payload}) | changes


def find(tmp_path: Path, *records: dict[str, Any]) -> Sightings:
    """Return what a file with these records shows."""
    path = tmp_path / "stored.ndjson"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return read_lines(path)


def write_stats(**figures: Any) -> str:
    """Return the line of a side file that holds the last accounts."""
    return f"s {json.dumps(Figures(**figures)._asdict())}"


def test_what_arrived_is_clean(tmp_path: Path) -> None:
    """Two snapshots of a span, one of them twice: nothing is wrong, one came again."""
    end = make_span("a", "COMPLETED")
    verdict = judge([make_actor("a")], find(tmp_path, make_span("a", "STARTED"), end, end))
    assert verdict == Verdict(attempted=2, stored=2, resends=1)
    assert verdict.is_clean


def test_a_start_that_only_came_with_its_end_is_merged(tmp_path: Path) -> None:
    """The end has all that the start has."""
    verdict = judge([make_actor("a")], find(tmp_path, make_span("a", "COMPLETED")))
    assert (verdict.five, verdict.merged) == ((0, 0, 0, 0, 0), 1)


def test_what_was_in_safety_and_is_gone_is_lost(tmp_path: Path) -> None:
    """However short before the kill it was made."""
    actor = make_actor("a", lines=["w"])
    verdict = judge([actor], find(tmp_path), Circumstances({"c1-7": 1_001}))
    assert (verdict.lost, verdict.silent, verdict.window) == (2, 0, 0)


def test_what_is_neither_stored_nor_counted_is_silent(tmp_path: Path) -> None:
    """Of four records three are counted as dropped."""
    actor = make_actor(
        "a", "b", lines=[write_stats(attempted=4, dropped={"shutdown": 3}, queued=1)]
    )
    verdict = judge([actor], find(tmp_path))
    assert (verdict.lost, verdict.silent, verdict.dropped) == (0, 1, {"shutdown": 3})


def test_a_counted_start_excuses_no_other_record(tmp_path: Path) -> None:
    """The start of `a` was dropped, which its end makes good; the end of `b` was not counted."""
    actor = make_actor("a", "b", lines=[write_stats(attempted=4, delivered=3, dropped={"x": 1})])
    found = find(tmp_path, make_span("a", "COMPLETED"), make_span("b", "STARTED"))
    assert judge([actor], found).silent == 1


def test_what_never_entered_the_accounts_is_silent(tmp_path: Path) -> None:
    """It arrived, but the recorder does not know of it."""
    actor = make_actor("a", lines=[write_stats(attempted=1, delivered=1)])
    found = find(tmp_path, make_span("a", "STARTED"), make_span("a", "COMPLETED"))
    assert judge([actor], found).silent == 1


@pytest.mark.parametrize(
    ("moment_ns", "expected"), [(999, (0, 2)), (1_500, (0, 2)), (2_001, (2, 0))]
)
def test_only_the_last_moments_of_a_killed_process_are_excused(
    tmp_path: Path, moment_ns: int, expected: tuple[int, int]
) -> None:
    """Made 1,000 ns before the kill or earlier: it should have been on the disk."""
    around = Circumstances({"c1-7": moment_ns}, window_ns=1_000)
    verdict = judge([make_actor("a")], find(tmp_path), around)
    assert (verdict.silent, verdict.window) == expected


def test_what_was_never_made_is_neither(tmp_path: Path) -> None:
    """The process ended before the call returned."""
    actor = make_actor(lines=["a a se 1 2"])
    assert judge([actor], find(tmp_path)) == Verdict(attempted=2, unmade=2)


def test_what_was_never_attempted_is_a_phantom(tmp_path: Path) -> None:
    """So is a line that cannot be read."""
    found = find(tmp_path, make_span("stranger", "COMPLETED"))
    assert judge([], found._replace(unreadable=1)).phantom == 2


def test_an_end_that_the_recorder_gave_is_no_phantom(tmp_path: Path) -> None:
    """What a program left open is ended as INTERRUPTED, with what was known."""
    actor = make_actor(lines=[f"a a s {hash_value(VALUE)} -", "r a s 1000"])
    record = make_span("a", "INTERRUPTED")
    del record["output"]
    found = find(tmp_path, make_span("a", "STARTED"), record)
    assert judge([actor], found).is_clean


def test_one_thing_under_two_ids_is_a_duplicate(tmp_path: Path) -> None:
    """As a child that sends what it inherited under an id of its own would make it."""
    other = make_span("a", "COMPLETED", span_id="another")
    found = find(tmp_path, make_span("a", "STARTED"), make_span("a", "COMPLETED"), other)
    assert judge([make_actor("a")], found).duplicate == 1


@pytest.mark.parametrize("field", ["input", "output"])
def test_other_content_is_a_change(tmp_path: Path, field: str) -> None:
    """Of the input or of the output, in any snapshot."""
    wrong = make_span("a", "COMPLETED", **{field: {"value": {**VALUE, "text": "u"}}})
    found = find(tmp_path, make_span("a", "STARTED"), make_span("a", "COMPLETED"), wrong)
    assert judge([make_actor("a")], found).changed == 1


def test_accounts_that_do_not_balance_are_a_complaint(tmp_path: Path) -> None:
    """Attempted is delivered, queued, spooled, dropped, and superseded if that is within."""
    fine = write_stats(
        attempted=9, delivered=1, queued=2, spooled=2, superseded=3, dropped={"x": 1}
    )
    wrong = write_stats(attempted=2, delivered=1)
    assert judge([make_actor(lines=[fine])], find(tmp_path)).is_clean
    (complaint,) = judge([make_actor(lines=[wrong])], find(tmp_path)).complaints
    assert "the accounts are off by 1" in complaint


def test_a_side_file_says_what_was_written(tmp_path: Path) -> None:
    """A line that was cut off is none."""
    file = SideFile(tmp_path, "c1")
    file.attempt([Entry("a", "se", "1", "2")])
    file.settle()
    file.attempt([Entry("b", "v", "3")])
    file.take_return("a", "se")
    (path,) = tmp_path.iterdir()
    with path.open("a") as raw:
        raw.write("r b v 12")
    (actor,) = read_side_files(tmp_path)
    assert actor.attempted.keys() == {("a", "s"), ("a", "e"), ("b", "v")}
    assert actor.settled == {("a", "s"), ("a", "e")}
    assert actor.returned_ns.keys() == {("a", "s"), ("a", "e")}


def test_verdicts_add_up() -> None:
    """Counts are summed by reason, and the longest exit counts."""
    one = Verdict(attempted=1, dropped={"x": 1}, exit_s=2.0, complaints=("a",))
    two = Verdict(attempted=2, lost=1, dropped={"x": 1, "y": 1}, exit_s=1.0)
    assert one + two == Verdict(
        attempted=3, lost=1, dropped={"x": 2, "y": 1}, exit_s=2.0, complaints=("a",)
    )
