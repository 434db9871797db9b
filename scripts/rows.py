"""Runs the tests of the rows of packages/server/tests/rows.toml, and writes docs/rows.md.

    python scripts/rows.py              runs them (some minutes) and writes what came of it
    python scripts/rows.py REPORT.xml…  takes that from reports of pytest (junit_family=xunit1) and
                                        of Playwright (--reporter=junit)
    python scripts/rows.py --add REPORT.xml…  so too, and leaves what the page says of other tests

A test is of a row by its name: `test_c09_…` of C09, `test_p1_p2_…` of two, `test_l_…` of L; in a
browser by its title, "H17, H18: …"; or since the row names it.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT: Final = Path(__file__).resolve().parents[1]
ROWS: Final = "packages/server/tests/rows.toml"
DOCUMENT: Final = "docs/rows.md"
FOLDERS: Final = ("packages/server/tests", "packages/sdk/tests", "scripts/tests")
BROWSER_FOLDER: Final = "dashboard/e2e"
_NUMBERS: Final = re.compile(r"test_((?:(?:[scpfh]\d+|l)_)+)")
_BROWSER: Final = f"{BROWSER_FOLDER}/"
_TITLE: Final = re.compile(r'\btest\("([^"]+)"')
_TITLE_NUMBERS: Final = re.compile(r"((?:(?:[SCPFH]\d+|L)(?:, )?)+): ")
_LISTED: Final = re.compile(r"`([^`]+::[^`]+)` \(([^)]*)\)")
_COUNTED: Final = re.compile(r"(\d+) (passed|failed|skipped)")
_HEAD: Final = """\
# Rows: what the server promises, and whether it holds

Written by `scripts/rows.py`, which runs the tests: do not change it by hand. The promises are in
`packages/server/tests/rows.toml`. S is what is stored and read, C security, P a start in
production, L a laptop without accounts, F faults, H hostile records and requests.
"""


class Row(NamedTuple):
    """A promise: `tests` are named beside those whose names have the row's number."""

    number: str
    says: str
    tests: tuple[str, ...] = ()
    gap: str | None = None


class Outcome(NamedTuple):
    """What became of a test with all its parameters."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0


def read_rows(root: Path = ROOT) -> list[Row]:
    """Return the rows in the order of the file."""
    table = tomllib.loads((root / ROWS).read_text(encoding="utf-8"))
    return [
        Row(number, each["says"], tuple(each.get("tests", ())), each.get("gap"))
        for number, each in table.items()
    ]


def list_tests(root: Path = ROOT) -> Iterator[tuple[str, str]]:
    """Yield the file and the name of each test, as pytest and Playwright name them."""
    for path in sorted((root / BROWSER_FOLDER).glob("*.spec.ts")):
        for title in _TITLE.findall(path.read_text(encoding="utf-8")):
            yield path.relative_to(root).as_posix(), title
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("test_*.py")):
            place = path.relative_to(root).as_posix()
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    continue
                if node.name.startswith("test_"):
                    yield place, node.name


def read_numbers(name: str) -> list[str]:
    """Return the rows that a test's name has: `test_c09_…` is of C09, and so is "C09: …"."""
    if found := _TITLE_NUMBERS.match(name):
        return found[1].split(", ")
    found = _NUMBERS.match(name)
    parts = found[1].rstrip("_").split("_") if found else []
    return [part.upper() for part in parts]


