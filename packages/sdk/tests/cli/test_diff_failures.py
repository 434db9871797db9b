"""What newly fails in a run is told by `agenttrace diff`, whatever else differs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from recordings import write_file
from run_trees import OTHER_ID, Step, copy_steps, llm, tool, write_records

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Done

    Command = Callable[..., Done]

FORMATS = ("text", "json", "md", "junit", "github")
DOWN: dict[str, Any] = {
    "status": "ERROR",
    "error": {"type": "builtins.ValueError", "message": "search is down"},
}


def program(system: str, answer: str) -> list[Step]:
    """Return a plan, a search and a span around another one."""
    return [
        llm("plan", {"messages": [{"role": "system", "content": system}]}, answer),
        tool("search", {"q": answer}, ["a page"]),
        Step("agent", "done", {"n": 1}, [tool("send", {"to": "x"}, "ok")], type="AGENT"),
    ]


def fail_at(steps: list[Step], *path: int) -> None:
    step = steps[path[0]]
    for place in path[1:]:
        step = step.children[place]
    step.output, step.fields = None, DOWN


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("way", ["of its own", "follows", "added"])
def test_the_error_of_what_newly_fails_is_in_every_format(
    command: Command, tmp_path: Path, form: str, way: str
) -> None:
    """Whether it is an origin, follows from one, or was not called before."""
    base = program("Be brief.", "look it up")
    head = program("Be long.", "look it up" if way == "of its own" else "search for it")
    if way == "added":
        head.insert(2, tool("verify", {"it": 1}, None))
        fail_at(head, 2)
    else:
        fail_at(head, 1)
    write_file(tmp_path / "a.jsonl", write_records(base))
    write_file(tmp_path / "b.jsonl", write_records(head, run_id=OTHER_ID))
    done = command("diff", "a.jsonl", "b.jsonl", "--format", form, cwd=tmp_path)
    assert done.code == 0
    assert "search is down" in done.out
    assert "builtins.ValueError" in done.out.replace("\\", "")
    back = command("diff", "b.jsonl", "a.jsonl", "--format", form, cwd=tmp_path)
    assert ("fails: " in back.out, '"failsNewly": true' in back.out) == (False, False)


def test_a_failure_that_follows_is_marked_in_json(command: Command, tmp_path: Path) -> None:
    """The span around a failure fails for it, and both say so."""
    base = program("Be brief.", "look it up")
    head = copy_steps(base)
    fail_at(head, 2)
    fail_at(head, 2, 0)
    write_file(tmp_path / "a.jsonl", write_records(base))
    write_file(tmp_path / "b.jsonl", write_records(head, run_id=OTHER_ID))
    done = command("diff", "a.jsonl", "b.jsonl", "--format", "json", cwd=tmp_path)
    found = json.loads(done.out)
    failing = [
        (row["head"]["name"], row["origin"], row["failure"])
        for row in found["rows"]
        if row["failsNewly"]
    ]
    text = "builtins.ValueError: search is down"
    assert failing == [("agent", 0, text), ("send", None, text)]


@pytest.mark.parametrize("form", FORMATS)
def test_a_run_that_fails_outside_any_span_is_told(
    command: Command, tmp_path: Path, form: str
) -> None:
    """No span differs, and yet the first line says that something does, and the rest what."""
    steps = program("Be brief.", "look it up")
    write_file(tmp_path / "a.jsonl", write_records(steps))
    write_file(tmp_path / "b.jsonl", write_records(steps, run_id=OTHER_ID, **DOWN))
    done = command("diff", "a.jsonl", "b.jsonl", "--format", form, cwd=tmp_path)
    assert "search is down" in done.out
    if form == "json":
        found = json.loads(done.out)
        assert (found["cost"], found["runOrigin"], found["origins"][0]["isRun"]) == (0.5, 0, True)
        assert found["firstDivergence"]["path"] == "the run itself"
        assert [change["path"] for change in found["runChanges"]] == ["error"]
    else:
        assert "only the run itself differs" in done.out
        assert "new failure" in done.out
