"""D14: `agenttrace diff --gate` on runs, groups and baselines: formats and exit codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from groups import make_records
from junitparser import JUnitXml
from recordings import write_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Done

WITHOUT = ("llm:plan", "tool:search")
EVIL = "100% of: a,b\n::error::x"


def write_runs(path: Path, first: int, runs: list[dict[str, Any]]) -> None:
    """Write runs made with these arguments, numbered and started from `first` on."""
    records = []
    for place, each in enumerate(runs):
        number = first + place
        records += make_records(number, **{"start_ns": number * 10**9, **each})
    write_file(path, records)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give files with one run, with the same run later, with another one, and with groups."""
    write_runs(tmp_path / "a.jsonl", 1, [{"tokens": 100}])
    write_runs(tmp_path / "same.jsonl", 2, [{"tokens": 100}])
    write_runs(tmp_path / "b.jsonl", 3, [{"tokens": 300, "calls": WITHOUT, "output": "other"}])
    write_runs(tmp_path / "open.jsonl", 4, [{"status": "STARTED"}])
    write_runs(tmp_path / "main.jsonl", 100, [{"tokens": 100 + n} for n in range(10)])
    dear = [{"tokens": 300 + n, "calls": WITHOUT} for n in range(10)]
    write_runs(tmp_path / "branch.jsonl", 200, dear)
    return tmp_path


def write_gates(folder: Path, text: str) -> Path:
    """Write `gates.yaml` and return its folder."""
    (folder / "gates.yaml").write_text(text)
    return folder


def test_the_tag_of_a_query_is_no_finding(command: Callable[..., Done], tmp_path: Path) -> None:
    """It tells the groups apart because they were asked for by it."""
    runs = [{"tags": ["main"]}] * 10 + [{"tags": ["pr", "fast"]}] * 10
    write_runs(tmp_path / "traces.jsonl", 1, runs)
    done = command("diff", "tag:main", "tag:pr", "--format", "md", cwd=tmp_path)
    assert done.code == 0, done.err
    apart = done.out.partition("What tells the groups apart")[2]
    assert [word for word in ("main", "pr", "fast") if f"tag = {word}" in apart] == ["fast"]


@pytest.mark.parametrize(
    ("gates", "args", "code"),
    [
        ("structure: {removed: 0}", ("a.jsonl", "same.jsonl"), 0),
        ("structure: {removed: 0}", ("a.jsonl", "b.jsonl"), 1),
        ("final_output: equal", ("a.jsonl", "same.jsonl"), 0),
        ("final_output: equal", ("a.jsonl", "b.jsonl"), 1),
        ("metrics: {cost: {max_increase: 10%, test: none}}", ("a.jsonl", "b.jsonl"), 1),
        ("metrics: {cost: {max_increase: 10%}}", ("a.jsonl", "b.jsonl"), 3),
        ("metrics: {cost: {max_increase: 10%}}", ("main.jsonl", "branch.jsonl"), 1),
        ("metrics: {cost: {max_increase: 10%}}", ("main.jsonl", "main.jsonl"), 0),
        ("require: [verify]", ("main.jsonl", "branch.jsonl"), 1),
        ("structure: {removed: 0}", ("main.jsonl", "branch.jsonl"), 1),
        ("outcome: success", ("a.jsonl", "open.jsonl"), 4),
        ("forbid: ['tool:delete']", ("a.jsonl", "open.jsonl"), 4),
        ("outcome: success", ("a.jsonl", "none.jsonl"), 4),
        ("outcome: success", ("a.jsonl:ffff0000", "a.jsonl"), 4),
        ("outcome: success", ("tag:none", "a.jsonl", "--file", "a.jsonl"), 4),
        ("outcom: success", ("a.jsonl", "same.jsonl"), 2),
        ("", ("a.jsonl", "same.jsonl"), 2),
        ("outcome: success", ("a.jsonl", "same.jsonl", "--inconclusive", "maybe"), 2),
        ("outcome: success", ("a.jsonl", "same.jsonl", "--gate", "none.yaml"), 2),
    ],
)
def test_exit_codes(
    command: Callable[..., Done], folder: Path, gates: str, args: tuple[str, ...], code: int
) -> None:
    """0 pass, 1 a gate failed, 2 usage, 3 inconclusive, 4 data missing or not whole."""
    done = command("diff", "--gate", "gates.yaml", *args, cwd=write_gates(folder, gates))
    assert done.code == code, done.err + done.out
    assert "Traceback" not in done.err


