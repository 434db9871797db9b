"""`agenttrace baseline build`, and what an argument means that may mean several runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import typer
from groups import make_records
from recordings import write_file

from agenttrace.cli.run_groups import MAX_RUNS, find_runs, read_query
from agenttrace.cli.sources import RunFinder
from agenttrace.diff.baselines import read_baseline
from agenttrace.trace import RunNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Done


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with ten runs in `traces.jsonl`, of which two did not end COMPLETED."""
    records = []
    for n in range(1, 11):
        status = {9: "ERROR", 10: "STARTED"}.get(n, "COMPLETED")
        tags = ["main"] if n <= 6 else ["pr"]
        records += make_records(n, tokens=100 + n, status=status, tags=tags, start_ns=n * 10**9)
    write_file(tmp_path / "traces.jsonl", records)
    return tmp_path


def test_it_is_learnt_from_the_runs_of_a_query(command: Callable[..., Done], folder: Path) -> None:
    """The newest four with the tag; the file reads back, and is the same each time."""
    done = command("baseline", "build", "tag:main last:4", "-o", "b.json", cwd=folder)
    assert (done.code, done.out) == (0, "")
    assert done.err == "agenttrace: b.json is learnt from 4 runs\n"
    text = (folder / "b.json").read_text()
    found = read_baseline(text, name="b.json")
    assert (found.runs, str(found.success)) == (4, "4/4")
    tokens = found.metrics["total_tokens"]
    assert (tokens.low, tokens.high) == (103, 106)
    again = command("baseline", "build", "tag:main last:4", cwd=folder)
    assert (again.code, again.out) == (0, text)


def test_runs_that_are_not_whole_are_left_out_and_said(
    command: Callable[..., Done], folder: Path
) -> None:
    """A file is all of its runs; one that has not ended teaches nothing."""
    done = command("baseline", "build", "traces.jsonl", "traces.jsonl", cwd=folder)
    assert done.code == 0
    assert json.loads(done.out)["runs"] == 9
    assert done.err == f"agenttrace: run {10:032x} is left out: its end was not recorded\n"
    none = command("baseline", "build", "status:STARTED", cwd=folder)
    assert (none.code, none.out) == (4, "")
    assert "no run is whole" in none.err
    few = command("baseline", "build", "last:2 status:COMPLETED", cwd=folder)
    assert "2 runs: no figure has a range before there are 3" in few.err


@pytest.mark.parametrize(
    ("args", "code", "part"),
    [
        (("tag:other",), 3, "holds no run that is tag:other"),
        (("last:0",), 2, "last:0 cannot be meant; expected 1 to 10,000"),
        (("last:2 last:3",), 2, "says last twice"),
        (("error:maybe",), 2, "expected error:yes or error:no"),
        (("status:GOOD",), 2, "'GOOD' is no status"),
        (("none.jsonl",), 4, "there is no file none.jsonl"),
        (("tag:main", "-o", "no/such/b.json"), 4, "cannot write no/such/b.json"),
    ],
)
def test_what_cannot_be_meant_or_found(
    command: Callable[..., Done], folder: Path, args: tuple[str, ...], code: int, part: str
) -> None:
    """One line, and a code that says which of the two it is."""
    done = command("baseline", "build", *args, cwd=folder)
    assert (done.code, done.out) == (code, "")
    assert part in " ".join(done.err.replace("│", " ").split())


def test_a_query_is_told_from_a_run_and_a_file(folder: Path) -> None:
    """Only what has nothing but known keys is one."""
    query = read_query("tag:main tag:'a b' name:plan* error:no last:20")
    assert query is not None
    assert (query.last, query.wanted.tags) == (20, frozenset({"main", "a b"}))
    assert (query.wanted.names, query.wanted.has_error) == (("plan*",), False)
    every = read_query("status:error")
    assert every is not None
    assert every.last == MAX_RUNS
    for text in ("last", "0193a5f0", "old.jsonl:last", "tag:", "it's", "", "C:x"):
        assert read_query(text) is None
    with pytest.raises(typer.BadParameter):
        read_query("last:x")
    finder = RunFinder(str(folder / "traces.jsonl"))
    ids = [run_id[-1] for _, run_id in find_runs(finder, "error:yes")]
    assert ids == ["9"]
    assert [run_id[-1] for _, run_id in find_runs(finder, "last:3")] == ["8", "9", "a"]
    assert [run_id[-1] for _, run_id in find_runs(finder, "last")] == ["a"]
    finder.close()


def test_an_empty_file_holds_no_run(tmp_path: Path) -> None:
    """Not a group of none."""
    (tmp_path / "empty.jsonl").write_text("")
    finder = RunFinder(None)
    with pytest.raises(RunNotFoundError, match="holds no run"):
        find_runs(finder, str(tmp_path / "empty.jsonl"))
    finder.close()
