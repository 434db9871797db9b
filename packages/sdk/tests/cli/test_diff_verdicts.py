"""`agenttrace diff` says in a word what two runs are to each other, in every format."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from groups import make_records
from junitparser import Error, JUnitXml
from recordings import RUN_ID, write_file
from run_trees import OTHER_ID, Step, llm, tool, write_records

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Done

    Command = Callable[..., Done]
    Terminal = Callable[..., str]


def write_pair(folder: Path, base: list[Step], head: list[Step], **fields: Any) -> None:
    """Write `a.jsonl` and `b.jsonl`, each with a run."""
    write_file(folder / "a.jsonl", write_records(base, **fields))
    write_file(folder / "b.jsonl", write_records(head, run_id=OTHER_ID, **fields))


def make_turns(answer: str, *, lanes: bool = False) -> list[Step]:
    """Return 42 turns with an equal model call and five tool calls each."""
    return [
        Step(
            "turn",
            input={"n": n},
            lane=n if lanes else 0,
            children=[llm("plan", {"messages": []}, answer, lane=n if lanes else 0)]
            + [tool("read", {"n": n, "m": m}, m, lane=n if lanes else 0) for m in range(5)],
        )
        for n in range(42)
    ]


def break_line(path: Path, number: int, *, whole: bool = False) -> None:
    """Cut a line of a file; with `whole` it still says its run, but is no record any more."""
    lines = path.read_text().splitlines()
    record = json.loads(lines[number])
    record.pop("span_type", None)
    record.pop("status", None)
    lines[number] = json.dumps(record) if whole else lines[number][:-9]
    path.write_text("\n".join(lines) + "\n")


# Groups and baselines whose files cannot be read whole


@pytest.mark.parametrize("is_whole", [True, False], ids=["no record", "cut"])
@pytest.mark.parametrize("gate", [True, False], ids=["gate", "bare"])
def test_a_group_whose_lines_are_lost_lacks_data(
    command: Command, tmp_path: Path, *, is_whole: bool, gate: bool
) -> None:
    """As one run does: what stood there may be what a gate is for."""
    for name, first in (("main", 100), ("branch", 200)):
        records = [each for n in range(6) for each in make_records(first + n)]
        write_file(tmp_path / f"{name}.jsonl", records)
    (tmp_path / "gates.yaml").write_text("outcome: success\n")
    args = ["diff", "main.jsonl", "branch.jsonl", *(["--gate", "gates.yaml"] if gate else [])]
    assert command(*args, cwd=tmp_path).code == 0
    break_line(tmp_path / "branch.jsonl", 2, whole=is_whole)
    done = command(*args, "--format", "json", cwd=tmp_path)
    said = "branch.jsonl: 1 line cannot be read; what stood there is missing"
    assert (done.code, said in done.err) == (4, True), done.err
    (warning,) = json.loads(done.out)["warnings"]
    assert warning == {"code": "INCOMPLETE", "message": said, "side": "HEAD"}
    assert said in command(*args, cwd=tmp_path).out
    cases = JUnitXml.fromstring(command(*args, "--format", "junit", cwd=tmp_path).out.encode())
    assert (cases.errors, cases.failures) == (1, 0)
    ((*_, data),) = cases
    assert [type(each) for each in data.result] == [Error]
    assert said in data.result[0].message
    assert "::error title=agenttrace%3A data is missing::" in (
        command(*args, "--format", "github", cwd=tmp_path).out
    )


def test_a_query_counts_every_line_that_is_lost(command: Command, tmp_path: Path) -> None:
    """Also when it means some runs of the file: nobody knows which run the line is of."""
    records = [each for n in range(6) for each in make_records(100 + n)]
    write_file(tmp_path / "traces.jsonl", records)
    assert command("diff", "last:3", "last:2", cwd=tmp_path).code == 0
    break_line(tmp_path / "traces.jsonl", 1)
    assert command("diff", "last:3", "last:2", cwd=tmp_path).code == 4


def test_no_baseline_is_learnt_from_what_is_left(command: Command, tmp_path: Path) -> None:
    """It would hold runs to what the lost lines did not say; a run held to one is judged whole."""
    records = [each for n in range(6) for each in make_records(100 + n)]
    write_file(tmp_path / "main.jsonl", records)
    write_file(tmp_path / "one.jsonl", make_records(200))
    build = ("baseline", "build", "main.jsonl", "-o", "base.json")
    assert command(*build, cwd=tmp_path).code == 0
    break_line(tmp_path / "one.jsonl", 2, whole=True)
    (tmp_path / "gates.yaml").write_text("structure: {removed: 3}\n")
    held = command("diff", "base.json", "one.jsonl", "--gate", "gates.yaml", cwd=tmp_path)
    assert (held.code, "1 line cannot be read" in held.err) == (4, True)
    (tmp_path / "base.json").unlink()
    break_line(tmp_path / "main.jsonl", 2)
    done = command(*build, cwd=tmp_path)
    assert (done.code, (tmp_path / "base.json").exists()) == (4, False)
    assert "main.jsonl: 1 line cannot be read" in done.err
    assert "no baseline is written" in done.err


# What is said of two runs


def test_runs_without_spans_are_not_identical(command: Command, tmp_path: Path) -> None:
    """There is nothing to compare: the code is that of missing data, and a gate passes nothing."""
    write_pair(tmp_path, [], [])
    done = command("diff", "a.jsonl", "b.jsonl", cwd=tmp_path)
    assert done.code == 4
    assert done.out.splitlines()[2:] == ["no spans recorded: there is nothing to compare"]
    said = json.loads(command("diff", "a.jsonl", "b.jsonl", "--format", "json", cwd=tmp_path).out)
    assert (said["verdict"], said["identical"]) == ("NO_SPANS", False)
    (tmp_path / "gates.yaml").write_text("structure: {added: 0}\n")
    assert command("diff", "a.jsonl", "b.jsonl", "--gate", "gates.yaml", cwd=tmp_path).code == 4


@pytest.mark.parametrize("damage", ["lines", "open"])
def test_what_is_incomplete_is_never_called_identical(
    command: Command, tmp_path: Path, damage: str
) -> None:
    """In text, JSON and Markdown: what is left of both may be alike, and the rest not."""
    fields = {"status": "STARTED", "complete": None} if damage == "open" else {}
    steps = [tool("read", {"n": n}, n) for n in range(3)]
    write_pair(tmp_path, steps, steps, **fields)
    if damage == "lines":
        for name in ("a.jsonl", "b.jsonl"):
            break_line(tmp_path / name, 3, whole=True)
    left = 2 if damage == "lines" else 3
    said = f"incomplete: what is there does not differ, {left} unchanged"
    done = command("diff", "a.jsonl", "b.jsonl", cwd=tmp_path)
    assert (done.code, done.out.splitlines()[2]) == (4, said)
    shape = json.loads(command("diff", "a.jsonl", "b.jsonl", "--format", "json", cwd=tmp_path).out)
    assert (shape["verdict"], shape["identical"]) == ("INCOMPLETE", False)
    code = "RUNNING" if damage == "open" else "UNREADABLE"
    assert [(each["code"], each["side"]) for each in shape["warnings"]] == [
        (code, "BASE"),
        (code, "HEAD"),
    ]
    markdown = command("diff", "a.jsonl", "b.jsonl", "--format", "md", cwd=tmp_path).out
    assert f"- {said}" in markdown
    assert "identical" not in done.out + markdown


def test_a_line_of_another_run_is_not_missing(command: Command, tmp_path: Path) -> None:
    """In a file with the two runs alone it is; in one with a third nobody knows whose it was."""
    steps = [tool("read", {"n": n}, n) for n in range(3)]
    write_pair(tmp_path, steps, steps)
    both = (tmp_path / "a.jsonl").read_text() + (tmp_path / "b.jsonl").read_text()
    (tmp_path / "traces.jsonl").write_text(both + '{"cut": \n')
    args = ("diff", RUN_ID, OTHER_ID)
    assert command(*args, cwd=tmp_path).code == 4
    third = "".join(json.dumps(record) + "\n" for record in make_records(9))
    (tmp_path / "traces.jsonl").write_text(both + third + '{"cut": \n')
    assert command(*args, cwd=tmp_path).code == 0


def test_runs_that_share_nothing_are_called_unrelated(command: Command, tmp_path: Path) -> None:
    """In every format: a list of all spans of both is no answer."""
    write_pair(tmp_path, [tool("read", {"n": 1}, 1)], [llm("ask", {"messages": []}, "x")])
    args = ("diff", "a.jsonl", "b.jsonl", "--format")
    done = command(*args, "text", cwd=tmp_path)
    said = "unrelated, no span is in both runs: 1 added, 1 removed, 0 unchanged"
    assert (done.code, done.out.splitlines()[2]) == (0, said)
    assert "they may be runs of different programs" in done.err
    assert json.loads(command(*args, "json", cwd=tmp_path).out)["verdict"] == "UNRELATED"
    markdown = command(*args, "md", cwd=tmp_path).out
    assert f"- {said}" in markdown
    assert "⚠️ no span of one run is in the other" in markdown


def test_a_run_is_identical_to_itself(command: Command, tmp_path: Path) -> None:
    """By its file, its id and `last`."""
    write_file(tmp_path / "traces.jsonl", write_records(make_turns("yes")))
    for sides in (("traces.jsonl", "traces.jsonl"), ("last", RUN_ID)):
        done = command("diff", *sides, "--changed", cwd=tmp_path)
        assert (done.code, done.out.splitlines()[2:3]) == (0, ["identical"])


# The formats without a gate


def test_junit_and_github_say_what_differs_without_a_gate(command: Command, tmp_path: Path) -> None:
    """As a case that passes and as notices: nobody said what may differ."""
    write_pair(tmp_path, [tool("read", {"n": 1}, "old")], [tool("read", {"n": 1}, "new")])
    args = ("diff", "a.jsonl", "b.jsonl", "--format")
    xml = JUnitXml.fromstring(command(*args, "junit", cwd=tmp_path).out.encode())
    assert (xml.tests, xml.failures, xml.errors, xml.skipped) == (1, 0, 0, 0)
    ((case,),) = xml
    assert "1 changed, 0 unchanged" in case.system_out
    assert "differs at read: world changed: input: equal; output: old -> new" in case.system_out
    lines = command(*args, "github", cwd=tmp_path).out.splitlines()
    assert [line.split("::")[1] for line in lines] == [
        "notice title=agenttrace%3A Comparison of two runs",
        "notice title=agenttrace%3A differs at read",
    ]
    assert "1 changed, 0 unchanged" in lines[0]


def test_github_has_ten_notices_at_most(command: Command, tmp_path: Path) -> None:
    """The last of them names the rest."""
    base = [tool(f"read{n}", {"n": n}, n, lane=n) for n in range(30)]
    head = [tool(f"read{n}", {"n": n}, -n - 1, lane=n) for n in range(30)]
    write_pair(tmp_path, base, head)
    args = ("diff", "a.jsonl", "b.jsonl", "--format", "github")
    lines = command(*args, cwd=tmp_path).out.splitlines()
    assert len(lines) == 10
    assert "title=agenttrace%3A 22 more differences::" in lines[-1]


# The text


def test_what_repeats_is_folded(command: Command, tmp_path: Path) -> None:
    """One change in each of 42 turns is told three times; JSON has each row and each origin."""
    write_pair(tmp_path, make_turns("yes", lanes=True), make_turns("no", lanes=True))
    done = command("diff", "a.jsonl", "b.jsonl", cwd=tmp_path)
    lines = done.out.splitlines()
    assert [line for line in lines if line.startswith("#")] == ["#1 begins at turn > plan"]
    assert "   and 41 more like this, up to #42" in lines
    assert sum(line.startswith("~   plan  output") for line in lines) == 3
    assert lines[-1] == "  … 239 unchanged, and 39 more like those above"
    short = command("diff", "a.jsonl", "b.jsonl", "--changed", cwd=tmp_path).out.splitlines()
    assert short[-1] == "    … and 39 more like this"
    shape = json.loads(command("diff", "a.jsonl", "b.jsonl", "--format", "json", cwd=tmp_path).out)
    assert (len(shape["origins"]), shape["counts"]["changed"]) == (42, 42)
    markdown = command("diff", "a.jsonl", "b.jsonl", "--format", "md", cwd=tmp_path).out
    assert "| changed | llm:plan | output | output: yes -&gt; no | 42 |" in markdown


def test_rows_that_differ_in_other_ways_are_not_folded(command: Command, tmp_path: Path) -> None:
    """What is hidden is what was just shown, and nothing else."""
    base = [tool("read", {"n": n}, "old", lane=n) for n in range(8)]
    head = [tool("read", {"n": n}, f"new {n}", lane=n) for n in range(8)]
    write_pair(tmp_path, base, head)
    out = command("diff", "a.jsonl", "b.jsonl", cwd=tmp_path).out
    assert all(f"output: old → new {n}" in out for n in range(8))
    assert "more like" not in out


@pytest.mark.parametrize("columns", [40, 60])
def test_a_narrow_terminal_gets_all_of_a_command(
    terminal: Terminal, tmp_path: Path, columns: int
) -> None:
    """A run id and what to run stay whole words; no line is wider than the terminal."""
    write_pair(tmp_path, make_turns("yes"), make_turns("no"))
    shown = terminal("diff", "a.jsonl", "b.jsonl", cwd=tmp_path, columns=columns, NO_COLOR="1")
    plain = [_strip_codes(line) for line in shown.splitlines()]
    assert max(map(len, plain)) <= columns
    assert RUN_ID in shown
    told = " ".join(" ".join(plain).split())
    assert "to prove it: agenttrace replay BASE --live-from 2 -- PROGRAM: does it differ" in told


def test_both_sides_of_a_long_value_are_seen(terminal: Terminal, tmp_path: Path) -> None:
    """Below one another where a line has no room, and from where they part."""
    same = "You are an assistant of great patience who reads every word of it. " * 3
    steps = [[tool("say", {"n": 1}, f"{same}{end}")] for end in ("Be brief.", "Be warm.")]
    write_pair(tmp_path, *steps)
    shown = terminal("diff", "a.jsonl", "b.jsonl", cwd=tmp_path, columns=50, NO_COLOR="1")
    lines = [_strip_codes(line) for line in shown.splitlines()]
    at = lines.index("      output:")
    assert lines[at + 1].startswith("        - …")
    assert lines[at + 1].endswith("Be brief.")
    assert lines[at + 2].endswith("Be warm.")


def test_a_table_keeps_its_verdict_in_80_columns(terminal: Terminal, tmp_path: Path) -> None:
    """What has no room at the right stands whole below its row."""
    for name, tokens in (("main", 100), ("branch", 300)):
        runs = [make_records(tokens + n, tokens=tokens + n) for n in range(8)]
        write_file(tmp_path / f"{name}.jsonl", [each for run in runs for each in run])
    shown = terminal("diff", "main.jsonl", "branch.jsonl", cwd=tmp_path, columns=80, NO_COLOR="1")
    lines = [_strip_codes(line) for line in shown.splitlines()]
    assert max(map(len, lines)) <= 80
    (told,) = [line for line in lines if line.startswith("  tokens ")]
    assert "regression" in told
    assert "…" not in told
    effect = lines[lines.index(told) + 1]
    assert effect.startswith("    effect +")
    assert effect.endswith(" %)")


def _strip_codes(line: str) -> str:
    while "\x1b[" in line:
        before, _, rest = line.partition("\x1b[")
        line = before + rest.partition("m")[2]
    return line


# What cannot be meant


def test_a_wrong_value_of_an_option_is_reported_once(command: Command, tmp_path: Path) -> None:
    """And not as an error within an error."""
    done = command("diff", "a", "b", "--format", "yaml", cwd=tmp_path)
    said = " ".join(done.err.replace("│", " ").split())
    assert done.code == 2
    assert "Invalid value for '--format': 'yaml' is not one of 'text', 'json'" in said
    assert "Value error" not in said


def test_a_folder_is_named_as_one(command: Command, tmp_path: Path) -> None:
    """With a file of it that may be meant; it is never taken for a run of another file."""
    (tmp_path / "d").mkdir()
    done = command("diff", "d", "d", cwd=tmp_path)
    assert (done.code, done.out) == (4, "")
    assert done.err.strip() == (
        "agenttrace: d is a folder: name a JSONL file of it; this one holds none"
    )
    write_file(tmp_path / "d" / "x.jsonl", write_records([tool("read", 1, 1)]))
    done = command("diff", "d", "d", cwd=tmp_path)
    assert "d is a folder: name a JSONL file of it, such as d/x.jsonl" in done.err


def test_the_help_fills_its_lines(command: Command, tmp_path: Path) -> None:
    """A paragraph breaks where the terminal does, and not where the source does as well."""
    done = command("diff", "--help", cwd=tmp_path, COLUMNS="300")
    lines = [line.strip() for line in done.out.splitlines()]
    about = next(line for line in lines if line.startswith("Of two runs: where it begins"))
    assert about.endswith("A may be a baseline that `agenttrace baseline build` wrote.")
    assert "agenttrace diff old.jsonl new.jsonl --changed" in lines


def test_one_run_is_no_runs(command: Command, tmp_path: Path) -> None:
    """One against many is counted in words that fit."""
    write_file(tmp_path / "one.jsonl", make_records(1))
    write_file(tmp_path / "two.jsonl", [*make_records(2), *make_records(3)])
    out = command("diff", "one.jsonl", "two.jsonl", cwd=tmp_path).out
    assert "1 run against 2" in out
    assert "1 runs" not in out