@pytest.mark.parametrize(("choice", "code"), [("report", 3), ("pass", 0), ("fail", 1)])
def test_what_doubt_comes_to_is_chosen(
    command: Callable[..., Done], folder: Path, choice: str, code: int
) -> None:
    """A failure stays one."""
    write_gates(folder, "metrics: {cost: {max_increase: 10%}}")
    args = ("diff", "--gate", "gates.yaml", "--inconclusive", choice)
    done = command(*args, "a.jsonl", "b.jsonl", cwd=folder)
    assert (done.code, "1 v 1: the smallest possible p is 1.00" in done.out) == (code, True)
    assert command(*args, "main.jsonl", "branch.jsonl", cwd=folder).code == 1


def test_groups_are_compared_without_gates_too(command: Callable[..., Done], folder: Path) -> None:
    """By queries as by files; as text and as JSON with GraphQL's names; exit code 0."""
    records = (folder / "main.jsonl").read_text() + (folder / "branch.jsonl").read_text()
    (folder / "traces.jsonl").write_text(records)
    done = command("diff", "main.jsonl", "branch.jsonl", cwd=folder)
    assert done.code == 0
    assert "10 runs against 10" in done.out
    assert "tool:verify" in done.out
    found = command("diff", "main.jsonl", "last:10", "--format", "json", cwd=folder)
    shape = json.loads(found.out)
    assert (shape["base"]["runs"], shape["head"]["runs"], "gates" in shape) == (10, 10, False)
    by_name = {row["name"]: row["verdict"] for row in shape["metrics"]}
    assert by_name["cost_usd"] == "REGRESSION"


def test_json_of_two_runs_holds_the_gates(command: Callable[..., Done], folder: Path) -> None:
    """Beside what is there without them."""
    write_gates(folder, "structure: {removed: 0}\nrequire: [search]")
    args = ("diff", "a.jsonl", "b.jsonl", "--gate", "gates.yaml", "--format", "json")
    shape = json.loads(command(*args, cwd=folder).out)
    assert shape["identical"] is False
    assert shape["gates"]["status"] == "FAIL"
    statuses = {each["name"]: each["status"] for each in shape["gates"]["results"]}
    assert statuses == {"structure.removed": "FAIL", "require.search": "PASS"}


def test_a_baseline_is_the_base(command: Callable[..., Done], folder: Path) -> None:
    """Built from a group, it judges one run; without gates it is no comparison."""
    built = command("baseline", "build", "main.jsonl", "-o", "base.json", cwd=folder)
    assert built.code == 0
    write_gates(folder, "structure: {added: 0, removed: 0}\nmetrics: {cost: {max_increase: 10%}}")
    args = ("diff", "base.json", "--gate", "gates.yaml")
    assert command(*args, "a.jsonl", cwd=folder).code == 0
    done = command(*args, "b.jsonl", "--format", "md", cwd=folder)
    assert (done.code, "❌ Gates: 1 pass, 2 fail" in done.out) == (1, True), done.out
    assert "1 against a baseline of 10 runs" in done.out
    bare = command("diff", "base.json", "a.jsonl", cwd=folder)
    assert (bare.code, "a baseline is compared by gates" in bare.err) == (2, True)
    turned = command("diff", "a.jsonl", "base.json", "--gate", "gates.yaml", cwd=folder)
    assert (turned.code, "B is a baseline" in turned.err) == (2, True)


def test_junit_is_a_case_a_gate(command: Callable[..., Done], folder: Path) -> None:
    """It parses, and its counts are those of the gates."""
    write_gates(
        folder,
        "structure: {removed: 0}\nmetrics: {cost: {max_increase: 1%}}\nforbid: [delete]\n",
    )
    args = ("diff", "a.jsonl", "b.jsonl", "--gate", "gates.yaml", "--format", "junit")
    done = command(*args, cwd=folder)
    xml = JUnitXml.fromstring(done.out.encode())
    assert done.code == 1
    assert (xml.tests, xml.failures, xml.skipped) == (3, 1, 1)
    assert command(*args, cwd=folder).out == done.out


def test_github_gets_annotations_and_a_summary(command: Callable[..., Done], folder: Path) -> None:
    """Escaped, ten at most, and the whole in the step's summary, after what is there."""
    write_runs(folder / "evil.jsonl", 9, [{"calls": ("llm:plan", f"tool:{EVIL}")}])
    names = "".join(f"  - tool:need{n}\n" for n in range(25))
    write_gates(folder, f"structure: {{added: 0}}\nrequire:\n{names}")
    summary = folder / "summary.md"
    summary.write_text("before\n")
    done = command(
        *("diff", "a.jsonl", "evil.jsonl", "--gate", "gates.yaml", "--format", "github"),
        cwd=folder,
        GITHUB_STEP_SUMMARY=str(summary),
    )
    lines = done.out.splitlines()
    assert (done.code, len(lines)) == (1, 10)
    assert all(line.startswith("::error title=agenttrace%3A ") for line in lines)
    assert "1 added, allowed 0%0Atool:100%25 of: a,b\\n::error::x (" in lines[0]
    assert "17 more gates: require.tool:need8, " in lines[-1]
    text = summary.read_text()
    assert text.startswith("before\n## Comparison of two runs\n")
    assert text.count("❌") == 27
    assert "\n::error" not in text


