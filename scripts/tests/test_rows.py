"""The list of rows is whole, each has a test or says why not, and the page is of this list."""

from __future__ import annotations

from pathlib import Path

import pytest

from rows import (
    DOCUMENT,
    ROOT,
    Outcome,
    Row,
    assign_tests,
    judge,
    list_tests,
    read_numbers,
    read_page,
    read_reports,
    read_rows,
    write_document,
)

NUMBERS = [
    *(f"S{n}" for n in range(1, 17)),
    *(f"C{n:02}" for n in range(1, 44)),
    *(f"P{n}" for n in range(1, 13)),
    "L",
    *(f"F{n}" for n in range(23, 36)),
    *(f"H{n}" for n in (*range(1, 42), 44)),
]


def test_every_row_is_in_the_list() -> None:
    """In their order, with a promise each."""
    rows = read_rows()
    assert [row.number for row in rows] == NUMBERS
    assert all(row.says.endswith(".") and "|" not in row.says for row in rows)
    assert all(row.gap.endswith(".") for row in rows if row.gap is not None)


def test_every_row_has_a_test() -> None:
    """By its name, or named in the list; and what is named is there."""
    rows, tests = read_rows(), [*list_tests()]
    known = {f"{place}::{name}" for place, name in tests}
    for number, of_row in assign_tests(rows, tests).items():
        assert of_row, number
        assert {test.partition("[")[0] for test in of_row} <= known, number


def test_every_number_in_a_name_is_a_row() -> None:
    """A test of C44 would be of nothing; faults of the recorder have rows of their own."""
    found = {number for _, name in list_tests() for number in read_numbers(name)}
    assert {number for number in found if number[0] in "SCPLH"} <= set(NUMBERS)


def test_the_page_is_of_this_list() -> None:
    """It has each row as it is now, and no test that is gone; what became of them is its run's.

    A test that was written since is on it after the next run.
    """
    text = (ROOT / DOCUMENT).read_text(encoding="utf-8")
    rows = read_rows()
    tests = assign_tests(rows, [*list_tests()])
    table = [line for line in text.splitlines() if line.startswith("| ")][2:]
    assert [line.split(" | ")[:2] for line in table] == [[f"| {r.number}", r.says] for r in rows]
    listed = [line for line in text.splitlines() if line.startswith("- **")]
    assert len(listed) == len(rows)
    for row, line in zip(rows, listed, strict=True):
        names = [part.split("`")[0] for part in line.split("::")[1:]]
        assert line.startswith(f"- **{row.number}**: `")
        assert names
        assert set(names) <= {each.rpartition("::")[2] for each in tests[row.number]}, row.number


@pytest.mark.parametrize(
    ("outcomes", "gap", "verdict"),
    [
        ([Outcome(2)], None, "yes"),
        ([Outcome(2)], "Not all.", "in part: Not all."),
        ([Outcome(1), Outcome(1, 1)], None, "**no**: `test_1` fails"),
        ([Outcome(1), Outcome(0, 0, 1)], None, "**not shown**: `test_1` was not run here"),
        ([], "No way.", "**not shown**: No way."),
    ],
)
def test_a_row_holds_when_each_of_its_tests_passes(
    outcomes: list[Outcome], gap: str | None, verdict: str
) -> None:
    """What was skipped shows nothing, and one failure is enough."""
    tests = [f"a.py::test_{n}" for n in range(len(outcomes))]
    row = Row("C01", "It holds.", gap=gap)
    found = dict(zip(tests, outcomes, strict=True))
    assert judge(row, tests, found) == verdict
    page = write_document([row], {"C01": tests}, found)
    assert f"| C01 | It holds. | {verdict} |" in page


def test_a_report_counts_parameters_together(tmp_path: Path) -> None:
    """A test by its name alone, and one of its parameters by itself."""
    report = tmp_path / "report.xml"
    report.write_text(
        '<testsuites><testsuite><testcase classname="a.test_b" name="test_c[x]"/>'
        '<testcase classname="a.test_b" name="test_c[y]"><failure/></testcase>'
        '<testcase classname="a.test_b" name="test_d"><skipped/></testcase>'
        '<testcase classname="e.spec.ts" name="C01, L: it is"/>'
        "</testsuite></testsuites>"
    )
    found = read_reports([report])
    assert found["a/test_b.py::test_c"] == Outcome(1, 1)
    assert found["a/test_b.py::test_c[x]"] == Outcome(1)
    assert found["a/test_b.py::test_d"] == Outcome(0, 0, 1)
    assert found["dashboard/e2e/e.spec.ts::C01, L: it is"] == Outcome(1)


def test_a_page_says_what_became_of_its_tests() -> None:
    """What is added to a page leaves the rest of it as it is."""
    rows = [Row("C01", "It holds."), Row("S1", "It does, too.")]
    tests = {"C01": ["packages/sdk/a.py::test_b[x-y]", "packages/server/c.py::test_d"]}
    tests["S1"] = ["scripts/tests/e.py::test_f"]
    found = {
        "packages/sdk/a.py::test_b[x-y]": Outcome(2, 0, 1),
        "packages/server/c.py::test_d": Outcome(0, 1),
    }
    page = write_document(rows, tests, found)
    assert read_page(page) == found
    assert write_document(rows, tests, read_page(page)) == page


def test_names_have_the_numbers_of_rows() -> None:
    """One or several, C with two digits."""
    assert read_numbers("test_c01_a") == ["C01"]
    assert read_numbers("test_c04_p2_a_secret") == ["C04", "P2"]
    assert read_numbers("test_l_the_link") == ["L"]
    assert read_numbers("H21, H22, L: nothing is a link") == ["H21", "H22", "L"]
    assert read_numbers("a list: C09") == []
    assert read_numbers("test_s13_h14_a_field") == ["S13", "H14"]
    places = [(f"packages/{name}/tests/test_a.py", "test_p1_s1_a") for name in ("sdk", "server")]
    assigned = assign_tests([Row("P1", "It holds."), Row("S1", "It holds.")], places)
    assert assigned["P1"] == ["packages/server/tests/test_a.py::test_p1_s1_a"]
    assert len(assigned["S1"]) == 2
    assert read_numbers("test_c_nothing") == read_numbers("test_lists_are") == []
