"""Runs that nobody recorded so, and questions that mean harm."""

from __future__ import annotations

import json
from typing import Any

import pytest
from recordings import load, make_event, make_payload, make_run, make_span, span_id
from stepped import make_chain

from agenttrace.steps import SearchError, StepCursor, StepTimeline, fold, read_breakpoint
from agenttrace.steps.patterns import (
    MAX_REGEX_WEIGHT,
    OVERLAP_CHARS,
    PART_CHARS,
    TextPattern,
    weigh,
)
from agenttrace.steps.queries import PathQuery
from agenttrace.trace import RecordedPayload, load_runs


def test_a_recording_that_breaks_off_is_stepped_to_where_it_does() -> None:
    """A file cut within its last line; spans that never end are open to the last step."""
    records = [make_run(), *make_chain_of_open(3), make_event(9, "chunk", "x", span_id=span_id(3))]
    lines = "\n".join(json.dumps(record) for record in records)
    run = load_runs([*lines.splitlines()[:-1], lines.splitlines()[-1][:40]]).runs[0]
    cursor = StepCursor.of_run(run)
    assert len(cursor.timeline) == 3
    cursor.seek(2)
    assert [span.name for span in cursor.state().open_spans[0]] == ["step 1", "step 2", "step 3"]


def make_chain_of_open(depth: int) -> list[dict[str, Any]]:
    return [
        make_span(
            number,
            seq=number,
            end_seq=None,
            end_ns=None,
            status="STARTED",
            parent_span_id=span_id(number - 1) if number > 1 else None,
        )
        for number in range(1, depth + 1)
    ]


def test_parents_in_a_circle_are_stepped_once_each() -> None:
    """The earliest is the top; stepping out ends there."""
    run = load(
        [
            make_run(),
            make_span(1, parent_span_id=span_id(2)),
            make_span(2, parent_span_id=span_id(1)),
            make_span(3, parent_span_id=span_id(3)),
        ]
    )
    cursor = StepCursor.of_run(run)
    assert len(cursor.timeline) == 6
    for index in range(6):
        cursor.seek(index)
        cursor.step_out()
        assert cursor.state() == fold(cursor.timeline, cursor.index)


def test_spans_without_their_parents_and_events_without_their_spans_are_steps() -> None:
    """Nothing that was recorded is left out."""
    run = load(
        [
            make_span(1, seq=0, end_seq=3, parent_span_id=span_id(9)),
            make_event(1, "chunk", "x", span_id=span_id(8)),
            make_event(2, "state", {"key": "k", "value": 1}, span_id=span_id(8)),
        ]
    )
    timeline = StepTimeline.of_run(run)
    assert [timeline.step(at).phase for at in range(4)] == ["START", "CHUNK", "STATE", "END"]
    assert fold(timeline, 3).values.keys() == {"k"}


def test_a_span_and_an_event_may_share_a_place() -> None:
    """A counter that was used twice, and figures beyond 32 bits."""
    run = load(
        [
            make_run(),
            make_span(1, seq=2**53 - 1, end_seq=2**53 - 1, start_ns=0, end_ns=0),
            make_span(2, seq=0, end_seq=0, lane=2**40),
            make_event(0, "log", "x"),
        ]
    )
    timeline = StepTimeline.of_run(run)
    assert len(timeline) == 5
    assert timeline.step(0).lane == 2**40


def test_5000_levels_are_walked_out_of() -> None:
    """No recursion anywhere."""
    cursor = StepCursor.of_run(load(make_chain(5_000)))
    cursor.seek(4_999)
    assert cursor.step.depth == 4_999
    ends = 0
    while cursor.step_out() is not None:
        ends += 1
    assert ends == 4_999
    assert cursor.index == 9_999


