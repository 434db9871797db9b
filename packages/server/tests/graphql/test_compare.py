"""`compare`: groups of stored runs, by the library that the command uses, within bounds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from agenttrace.diff.formats import shape_groups
from agenttrace.diff.groups import GroupOptions, compare_groups
from agenttrace.trace import load_runs
from agenttrace_server.services import comparisons

from ..support.lines import START_NS, make_payload, make_run, make_run_id, make_span

if TYPE_CHECKING:
    from ..support.client import Client

RATE = "{hits total share}"
SAMPLE = "{total known coverage mean median low high}"
EVIDENCE = """{test baseCount headCount scale p smallestP effect
    interval {low high method} detectable}"""
WHOLE = f"""query($b: RunFilter!, $h: RunFilter!, $o: CompareOptions) {{
  compare(base: $b, head: $h, options: $o) {{
    alpha minEffect margin seed pairs
    base {{runs runIds names}} head {{runs runIds names}}
    success {{base {RATE} head {RATE} verdict reason evidence {EVIDENCE}}}
    metrics {{name unit base {SAMPLE} head {SAMPLE} change percent verdict reason pAdjusted
      evidence {EVIDENCE}}}
    structure {{key base {RATE} head {RATE} baseCalls headCalls pAdjusted callsPAdjusted
      isSignificant evidence {EVIDENCE}}}
    transitions {{before after base {RATE} head {RATE} pAdjusted isSignificant}}
    attributes {{key value base {RATE} head {RATE} baseMedian headMedian difference pAdjusted
      isSignificant}}
    parts {{by key name unit base {SAMPLE} head {SAMPLE} pAdjusted isSignificant
      evidence {EVIDENCE}}}
    warnings {{code message side}}
  }} }}"""
BRIEF = """query($b: RunFilter!, $h: RunFilter!, $o: CompareOptions) {
  compare(base: $b, head: $h, options: $o) {
    base {runIds} head {runIds} pairs structure {key base {hits total} head {hits total}} } }"""
MAIN, BRANCH = {"tags": ["main"]}, {"tags": ["branch"]}


def make_records(run: int, tag: str, tokens: int, *names: str) -> list[dict[str, Any]]:
    """Return a run with a model call of so many tokens, and a tool call of each name."""
    usage = {"prompt_tokens": tokens, "source": "reported"}
    start_ns = START_NS + run * 1_000_000_000
    head = make_run(run, status="COMPLETED", rev=1, tags=[tag], attributes={"case_id": run % 5})
    head.update(start_ns=start_ns, end_ns=start_ns + 5_000_000)
    records = [head, make_span(1, run=run, span_type="LLM_CALL", name="plan", usage=usage)]
    records += [
        make_span(2 + place, run=run, span_type="TOOL_CALL", name=name)
        for place, name in enumerate(names)
    ]
    return records


def send_groups(client: Client) -> list[dict[str, Any]]:
    """Send five runs of each tag; those of `branch` are dearer and verify nothing."""
    records: list[dict[str, Any]] = []
    for run in range(5):
        records += make_records(run, "main", 100 + run, "search", "verify")
        records += make_records(run + 5, "branch", 300 + run, "search")
    client.send(records)
    return records


def test_it_is_what_the_library_says(client: Client) -> None:
    """Field by field, of the same runs; and what the command prints as JSON has the same names."""
    records = send_groups(client)
    runs = load_runs(records).runs
    expected = shape_groups(compare_groups(runs[:5], runs[5:], GroupOptions(seed=3)))
    found = client.ask(WHOLE, b=MAIN, h=BRANCH, o={"seed": 3})["compare"]
    assert json.loads(json.dumps(found)) == json.loads(json.dumps(expected))
    assert found["pairs"] == 5
    rates = {row["key"]: (row["base"]["hits"], row["head"]["hits"]) for row in found["structure"]}
    assert rates["tool:verify"] == (5, 0)


def test_the_newest_of_each_side_are_compared(client: Client) -> None:
    """Oldest first; an empty side is a warning."""
    send_groups(client)
    found = client.ask(BRIEF, b=MAIN, h=BRANCH, o={"first": 2, "pairBy": None})["compare"]
    assert found["base"]["runIds"] == [make_run_id(3), make_run_id(4)]
    assert found["pairs"] is None
    empty = client.ask(WHOLE, b=MAIN, h={"tags": ["none"]})["compare"]
    assert empty["head"]["runs"] == 0
    assert {"code": "EMPTY", "message": "head holds no run", "side": "HEAD"} in empty["warnings"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 0}, "options.alpha is 0.0; expected over 0 and under 1"),
        ({"margin": -1}, "options.margin is -1.0; expected 0 or more"),
        ({"minEffect": -0.1}, "options.minEffect is -0.1; expected 0 or more"),
        ({"seed": -1}, "options.seed is -1; expected 0 to 2147483647"),
        ({"first": 201}, "options.first is 201; expected 1 to 200"),
        ({"first": 0}, "options.first is 0; expected 1 to 200"),
    ],
)
def test_options_out_of_range_are_refused(
    client: Client, options: dict[str, Any], message: str
) -> None:
    """With what they may be."""
    (error,) = client.ask_raw(BRIEF, b=MAIN, h=BRANCH, o=options)["errors"]
    assert (error["message"], error["extensions"]["code"]) == (message, "INVALID_ARGUMENT")


def test_too_many_spans_are_refused_before_they_are_read(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one run, and of all together; with what to do."""
    send_groups(client)
    monkeypatch.setattr(comparisons, "MAX_SPANS", 24)
    (error,) = client.ask_raw(BRIEF, b=MAIN, h=BRANCH)["errors"]
    assert error["message"].startswith("the runs have 25 spans, over 24; ask for fewer runs")
    assert error["extensions"]["code"] == "INVALID_ARGUMENT"
    monkeypatch.setattr(comparisons, "MAX_RUN_SPANS", 2)
    (error,) = client.ask_raw(BRIEF, b=MAIN, h=BRANCH)["errors"]
    assert error["message"].startswith("a run has 3 spans, over 2; filter it out, or compare them")


def test_a_comparison_that_takes_too_long_is_ended(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the code of what takes too long, and what to do."""
    send_groups(client)
    monkeypatch.setattr(comparisons, "MAX_COMPARE_S", -1.0)
    (error,) = client.ask_raw(BRIEF, b=MAIN, h=BRANCH)["errors"]
    assert error["extensions"]["code"] == "TIMED_OUT"
    assert "the comparison took over -1 s and was ended; ask for fewer runs" in error["message"]


def test_a_run_of_too_much_text_is_refused(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it is read: a hundred values of 16 MiB would not fit into memory."""
    output = make_payload("a text")
    client.send([make_run(0, tags=["main"]), make_span(1, run=0, output=output)])
    monkeypatch.setattr(comparisons, "MAX_RUN_BYTES", 3)
    (error,) = client.ask_raw(BRIEF, b=MAIN, h=BRANCH)["errors"]
    assert f"run {make_run_id(0)} has" in error["message"]
    assert "bytes of recorded values, over 3; filter it out" in error["message"]
    assert error["extensions"]["code"] == "INVALID_ARGUMENT"
