"""Gates as a JUnit report: one case a gate, an inconclusive one is skipped with its reason."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from agenttrace.diff.gates.model import GateStatus

if TYPE_CHECKING:
    from agenttrace.diff.formats.report import Report
    from agenttrace.diff.gates.model import GateResult

# What XML 1.0 has no way to hold.
_IMPOSSIBLE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(report: Report) -> str:
    """Return the gates of a report as JUnit's XML; no case where there is no gate."""
    results = () if report.gates is None else report.gates.results
    counts = {
        "tests": str(len(results)),
        "failures": str(sum(each.status is GateStatus.FAIL for each in results)),
        "errors": "0",
        "skipped": str(sum(each.status is GateStatus.INCONCLUSIVE for each in results)),
    }
    suites = Element("testsuites", {"name": "agenttrace diff", **counts})
    name = _clean(f"{report.base} -> {report.head}")
    suite = SubElement(suites, "testsuite", {"name": name, **counts})
    for result in results:
        _add_case(suite, result)
    indent(suites)
    return f"<?xml version='1.0' encoding='utf-8'?>\n{tostring(suites, encoding='unicode')}\n"


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
    """Return a text in which what XML cannot hold stands as an escape."""
    return _IMPOSSIBLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
