"""D14's reports: escaped, bounded, and the same bytes each time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from groups import make_group
from hypothesis import given
from hypothesis import strategies as st
from junitparser import Failure, JUnitXml, Skipped

from agenttrace.diff.formats import (
    Report,
    Table,
    describe_groups,
    shape_gates,
    shape_groups,
    write_annotations,
    write_junit,
    write_markdown,
    write_text,
)
from agenttrace.diff.formats.markdown import escape_markdown
from agenttrace.diff.gates import GateReport, GateResult, GateStatus
from agenttrace.diff.groups import GroupComparison, compare_groups

if TYPE_CHECKING:
    pass

PASS, FAIL, INCONCLUSIVE = GateStatus.PASS, GateStatus.FAIL, GateStatus.INCONCLUSIVE
EVIL = "100% of a:b,c\r\n::set-output name=x::y\x00\x1b[31m <script> @team | `x` ]]> https://e.vil"


def make_report(*statuses: GateStatus, message: str = "found", name: str = "gate") -> Report:
    """Return a report with a gate for each status."""
    results = [GateResult(f"{name}{n}", status, message) for n, status in enumerate(statuses)]
    return Report("Comparison", "main", "branch", ("one",), GateReport(tuple(results)))


@pytest.fixture(scope="module")
def comparison() -> GroupComparison:
    """Give a comparison with a row in every table, one name of which is hostile."""
    base = [{"tokens": 100 + n, "attributes": {"region": "eu"}} for n in range(10)]
    calls = ("llm:plan", f"tool:{EVIL}")
    head = [{"tokens": 300 + n, "calls": calls, "attributes": {"region": EVIL}} for n in range(10)]
    return compare_groups(make_group(1, base), make_group(101, head))


def test_annotations_are_escaped() -> None:
    """As the runner reads them: no line and no command can be slipped in."""
    report = make_report(FAIL, message=EVIL, name="a%b:c,d\n")
    text = write_annotations(report)
    assert text == (
        "::error title=agenttrace%3A a%25b%3Ac%2Cd\\n0::"
        "100%25 of a:b,c\\r\\n::set-output name=x::y\\x00\\x1b[31m <script> @team | `x` ]]> "
        "https://e.vil\n"
    )
    assert len(text.splitlines()) == 1


def test_of_25_failures_ten_are_annotated_and_the_rest_is_said() -> None:
    """Of each level: errors and warnings apart."""
    report = make_report(*[FAIL] * 25, *[INCONCLUSIVE] * 3, PASS)
    lines = write_annotations(report).splitlines()
    errors = [line for line in lines if line.startswith("::error")]
    assert (len(errors), len(lines)) == (10, 13)
    assert errors[-1].startswith("::error title=agenttrace%3A 25 gates fail::16 more gates: gate9,")
    assert errors[-1].endswith("gate24")
    assert write_annotations(make_report(*[FAIL] * 10)).count("::error") == 10
    assert write_annotations(make_report(PASS)) == ""


def test_junit_is_read_by_a_reader_of_junit() -> None:
    """One case a gate; an inconclusive one is skipped with its reason; counts are right."""
    statuses = [PASS, FAIL, FAIL, INCONCLUSIVE]
    xml = JUnitXml.fromstring(write_junit(make_report(*statuses, message=EVIL)).encode())
    assert (xml.tests, xml.failures, xml.skipped, xml.errors) == (4, 2, 1, 0)
    (suite,) = xml
    cases = list(suite)
    assert [case.name for case in cases] == ["gate0", "gate1", "gate2", "gate3"]
    kinds = [[type(result) for result in case.result] for case in cases]
    assert kinds == [[], [Failure], [Failure], [Skipped]]
    (skipped,) = cases[3].result
    assert "::set-output name=x::y\\u0000\\u001b[31m <script>" in skipped.message
    assert JUnitXml.fromstring(write_junit(Report("t", "a", "b")).encode()).tests == 1


@given(st.text())
def test_any_text_makes_good_xml(text: str) -> None:
    """Also halves of surrogate pairs and what XML cannot hold."""
    report = Report("t", text, text, (), GateReport((GateResult(text, FAIL, text, (text,)),)))
    assert JUnitXml.fromstring(write_junit(report).encode()).failures == 1


def test_a_report_of_5_mb_is_cut_and_says_so() -> None:
    """Below 1 MiB, gates first, whole lines."""
    rows = tuple((f"row {n}", "x" * 200) for n in range(25_000))
    gates = GateReport((GateResult("fine", PASS, "ok"), GateResult("cost", FAIL, "dear")))
    report = Report("t", "a", "b", (), gates, (Table("Rows", ("a", "b"), rows),))
    text = write_markdown(report)
    assert 900_000 < len(text.encode()) < 2**20
    lines = text.splitlines()
    assert "more lines are left out: the report is longer than 1000000 bytes" in lines[-1]
    left_out = int(lines[-1].split()[0].strip("*"))
    shown = sum(line.startswith("| row ") for line in lines)
    assert shown + left_out == 25_000
    assert text.index("dear") < text.index("ok")
    assert len(write_markdown(report, max_bytes=60_000).encode()) <= 60_000


@given(st.integers(400, 4_000), st.integers(0, 40))
def test_the_limit_holds_to_the_byte(max_bytes: int, rows: int) -> None:
    """And nothing is left out of what fits."""
    table = Table("é", ("n",), tuple((f"{n} é",) for n in range(rows)))
    report = Report("t", "a", "b", tables=(table,))
    whole = write_markdown(report)
    text = write_markdown(report, max_bytes=max_bytes)
    assert len(text.encode()) <= max_bytes
    assert (text == whole) == (len(whole.encode()) <= max_bytes)


def test_markdown_shows_hostile_text_and_obeys_none_of_it() -> None:
    """No tag, mention, link, table cell or line break comes out of a name."""
    text = escape_markdown(EVIL, max_chars=1000)
    assert "\n" not in text
    for part in ("<script>", "@team", " | ", "https://e", "]]>"):
        assert part not in text
    assert "&lt;script&gt; &#64;team \\| \\`x\\`" in text
    assert "https://<!-- -->e.vil" in text


def test_every_format_of_groups(comparison: GroupComparison) -> None:
    """A table each, rows that changed alone, and one line a row whatever a name holds."""
    gates = GateReport((GateResult("metrics.cost_usd", FAIL, "+200 %"),))
    report = describe_groups(comparison, base="main", head=EVIL, gates=gates)
    titles = [table.title for table in report.tables if table.rows]
    assert titles == [
        "Figures",
        "Calls",
        "Order",
        "By type, name and model",
        "What tells the groups apart",
    ]
    text = "\n".join(write_text(report))
    assert "\x1b" not in text
    assert "\n  cost           $0.1045  " in text
    assert "regression" in text
    assert "fail  metrics.cost_usd: +200 %" in text
    assert re.search(r"tool:verify +10/10 +0/10", text)
    markdown = write_markdown(report)
    assert "### ❌ Gates: 1 fail" in markdown
    assert "<script>" not in markdown
    rows = [line for line in markdown.splitlines() if line.startswith("| cost |")]
    assert len(rows) == 1
    assert write_markdown(report) == markdown


def test_json_has_graphqls_names_and_every_row(comparison: GroupComparison) -> None:
    """Unknown is null; nothing is rounded or left out."""
    shape = shape_groups(comparison)
    assert shape["base"] == {
        "runs": 10,
        "runIds": [f"{n:032x}" for n in range(1, 11)],
        "names": ["agent"],
    }
    cost = shape["metrics"][0]
    assert (cost["name"], cost["unit"], cost["verdict"]) == ("cost_usd", "USD", "REGRESSION")
    assert cost["evidence"]["interval"]["method"] == "BCA"
    assert len(shape["structure"]) == len(comparison.structure)
    assert shape["pairs"] is None
    assert shape["success"]["base"] == {"hits": 10, "total": 10, "share": 1.0}
    report = GateReport((GateResult("a", INCONCLUSIVE, "why", ("b",)),))
    assert shape_gates(report) == {
        "status": "INCONCLUSIVE",
        "results": [{"name": "a", "status": "INCONCLUSIVE", "message": "why", "details": ["b"]}],
    }