def test_a_large_text_is_not_read_until_it_is_looked_into(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """50 MB of texts: walking reads none of them, and a search one at a time."""
    text = "x" * 10_000_000 + " needle"
    records = [make_run(), *(make_span(n, output=make_payload(text)) for n in range(1, 6))]
    run = load(records)
    read: list[int] = []
    get = RecordedPayload.json.fget  # type: ignore[attr-defined]  # it is a property

    def note(payload: RecordedPayload) -> object:
        read.append(1)
        return get(payload)

    monkeypatch.setattr(RecordedPayload, "json", property(note))
    cursor = StepCursor.of_run(run)
    while cursor.next() is not None:
        cursor.state()
    cursor.seek(0)
    cursor.continue_([read_breakpoint("name:step 5")])
    assert read == []
    cursor.seek(0)
    hit = cursor.continue_([read_breakpoint("text:needle")])
    assert hit is not None
    assert hit.index == 1
    assert read == [1]


@pytest.mark.parametrize(
    "expression", ["(a+)+$", "(a|aa)+$", "(a*)*b", "^(([a-z])+.)+[A-Z]([a-z])+$"]
)
def test_an_expression_that_tries_again_and_again_ends(expression: str) -> None:
    """Python's own `re` would take longer than the universe lasts for these."""
    assert not TextPattern(expression, is_regex=True).occurs_in("a" * 100_000 + "!")
    assert not PathQuery(f"$[?search(@, '{expression}')]").selects(["a" * 10_000 + "!"])


def test_an_expression_s_weight_counts_what_it_repeats() -> None:
    """What is within each other is multiplied, what follows is added."""
    weights = {
        "abc": 3,
        "[a-z]+x?": 2,
        r"\w\d": 30,
        "a{3}": 3,
        "(ab){2,5}c": 11,
        "((a{2}){3}){4}": 24,
        "(?:a|b){10}": 20,
        r"[\w.]{4}": 60,
        r"a\{5}": 4,
        "(": 0,
        "a{9999999}": 999_999,
    }
    assert {text: weigh(text) for text in weights} == weights
    assert weigh(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}") <= MAX_REGEX_WEIGHT


def test_a_long_text_is_searched_to_its_end() -> None:
    """In parts that overlap, so that what lies across their edge is found too."""
    pattern = TextPattern("left-right", is_regex=True)
    for edge in (PART_CHARS, PART_CHARS - OVERLAP_CHARS, 2 * PART_CHARS, 700_000):
        text = "." * (edge - 5) + "left-right" + "." * 100_000
        assert pattern.occurs_in(text)
        assert not TextPattern("nowhere", is_regex=True).occurs_in(text)
    assert pattern.occurs_in("." * 999_990 + "left-right")


def test_a_text_is_found_however_json_writes_it() -> None:
    """With letters escaped, as other recorders write them, and quotes and line ends."""
    text = json.dumps({"a": 'Zürich said "no"\nthen'})
    assert "Z\\u00fcrich" in text
    for wanted in ("Zürich", '"no"', 'no"\nthen'):
        assert TextPattern(wanted).occurs_in(text)
    assert TextPattern("Z.rich", is_regex=True).occurs_in(text)
    assert not TextPattern("Zurich").occurs_in(text)


@pytest.mark.parametrize(
    "query", ["$..[?@..[?@..[?@.x==1]]]", "$..[?count(@..[?count(@..[?@==-1])==0])<0]"]
)
def test_a_query_that_looks_at_everything_again_and_again_is_ended(query: str) -> None:
    """It says what to do about it."""
    document = {"output": [[n, [n, {"a": n}]] for n in range(5_000)]}
    with pytest.raises(SearchError, match="looks at more than 250000 nodes"):
        PathQuery(query).selects(document)


def test_a_query_of_a_text_that_is_no_json_finds_what_there_is() -> None:
    """A text that cannot be decoded stands as itself; so does what nests too deeply."""
    deep = {"value": "@", "codec": "json", "fidelity": "exact"}
    run = load_runs(
        [
            make_run(),
            json.dumps(make_span(1, output=deep)).replace('"@"', "[" * 90 + "]" * 90),
        ]
    ).runs[0]
    cursor = StepCursor.of_run(run)
    assert cursor.continue_([read_breakpoint("$..[?length(@)==0]")]) is not None