def assign_tests(rows: Sequence[Row], tests: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the tests of each row, as `file::name`, those that it names with their parameters."""
    found: dict[str, list[str]] = {row.number: [*row.tests] for row in rows}
    for place, name in tests:
        for number in read_numbers(name):
            # The recorder's package has laws of comparisons with such numbers: they are no rows.
            if number in found and not (number[0] == "P" and place.startswith("packages/sdk/")):
                found[number].append(f"{place}::{name}")
    return found


def run_tests(tests: Sequence[str]) -> dict[str, Outcome]:
    """Run these tests and return what became of them."""
    in_browser = sorted({test.partition("::")[0] for test in tests if test.startswith(_BROWSER)})
    of_python = [test for test in tests if not test.startswith(_BROWSER)]
    with tempfile.TemporaryDirectory() as folder:
        report, browser_report = Path(folder) / "report.xml", Path(folder) / "browser.xml"
        # Of the newer form of reports, tests that note a figure are no part.
        options = ["-q", f"--junitxml={report}", "-o", "junit_family=xunit1"]
        command = [sys.executable, "-m", "pytest", *options, *of_python]
        subprocess.run(command, cwd=ROOT, check=False)  # what failed is in the report
        command = ["npx", "playwright", "test", "--reporter=junit", *map(_name_spec, in_browser)]
        environment = {**os.environ, "PLAYWRIGHT_JUNIT_OUTPUT_FILE": str(browser_report)}
        place = ROOT / BROWSER_FOLDER / ".."
        subprocess.run(command, cwd=place, check=False, env=environment)
        return read_reports([path for path in (report, browser_report) if path.exists()])


def _name_spec(path: str) -> str:
    return Path(path).name


def read_reports(paths: Sequence[Path]) -> dict[str, Outcome]:
    """Return what became of each test of JUnit reports, by `file::name`.

    With the parameters in brackets, and without: then of all of them together.
    """
    found: dict[str, Outcome] = {}
    cases = [case for path in paths for case in ET.parse(path).iter("testcase")]  # noqa: S314 -- pytest's own
    for case in cases:
        place, name = _read_place(case.get("classname", "")), case.get("name", "")
        is_failed = case.find("failure") is not None or case.find("error") is not None
        is_skipped = case.find("skipped") is not None
        for key in {f"{place}::{name}", f"{place}::{name.partition('[')[0]}"}:
            before = found.get(key, Outcome())
            found[key] = Outcome(
                before.passed + (not is_failed and not is_skipped),
                before.failed + is_failed,
                before.skipped + is_skipped,
            )
    return found


def _read_place(classname: str) -> str:
    if classname.endswith(".spec.ts"):  # Playwright's: the file, from its folder on
        return f"{BROWSER_FOLDER}/{classname}"
    return classname.replace(".", "/") + ".py"


def read_page(text: str) -> dict[str, Outcome]:
    """Return what a page says became of each test, by `file::name`."""
    found: dict[str, Outcome] = {}
    for test, counts in _LISTED.findall(text):
        numbers = {name: int(n) for n, name in _COUNTED.findall(counts)}
        if numbers:
            place = "packages/" if test.startswith(("server/", "sdk/")) else ""
            found[place + test] = Outcome(**numbers)
    return found


def judge(row: Row, tests: Sequence[str], outcomes: Mapping[str, Outcome]) -> str:
    """Return whether a row holds: in one word, and why not."""
    of_row = [outcomes.get(test, Outcome()) for test in tests]
    if any(each.failed for each in of_row):
        failed = [test for test, each in zip(tests, of_row, strict=True) if each.failed]
        return "**no**: " + ", ".join(f"`{each.rpartition('::')[2]}` fails" for each in failed)
    missing = [test for test, each in zip(tests, of_row, strict=True) if not each.passed]
    if missing or not tests:
        what = ", ".join(f"`{each.rpartition('::')[2]}` was not run here" for each in missing)
        return "**not shown**: " + ("; ".join(part for part in (what, row.gap) if part))
    return f"in part: {row.gap}" if row.gap else "yes"


def write_document(
    rows: Sequence[Row], tests: Mapping[str, Sequence[str]], outcomes: Mapping[str, Outcome]
) -> str:
    """Return the page: a table of the rows, and their tests below."""
    verdicts = {row.number: judge(row, tests[row.number], outcomes) for row in rows}
    kinds = [verdict.split(":")[0].strip("*") for verdict in verdicts.values()]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(sorted(kinds)))
    lines = [_HEAD, f"{len(rows)} rows. Hold: {counts}.", "", "| row | says | holds |"]
    lines += ["| --- | --- | --- |"]
    lines += [f"| {row.number} | {row.says} | {verdicts[row.number]} |" for row in rows]
    lines += ["", "## Tests", ""]
    for row in rows:
        named = [f"`{_shorten(test)}` ({_count(outcomes.get(test))})" for test in tests[row.number]]
        lines.append(f"- **{row.number}**: {', '.join(named) or 'none'}")
    return "\n".join(lines) + "\n"


def _shorten(test: str) -> str:
    place, _, name = test.partition("::")
    return f"{place.removeprefix('packages/')}::{name}"


def _count(outcome: Outcome | None) -> str:
    if outcome is None:
        return "not run"
    names = ("passed", "failed", "skipped")
    return ", ".join(f"{n} {name}" for n, name in zip(outcome, names, strict=True) if n)


def read_outcomes(arguments: Sequence[str]) -> dict[str, Outcome]:
    """Return what reports say; after `--add`, beside what the page says, the last one counts."""
    if arguments[0] != "--add":
        return read_reports([Path(each) for each in arguments])
    found = read_page((ROOT / DOCUMENT).read_text(encoding="utf-8"))
    for each in arguments[1:]:
        found |= read_reports([Path(each)])
    return found


def main(arguments: Sequence[str]) -> int:
    """Write the page; 1 when a row does not hold."""
    rows = read_rows()
    tests = assign_tests(rows, [*list_tests()])
    named = sorted({test for of_row in tests.values() for test in of_row})
    outcomes = read_outcomes(arguments) if arguments else run_tests(named)
    (ROOT / DOCUMENT).write_text(write_document(rows, tests, outcomes), encoding="utf-8")
    bad = {row.number: judge(row, tests[row.number], outcomes) for row in rows}
    bad = {number: verdict for number, verdict in bad.items() if verdict.startswith("**")}
    for number, verdict in bad.items():
        print(f"{number}: {verdict}")
    print(f"{len(rows) - len(bad)} of {len(rows)} rows hold, in all or in part: {DOCUMENT}")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
