"""`diff`, run as a process on real files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from junitparser import JUnitXml
from recordings import RUN_ID, write_file
from run_trees import OTHER_ID, Step, llm, tool, write_records

from .support import run_process

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Terminal = Callable[..., str]

EVIL = "\x1b]0;owned\x07\u202e\x9b2J"


def program(answer: str, *calls: str) -> list[Step]:
    messages = [{"role": "user", "content": "go"}]
    steps = [
        llm("plan", {"messages": messages}, answer),
        *[tool(call, {"q": call}, {"hits": 3}) for call in calls],
        *[tool("log", {"n": n}, n) for n in range(9)],
    ]
    return [Step("agent", "done", {"task": "go"}, steps, type="AGENT")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with `a.jsonl` and `b.jsonl`, and with both runs in `traces.jsonl`."""
    base = write_records(program("search the web", "search"))
    head = write_records(program("read the archive", "archive", "search"), run_id=OTHER_ID)
    write_file(tmp_path / "a.jsonl", base)
    write_file(tmp_path / "b.jsonl", head)
    write_file(tmp_path / "traces.jsonl", [*base, *head])
    return tmp_path


TEXT = f"""\
base  {RUN_ID}  agent  COMPLETED  12 spans
head  {OTHER_ID}  agent  COMPLETED  13 spans
1 changed, 1 added, 11 unchanged
duration 6.00 ms → 6.50 ms (+8 %)

#1 begins at agent > plan
   agent decision
   call: nothing → archive
   input: equal
   output: search the web → read the archive
   to prove it: agenttrace replay BASE --live-from 2 -- PROGRAM: does it differ again?
   1 row follows from it

  agent
~   plan  output
        output: search the web → read the archive
+   archive  follows from #1
    … 10 unchanged
"""


def test_a_comparison_is_a_readable_tree(folder: Path) -> None:
    """Where it began and why stands above it; what is the same is one line."""
    done = run_process("diff", "a.jsonl", "b.jsonl", cwd=folder)
    assert (done.code, done.err) == (0, "")
    assert done.out == TEXT
    assert run_process("diff", "a.jsonl", "b.jsonl", cwd=folder).out == TEXT


def test_runs_are_named_by_ids_and_last(folder: Path) -> None:
    """As all commands name them."""
    done = run_process("diff", RUN_ID, OTHER_ID[:32], cwd=folder)
    assert (done.code, done.out) == (0, TEXT)
    done = run_process("diff", "last", "last", cwd=folder)
    assert done.out.splitlines()[2] == "identical"


def test_json_has_the_names_of_graphql(folder: Path) -> None:
    """And nothing else is on standard output; `--changed` leaves the rest of the rows out."""
    done = run_process("diff", "a.jsonl", "b.jsonl", "--format", "json", "--changed", cwd=folder)
    said = json.loads(done.out)
    assert said["counts"] | {"unchanged": 11, "changed": 1, "added": 1} == said["counts"]
    assert said["firstDivergence"]["cause"]["kind"] == "AGENT_DECISION"
    assert (said["identical"], said["approx"]) == (False, False)
    assert [(row["row"], row["outcome"]) for row in said["rows"]] == [(1, "CHANGED"), (2, "ADDED")]
    assert said["rows"][0]["base"]["position"] == said["rows"][0]["head"]["position"] == 1
    assert said["rows"][1]["isPropagated"]
    assert said["aggregates"]["total"]["spans"]["change"] == 1


def test_an_identical_pair_has_no_rows_with_changed(folder: Path) -> None:
    """The exit code is 0 as well when they differ: without a gate nothing is judged."""
    done = run_process("diff", "a.jsonl", "a.jsonl", "--changed", "--format", "json", cwd=folder)
    assert (done.code, json.loads(done.out)["rows"]) == (0, [])
    done = run_process("diff", "a.jsonl", "a.jsonl", "--changed", cwd=folder)
    assert done.out.splitlines()[2] == "identical"
    assert "agent\n" not in done.out.splitlines()