def test_a_full_summary_is_not_added_to(command: Callable[..., Done], folder: Path) -> None:
    """A step has less than 1 MiB: what is over would be thrown away with all the rest."""
    write_gates(folder, "structure: {removed: 0}")
    summary = folder / "summary.md"
    summary.write_text("x" * 999_500)
    args = ("diff", "a.jsonl", "b.jsonl", "--gate", "gates.yaml", "--format", "github")
    done = command(*args, cwd=folder, GITHUB_STEP_SUMMARY=str(summary))
    assert (done.code, len(summary.read_text())) == (1, 999_500)
    assert "is full: the report is not added to it" in done.err
    away = command(*args, cwd=folder, GITHUB_STEP_SUMMARY=str(folder / "no" / "summary.md"))
    assert (away.code, "cannot write the summary" in away.err) == (1, True)


def test_markdown_keeps_to_its_limit(command: Callable[..., Done], folder: Path) -> None:
    """Of 5,000 gates that failed; the line at the end says what is left out."""
    names = "".join(f"  - tool:{'x' * 190}{n}\n" for n in range(5_000))
    write_gates(folder, f"require:\n{names}")
    args = ("diff", "a.jsonl", "b.jsonl", "--gate", "gates.yaml", "--format", "md")
    done = command(*args, cwd=folder)
    assert done.code == 1, done.err
    assert 900_000 < len(done.out.encode()) < 2**20
    assert "more lines are left out" in done.out.splitlines()[-1]
    short = command(*args, "--max-bytes", "5000", cwd=folder)
    assert len(short.out.encode()) <= 5_000


def test_noise_is_no_difference_to_a_gate(command: Callable[..., Done], folder: Path) -> None:
    """D15: ids, times and durations a hundred times as long; what a rule ignores; nothing else."""
    base = {"answer": 3, "id": "call_abc123def456", "at": "2026-01-02T03:04:05Z"}
    head = {"answer": 3, "id": "call_zzz999yyy888", "at": "2027-11-12T13:14:15Z"}
    calls = ("llm:plan", "tool:search", "tool:verify")
    for name, output in (("left", base), ("right", head), ("other", {**head, "answer": 4})):
        records = make_records(1, calls, output=output)
        for record in records:
            record["duration_ns"] *= 1 if name == "left" else 100
        write_file(folder / f"{name}.jsonl", records)
    write_gates(folder, "structure: {added: 0, removed: 0, changed: 0}\nfinal_output: equal\n")
    gate = ("diff", "--gate", "gates.yaml", "left.jsonl")
    assert command(*gate, "right.jsonl", cwd=folder).code == 0
    other = command(*gate, "other.jsonl", cwd=folder)
    assert (other.code, "the final output is another one" in other.out) == (1, True)
    (folder / "rules.yaml").write_text("ignore: ['$.output.answer', '$..name']\n")
    assert command(*gate, "other.jsonl", "--rules", "rules.yaml", cwd=folder).code == 0
    # A rule about content never hides a span that is gone.
    write_file(folder / "less.jsonl", make_records(1, calls[:2], output=base))
    assert command(*gate, "less.jsonl", "--rules", "rules.yaml", cwd=folder).code == 1
    # Groups are held to the same rules.
    write_runs(folder / "lefts.jsonl", 10, [{"output": {**base, "n": 1}}] * 2)
    write_runs(folder / "rights.jsonl", 20, [{"output": {**head, "n": 1}}] * 2)
    groups = ("diff", "--gate", "gates.yaml", "lefts.jsonl", "rights.jsonl")
    write_gates(folder, "final_output: equal\n")
    assert command(*groups, cwd=folder).code == 0
    (folder / "rules.yaml").write_text("builtin_masks: false\n")
    assert command(*groups, "--rules", "rules.yaml", cwd=folder).code == 1


def test_a_group_of_which_many_did_not_end_lacks_data(
    command: Callable[..., Done], folder: Path
) -> None:
    """One of ten that died is part of what is compared, three are a gap."""
    runs = [{"tokens": 100, "status": "STARTED" if n < 3 else "COMPLETED"} for n in range(10)]
    write_runs(folder / "gaps.jsonl", 300, runs)
    done = command("diff", "main.jsonl", "gaps.jsonl", cwd=folder)
    assert (done.code, done.err.count("is not whole: its end was not recorded")) == (4, 3)
    write_runs(folder / "gap.jsonl", 300, runs[2:] + runs[8:])
    assert command("diff", "main.jsonl", "gap.jsonl", cwd=folder).code == 0
