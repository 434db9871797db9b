"""The outline: everything at its place, as text that is safe to print."""

from __future__ import annotations

import json

from recordings import load, make_event, make_payload, make_run, make_span, span_id

from agenttrace.trace import load_runs
from agenttrace.trace.outline import make_outline


def test_a_run_shows_what_happened_in_its_order() -> None:
    """State stands between the spans it was set between; figures, choices and errors beside."""
    run = load(
        [
            make_run(
                rev=1, status="COMPLETED", duration_ns=12_000_000, correlation_id="c-1", tags=["t"]
            ),
            make_span(1, name="answer", span_type="AGENT", seq=0, end_seq=20),
            make_span(2, name="search", span_type="RETRIEVAL", parent_span_id=span_id(1)),
            make_event(6, "state", {"key": "found", "value": [1, 2]}, span_id=span_id(1)),
            make_span(
                4,
                name="pick",
                span_type="DECISION",
                parent_span_id=span_id(1),
                output=make_payload({"chosen": "a", "reason": "first"}),
            ),
            make_span(
                5,
                name="ask",
                span_type="LLM_CALL",
                parent_span_id=span_id(1),
                model="m-1",
                usage={"prompt_tokens": 1200, "completion_tokens": 5, "source": "estimated"},
                cost={"usd": "0.01", "source": "rates"},
            ),
            make_event(11, "chunk", "x", span_id=span_id(5)),
            make_event(12, "exception", {"type": "builtins.KeyError", "message": "k"}),
            make_span(
                7,
                name="fetch",
                span_type="TOOL_CALL",
                status="ERROR",
                error={"type": "acme.Refused", "message": "no\nway"},
            ),
            make_span(8, name="late", status="STARTED", duration_ns=None, end_seq=None),
        ]
    )
    head, rows = str(run).split("$0.01\n", 1)
    assert head.splitlines()[0] == "agent  COMPLETED  12.0 ms"
    assert "correlation c-1 · tags t" in head
    assert rows.splitlines() == [
        "├─ answer       agent      0.50 ms",
        "│  ├─ search    retrieval  0.50 ms",
        "│  ├─ • found   state                                 = [1, 2]",
        "│  ├─ pick      decision   0.50 ms                    → a  (first)",
        "│  └─ ask       llm        0.50 ms  ~1,200→5  ~$0.01  m-1  1 chunk",
        "├─ • exception  exception                             KeyError: k",
        "├─ fetch        tool       0.50 ms                    acme.Refused: no\\nway",
        "└─ late         custom                                unfinished",
    ]


def test_an_unfinished_run_says_so() -> None:
    """A file cannot tell whether its program lives."""
    assert str(load([make_run()])).splitlines()[0] == "agent  unfinished"


def test_flaws_are_said() -> None:
    """A span that is not where it should be has its reason beside it."""
    rows = make_outline(load([make_span(1, parent_span_id=span_id(9)), make_event(5, "log", "x")]))
    assert [row.detail for row in rows] == ["its parent was not recorded", "x"]


def test_events_of_spans_that_were_never_recorded_are_the_run_s() -> None:
    """Nothing is left out."""
    rows = make_outline(load([make_run(), make_event(1, "log", "x", span_id=span_id(9))]))
    assert [(row.kind, row.depth, row.detail) for row in rows] == [("event", 0, "x")]


def test_hostile_texts_do_nothing() -> None:
    """Names, messages, keys and values with escapes and line ends."""
    evil = "\x1b[2J\n\u202e\x9b"
    run = load(
        [
            make_run(name=evil, tags=[evil], correlation_id=evil),
            make_span(
                1,
                name=evil,
                model=evil,
                status="ERROR",
                error={"type": evil, "message": evil},
                span_type="DECISION",
                output=make_payload({"chosen": {evil: evil}, "reason": evil}),
            ),
            make_event(4, "state", {"key": evil, "value": {evil: evil}}, span_id=span_id(1)),
            make_event(5, evil, evil),
        ]
    )
    assert not {"\x1b", "\u202e", "\x9b"} & set(str(run))
    assert len(str(run).splitlines()) == 6


def test_truncated_and_deep_values_are_shown_as_text() -> None:
    """A value that no parser takes is still there."""
    deep = "[" * 5_000 + "]" * 5_000
    payload = f'{{"value":{deep},"codec":"json","fidelity":"exact"}}'
    line = json.dumps(make_span(1, output="OUT")).replace('"OUT"', payload)
    recording = load_runs([line])
    values = [span.output.value for run in recording.runs for span in run.spans if span.output]
    assert len(recording.problems) + values.count(deep) == 1
