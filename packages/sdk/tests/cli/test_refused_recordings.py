"""`agenttrace replay` with recordings that it cannot go by, or that mean it harm."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from .programs import AGENT, BEGIN, MAIN, Folder, make_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHAPES = "import dataclasses\n@dataclasses.dataclass\nclass Shape:\n    side: int\n"
Records = list[dict[str, Any]]


def age(records: Records) -> None:
    """Let inputs be hashed in a way of later releases."""
    for each in records:
        if "hash_version" in each:
            each["hash_version"] = 99


def redact(records: Records) -> None:
    """Take an answer out, as a rule of redaction does."""
    for each in records:
        if each.get("name") == "answer" and "output" in each:
            each["output"] = {"value": "[redacted]", "codec": "json", "fidelity": "redacted"}


def truncate(records: Records) -> None:
    """Cut an answer, as one that is too long is."""
    for each in records:
        if each.get("name") == "answer" and "output" in each:
            each["output"] = {"value": "RA", "codec": "json", "fidelity": "truncated"}


def interrupt(records: Records) -> None:
    """End the recording within a call, as if the program had been killed."""
    end = next(
        at
        for at, each in enumerate(records)
        if each.get("name") == "answer" and each["status"] == "COMPLETED"
    )
    del records[end:]


def inflate(records: Records) -> None:
    """Give a call an attribute that no recorder writes."""
    for each in records:
        if each.get("name") == "answer":
            each["attributes"] = {"n": [1, 2**70]}


REFUSED = {
    "a number beyond 64 bits": (inflate, "has an integer beyond 64 bits at '/n/1'"),
    "another version": (age, "an input hash of version 99"),
    "redacted": (redact, "unavailable at agent/answer"),
    "truncated": (truncate, "unavailable at agent/answer"),
    "unfinished": (interrupt, "unavailable at agent/answer"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Return a folder with a recorded agent; its recording is left as it is."""
    made = make_folder(tmp_path_factory.mktemp("agent"))
    (made.path / "traces.jsonl").rename(made.path / "original.jsonl")
    return made


def read_original(folder: Folder) -> Records:
    """Return the records of the run."""
    return [json.loads(line) for line in (folder.path / "original.jsonl").read_bytes().splitlines()]


@pytest.mark.parametrize(("change", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_a_recording_that_cannot_be_replayed_is_code_12(
    folder: Folder, change: Callable[[Records], None], said: str
) -> None:
    """One line says why, and no call is made."""
    records = read_original(folder)
    change(records)
    text = "".join(json.dumps(each, separators=(",", ":")) + "\n" for each in records)
    folder.write("changed.jsonl", text)
    done = folder.replay("changed.jsonl")
    assert (done.code, folder.calls) == (12, []), done.err
    assert len([line for line in done.err.splitlines() if said in line]) == 1


def make_shapes(path: Path) -> Folder:
    """Return a folder with a recorded agent that drew a `shapes.Shape`, whose module it loads."""
    drawing = "\n@trace_tool(tracer, effect='read')\ndef draw():\n    from shapes import Shape\n"
    main = "\ndef main():\n    with tracer.run('agent'):\n        print(type(draw()))\n"
    folder = Folder(path)
    folder.write("shapes.py", SHAPES)
    folder.write("agent.py", AGENT + drawing + "    return Shape(2)\n" + main + BEGIN)
    folder.record()
    return folder


def test_a_recording_imports_nothing(tmp_path: Path) -> None:
    """A class whose module the program has not loaded is not looked for: it could be anything."""
    folder = make_shapes(tmp_path)
    assert "shapes:Shape" in (tmp_path / "traces.jsonl").read_text()
    folder.write("shapes.py", "open('mark', 'w').close()\n" + SHAPES)
    done = folder.replay("last")
    assert (done.code, "type_degraded at agent/draw" in done.err) == (10, True), done.err
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("spelled", ["os:system", "subprocess:Popen", "builtins:exec"])
def test_a_recording_calls_nothing_that_it_names(tmp_path: Path, spelled: str) -> None:
    """What is no class of values is not made, though its module is loaded."""
    folder = make_shapes(tmp_path)
    text = (tmp_path / "traces.jsonl").read_text().replace("shapes:Shape", spelled)
    folder.write("trap.jsonl", text.replace('"side":2', '"side":"touch mark"'))
    done = folder.replay("trap.jsonl", "--on", "type_degraded=warn")
    assert (done.code, "type_degraded at agent/draw" in done.err) == (10, True), done.err
    assert not (tmp_path / "mark").exists()


def test_a_fixed_agent_is_told_of_as_such(folder: Folder) -> None:
    """A run that ends otherwise with the same calls is no failure: it may be the fix."""
    fixed = MAIN.replace("charge(7)", "charge(7)\n        tracer.current_run().set_output('fixed')")
    folder.write("fixed.py", AGENT + fixed + BEGIN)
    report = folder.report("original.jsonl", program=("fixed.py",))
    kinds = [(each["kind"], each["action"]) for each in report["divergences"]]
    assert (report["exitCode"], kinds) == (0, [("outcome_changed", "warn")])