def test_rules_are_read_from_a_file(folder: Path) -> None:
    """From the one given, else from the one that lies there."""
    (folder / "rules.yaml").write_text("ignore: [$.output]\n")
    head = write_records(program("read the archive", "search"), run_id=OTHER_ID)
    write_file(folder / "c.jsonl", head)
    done = run_process("diff", "a.jsonl", "c.jsonl", cwd=folder)
    assert "identical" not in done.out
    done = run_process("diff", "a.jsonl", "c.jsonl", "--rules", "rules.yaml", cwd=folder)
    assert "\nidentical\n" in done.out
    (folder / "rules.yaml").rename(folder / "agenttrace.diff.yaml")
    assert "\nidentical\n" in run_process("diff", "a.jsonl", "c.jsonl", cwd=folder).out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ignore: [input]", "'input' is no JSONPath"),
        ("ignore: [", "agenttrace.diff.yaml:1: no YAML"),
        ("what: 1", "unknown rule 'what'"),
        ("- 1", "rules are a mapping, not list"),
    ],
)
def test_rules_that_cannot_be_meant_are_usage(folder: Path, text: str, message: str) -> None:
    """The code is 2, and a line says what is wrong."""
    (folder / "agenttrace.diff.yaml").write_text(text)
    done = run_process("diff", "a.jsonl", "b.jsonl", cwd=folder)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("a.jsonl", "gone.jsonl"), 4),
        (("a.jsonl", "ffff"), 4),
        (("a.jsonl",), 2),
        (("a.jsonl", "b.jsonl", "--format", "yaml"), 2),
        (("a.jsonl", "b.jsonl", "--rules", "gone.yaml"), 2),
    ],
)
def test_what_cannot_be_compared_ends_with_its_code(
    folder: Path, args: tuple[str, ...], code: int
) -> None:
    """4 data missing, 2 usage; never a traceback."""
    done = run_process("diff", *args, cwd=folder)
    assert (done.code, done.out) == (code, "")
    assert "Traceback" not in done.err


def test_a_pipeline_is_told_that_nothing_was_compared(folder: Path) -> None:
    """In the formats of which it shows people the reader: an error, and no comparison."""
    summary = folder / "summary.md"
    names = ("diff", "a.jsonl", "gone.jsonl")
    why = "there is no file gone.jsonl"

    def run(form: str) -> str:
        named = (*names, "--format", form)
        done = run_process(*named, cwd=folder, GITHUB_STEP_SUMMARY=str(summary))
        assert (done.code, why in done.err) == (4, True)
        return done.out

    xml = JUnitXml.fromstring(run("junit").encode())
    assert (xml.tests, xml.errors, xml.failures) == (1, 1, 0)
    (line,) = run("github").splitlines()
    assert line.startswith("::error title=agenttrace%3A data is missing::")
    assert why in line
    for text in (run("md"), summary.read_text()):
        assert text.startswith("## No comparison\n")
        assert why in text
    assert run("json") == ""


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"status": "STARTED", "complete": None}, "has no recorded end"),
        ({"complete": False, "dropped": {"queue_full": 3}}, "is incomplete: 3 of its records"),
    ],
)
def test_missing_data_is_code_4_after_the_result(
    folder: Path, fields: dict[str, Any], message: str
) -> None:
    """What is there is compared, and nobody takes it for the whole."""
    write_file(folder / "open.jsonl", write_records(program("x"), run_id=OTHER_ID, **fields))
    done = run_process("diff", "a.jsonl", "open.jsonl", cwd=folder)
    assert done.code == 4
    assert message in done.err
    assert "removed" in done.out


@pytest.mark.parametrize("damage", ["cut", "foreign"])
def test_lines_that_cannot_be_read_are_code_4_after_the_result(folder: Path, damage: str) -> None:
    """Two recordings without their spans are not known to be identical."""
    for name in ("a.jsonl", "b.jsonl"):
        lines = (folder / name).read_text().splitlines()
        bad = [
            line if '"type":"run"' in line else line[:-9] if damage == "cut" else _strip_type(line)
            for line in lines
        ]
        assert bad != lines
        (folder / name).write_text("\n".join(bad) + "\n")
    done = run_process("diff", "a.jsonl", "b.jsonl", cwd=folder)
    assert done.code == 4
    assert "is left out" in done.err


def _strip_type(line: str) -> str:
    record = json.loads(line)
    record.pop("span_type", None)
    return json.dumps(record)


def test_hostile_text_cannot_act_on_the_terminal(folder: Path, terminal: Terminal) -> None:
    """Names, values, errors and paths of a recording are a stranger's."""
    steps = [tool(f"evil {EVIL}", {"q": EVIL}, EVIL)]
    write_file(folder / "evil.jsonl", write_records(steps, name=EVIL))
    steps = [tool(f"evil {EVIL}", {"q": EVIL + "!"}, EVIL * 2)]
    write_file(folder / "worse.jsonl", write_records(steps, run_id=OTHER_ID, name=EVIL))
    for form in ("text", "json"):
        shown = terminal(
            "diff", "evil.jsonl", "worse.jsonl", "--format", form, cwd=folder, columns=120
        )
        assert "\x1b]0" not in shown
        assert "\u202e" not in shown
        assert "\x9b" not in shown


def test_colours_are_for_terminals(folder: Path, terminal: Terminal) -> None:
    """Not for pipes, and not where NO_COLOR says so."""
    assert "\x1b[" in terminal("diff", "a.jsonl", "b.jsonl", cwd=folder, columns=120)
    shown = terminal("diff", "a.jsonl", "b.jsonl", cwd=folder, columns=120, NO_COLOR="1")
    assert "\x1b[3" not in shown
    assert "\x1b[" not in run_process("diff", "a.jsonl", "b.jsonl", cwd=folder).out
