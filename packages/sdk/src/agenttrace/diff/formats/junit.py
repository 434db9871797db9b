"""Gates as a JUnit report: one case a gate, an inconclusive one is skipped with its reason.

Where no gate judges, one case that passes says what differs. Data that is missing is an error.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from agenttrace.diff.gates.model import GateStatus

if TYPE_CHECKING:
    from agenttrace.diff.formats.report import Report
    from agenttrace.diff.gates.model import GateResult

_CLASS: Final = "agenttrace.diff"
# What XML 1.0 has no way to hold, and what acts on the terminal or the eye of who looks at it.
_IMPOSSIBLE: Final = re.compile(
    "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
    "|[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)


def write_junit(report: Report) -> str:
    """Return a report as JUnit's XML: its gates, or without gates what it says."""
    results = () if report.gates is None else report.gates.results
    others = int(report.is_told) + int(bool(report.missing))
    counts = {
        "tests": str(len(results) + others),
        "failures": str(sum(each.status is GateStatus.FAIL for each in results)),
        "errors": str(int(bool(report.missing))),
        "skipped": str(sum(each.status is GateStatus.INCONCLUSIVE for each in results)),
    }
    suites = Element("testsuites", {"name": "agenttrace diff", **counts})
    name = _clean(f"{report.base} -> {report.head}")
    suite = SubElement(suites, "testsuite", {"name": name, **counts})
    for result in results:
        _add_case(suite, result)
    if report.is_told:
        _add_outcome(suite, report)
    if report.missing:
        case = SubElement(suite, "testcase", {"classname": _CLASS, "name": "data"})
        missing = {"message": _clean(report.missing[0]), "type": "missing"}
        SubElement(case, "error", missing).text = _clean("\n".join(report.missing))
    indent(suites)
    return f"<?xml version='1.0' encoding='utf-8'?>\n{tostring(suites, encoding='unicode')}\n"


def _add_outcome(suite: Element, report: Report) -> None:
    """Add what was found as a case that passes: nothing was asked that could fail."""
    case = SubElement(suite, "testcase", {"classname": _CLASS, "name": "comparison"})
    lines = [*report.summary, *report.warnings]
    lines += [f"{title}: {text}" for title, text in report.findings]
    SubElement(case, "system-out").text = _clean("\n".join(lines))


def _add_case(suite: Element, result: GateResult) -> None:
    names = {"classname": "agenttrace.gates", "name": _clean(result.name)}
    case = SubElement(suite, "testcase", names)
    said = _clean("\n".join([result.message, *result.details]))
    message = _clean(result.message)
    if result.status is GateStatus.FAIL:
        SubElement(case, "failure", {"message": message, "type": "gate"}).text = said
    elif result.status is GateStatus.INCONCLUSIVE:
        SubElement(case, "skipped", {"message": message}).text = said
    else:
        SubElement(case, "system-out").text = said


def _clean(text: str) -> str:
    """Return a text in which what XML cannot hold, or what acts, stands as an escape."""
    return _IMPOSSIBLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
