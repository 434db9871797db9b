"""Which runs of a file are replayed: no replays of them; several are named one by one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from agenttrace.trace import load_runs

from .programs import AGENT, BEGIN, MAIN, Folder, make_folder
from .support import run_process

if TYPE_CHECKING:
    from pathlib import Path

TWO = MAIN.replace(', correlation_id="w-1"', "") + BEGIN.replace(
    "main(*sys.argv[1:])", "for query in sys.argv[1:] or ['rain', 'snow']:\n        main(query)"
)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Folder, list[str]]:
    """Return a folder with two runs of one program that share no workflow, and their ids."""
    folder = Folder(tmp_path)
    folder.write("agent.py", AGENT + TWO)
    folder.record()
    return folder, [*dict.fromkeys(line["run_id"] for line in folder.lines)]


def test_runs_of_no_workflow_are_replayed_together(pair: tuple[Folder, list[str]]) -> None:
    """All that are named: the program begins both, and the report is of both."""
    folder, (first, second) = pair
    report = folder.report(f"traces.jsonl:{first}", f"traces.jsonl:{second}")
    assert (report["identical"], report["counts"]["replayed"]) == (True, 6)
    assert (report["sourceRunIds"], folder.calls) == ([first, second], [])


def test_a_named_run_that_is_not_begun_is_missing(pair: tuple[Folder, list[str]]) -> None:
    """Each of those that are named has to come, not only the first."""
    folder, runs = pair
    report = folder.report(*runs, program=("agent.py", "rain"))
    assert [each["kind"] for each in report["divergences"]] == ["missing_call"]
    assert (report["exitCode"], folder.calls) == (10, [])


@pytest.mark.parametrize("which", [0, 1])
def test_one_of_several_runs_is_chosen(pair: tuple[Folder, list[str]], which: int) -> None:
    folder, runs = pair
    query = ["rain", "snow"][which]
    report = folder.report(f"traces.jsonl:{runs[which]}", program=("agent.py", query))
    assert (report["identical"], report["sourceRunIds"]) == (True, [runs[which]])


def test_a_file_of_several_runs_says_how_one_is_chosen(pair: tuple[Folder, list[str]]) -> None:
    """The runs, by what tells them apart, and the ways to name one or all."""
    folder, runs = pair
    done = folder.replay("traces.jsonl")
    assert (done.code, folder.calls) == (12, [])
    assert "traces.jsonl holds 2 runs; say which, as in traces.jsonl:last" in done.err
    assert "several: traces.jsonl:" in done.err
    assert all(f"{run[:8]}" in done.err for run in runs)


def test_a_run_beside_the_chosen_one_says_how_to_add_it(pair: tuple[Folder, list[str]]) -> None:
    folder, runs = pair
    report = folder.report(runs[0])
    assert [each["kind"] for each in report["divergences"]] == ["extra_call"]
    assert "give more runs to replay" in report["divergences"][0]["hint"]


@pytest.fixture
def replayed(tmp_path: Path) -> tuple[Folder, str]:
    """Return a folder whose recording has two replays of it behind it, and the recording's id."""
    folder = make_folder(tmp_path)
    source = folder.lines[0]["run_id"]
    for _ in range(2):
        assert folder.replay("traces.jsonl").code == 0
    assert len({line["run_id"] for line in folder.lines}) == 3
    return folder, source


def test_a_file_with_replays_of_its_run_is_that_run(replayed: tuple[Folder, str]) -> None:
    """From the command and from Python: what a replay appended is no second source."""
    folder, source = replayed
    assert folder.report("traces.jsonl")["sourceRunIds"] == [source]
    done = run_process("test", "traces.jsonl", "--", "true", cwd=folder.path)
    assert "holds" not in done.out + done.err
    folder.write("again.py", AGENT + MAIN + PYTHON)
    done = folder.replay("traces.jsonl", program=("agent.py",))
    assert done.code == 0, done.err
    ended = run_python(folder, "again.py")
    assert ended == source


PYTHON = """
with tracer.replay("./traces.jsonl") as session:
    main()
assert session.report.identical
print("source", *session.report.source_run_ids)
"""


def run_python(folder: Folder, name: str) -> str:
    """Run a program and return what it printed behind `source`."""
    import subprocess
    import sys

    from .support import ENVIRONMENT

    done = subprocess.run(
        [sys.executable, name], cwd=folder.path, env=ENVIRONMENT, capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().rpartition("source ")[2].strip()


def test_the_last_run_is_the_same_however_it_is_replayed(replayed: tuple[Folder, str]) -> None:
    """Stepping through `last` shows what `replay last` replays: no replay of it."""
    folder, source = replayed
    assert folder.report("last")["sourceRunIds"] == [source]
    for wanted in ("last", "traces.jsonl", "traces.jsonl:last"):
        done = run_process("replay", wanted, "--step", "--json", cwd=folder.path)
        assert json.loads(done.out)["runId"] == source, wanted
    again = load_runs(folder.path / "traces.jsonl").runs[-1]
    done = run_process("replay", again.run_id, "--step", "--json", cwd=folder.path)
    assert json.loads(done.out)["runId"] == again.run_id


def test_a_file_of_a_replay_alone_is_that_replay(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    assert folder.replay("last", "--output", "new.jsonl").code == 0
    report = folder.report("new.jsonl")
    assert (report["identical"], len(report["sourceRunIds"])) == (True, 1)


def test_no_program_runs_with_several_to_step_through(pair: tuple[Folder, list[str]]) -> None:
    folder, runs = pair
    done = run_process("replay", *runs, "--step", cwd=folder.path)
    assert done.code == 2
    assert "--step goes through one run" in done.err
