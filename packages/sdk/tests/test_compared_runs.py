"""`agenttrace_run`: a test's run against its committed baseline, in sessions of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pytest_sessions import Done, make_session

from agenttrace.trace import load_runs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def session(tmp_path: Path) -> Callable[..., Done]:
    """Give a function that runs a test file in a session with the plugin installed."""
    return make_session(tmp_path)


AGENT = """
import pytest

def agent(tracer, city="Oslo", verified=True):
    with tracer.run("agent") as run:
        with tracer.span("search", "TOOL_CALL") as span:
            span.set_output({"city": city})
        if verified:
            with tracer.span("verify", "TOOL_CALL"):
                pass
        run.set_output(f"the weather in {city}")
"""


def test_a_run_is_held_to_its_baseline(session: Callable[..., Done], tmp_path: Path) -> None:
    """None is a failure that says how to write it; then it holds; then a change is shown."""
    code = AGENT + "\ndef test_it(agenttrace_run):\n    agent(agenttrace_run.tracer)\n"
    path = tmp_path / "baselines" / "test_it.test_it.jsonl"
    missing = session(code)
    assert missing.code == 1
    assert f"there is no baseline {path}" in missing.out
    assert "pytest --update-baseline writes this run there" in missing.out
    assert not path.exists()

    written = session(code, "--update-baseline")
    assert (written.code, f"agenttrace: {path} is the new baseline" in written.out) == (0, True)
    assert [run.name for run in load_runs(path).runs] == ["agent"]
    assert session(code).code == 0

    first = path.read_bytes()
    again = session(code, "--update-baseline")
    assert (again.code, "new baseline" in again.out, path.read_bytes()) == (0, False, first)

    changed = session(code.replace("Oslo", "Rome"))
    assert changed.code == 1
    assert f"the run is not what {path} holds" in changed.out
    assert "Oslo" in changed.out
    assert "Rome" in changed.out
    assert "pytest --update-baseline takes this run as the new baseline" in changed.out
    assert "1 failed" in changed.out
    assert path.read_bytes() == first

    path.write_bytes(first[:-20])
    cut = session(code)
    assert (cut.code, f"{path}: line 6 cannot be read" in cut.out) == (1, True), cut.out

    path.write_bytes(b"<<<<<<< HEAD\n\xff")
    unreadable = session(code)
    assert (unreadable.code, "Traceback" in unreadable.out) == (1, False), unreadable.out
    assert "pytest --update-baseline writes this run there" in unreadable.out
    assert session(code, "--update-baseline").code == 0
    assert [run.name for run in load_runs(path).runs] == ["agent"]
    path.write_bytes(first)

    lost = session(code.replace("verified=True", "verified=False"))
    assert lost.code == 1
    assert "verify" in lost.out


def test_a_test_that_fails_by_itself_is_not_compared(session: Callable[..., Done]) -> None:
    """Its own failure is what counts; and a run that is not one is said."""
    done = session(
        AGENT
        + """
def test_own(agenttrace_run):
    agent(agenttrace_run.tracer)
    assert 1 == 2

def test_none(agenttrace_run):
    pass

def test_two(agenttrace_run):
    agent(agenttrace_run.tracer)
    agent(agenttrace_run.tracer)
"""
    )
    assert (done.code, "3 failed" in done.out) == (1, True), done.out
    assert done.out.count("there is no baseline") == 0
    assert "expected one run, recorded were: none" in done.out
    assert "expected one run, recorded were: 'agent', 'agent'" in done.out


def test_gates_and_rules_stand_beside_the_test(
    session: Callable[..., Done], tmp_path: Path
) -> None:
    """What they allow passes; what they do not is listed."""
    (tmp_path / "gates.yaml").write_text("structure: {removed: 0}\nrequire: ['tool:verify']\n")
    (tmp_path / "rules.yaml").write_text("ignore: ['$.output.city']\n")
    code = (
        AGENT
        + """
@pytest.mark.agenttrace(gates="gates.yaml", baseline="one.jsonl")
def test_gates(agenttrace_run):
    agent(agenttrace_run.tracer, CITY, VERIFIED)

@pytest.mark.agenttrace(rules="rules.yaml", deterministic=True)
@pytest.mark.parametrize("key", ["a/b"])
def test_rules(agenttrace_run, key):
    with agenttrace_run.tracer.run("agent"), agenttrace_run.tracer.span("search") as span:
        span.set_output({"city": CITY})
"""
    )

    def fill(city: str, verified: bool) -> str:
        return f"CITY, VERIFIED = {city!r}, {verified}\n{code}"

    assert session(fill("Oslo", True), "--update-baseline").code == 0
    names = sorted(path.name for path in (tmp_path / "baselines").iterdir())
    assert (tmp_path / "one.jsonl").exists()
    assert len(names) == 1
    assert names[0].startswith("test_it.test_rules_a_b.")
    other = session(fill("Rome", True))
    assert other.code == 0, other.out
    lost = session(fill("Oslo", False))
    assert (lost.code, "1 failed, 1 passed" in lost.out) == (1, True), lost.out
    assert "fail  structure.removed: 1 removed, allowed 0" in lost.out
    assert "fail  require.tool:verify: tool:verify is required" in lost.out


def test_a_baseline_of_several_runs_holds_one(session: Callable[..., Done], tmp_path: Path) -> None:
    """By gates; it is not overwritten by one run."""
    from groups import make_group

    from agenttrace.diff.baselines import learn_baseline, write_baseline
    from agenttrace.diff.groups import measure_run

    calls = ("tool:search", "tool:verify")
    runs = make_group(1, [{"calls": calls if n else calls[:1]} for n in range(5)])
    learnt = write_baseline(learn_baseline([measure_run(run) for run in runs]))
    (tmp_path / "learnt.json").write_text(learnt)
    (tmp_path / "gates.yaml").write_text("structure: {added: 0, removed: 0}\n")
    code = (
        AGENT
        + """
@pytest.mark.agenttrace(baseline="learnt.json", gates="gates.yaml")
@pytest.mark.parametrize("name", ["plan", "verify"])
def test_it(agenttrace_run, name):
    tracer = agenttrace_run.tracer
    with tracer.run("agent"), tracer.span("search", "TOOL_CALL"), tracer.span(name, "TOOL_CALL"):
        pass
"""
    )
    done = session(code)
    assert (done.code, "1 failed, 1 passed" in done.out) == (1, True), done.out
    assert "structure.added: 1 kind of call added against 5 runs, allowed 0" in done.out
    updated = session(code, "--update-baseline")
    assert updated.code == 1
    assert "was learnt from several runs: agenttrace baseline build writes it" in updated.out
    assert (tmp_path / "learnt.json").read_text() == learnt


def test_what_cannot_be_meant_is_said(session: Callable[..., Done], tmp_path: Path) -> None:
    """A slip in the gates names its line, one in the marker its name, a bad baseline its file."""
    (tmp_path / "gates.yaml").write_text("outcme: same\n")
    (tmp_path / "broken.jsonl").write_text("{\n")
    (tmp_path / "empty.jsonl").write_text("")
    done = session(
        AGENT
        + """
@pytest.mark.agenttrace(gates="gates.yaml")
def test_gates(agenttrace_run): pass

@pytest.mark.agenttrace(gate="gates.yaml")
def test_marker(agenttrace_run): pass

@pytest.mark.agenttrace(baseline="broken.jsonl")
def test_broken(agenttrace_run): agent(agenttrace_run.tracer)

@pytest.mark.agenttrace(baseline="empty.jsonl")
def test_empty(agenttrace_run): agent(agenttrace_run.tracer)
"""
    )
    assert (done.code, "2 failed, 2 errors" in done.out) == (1, True), done.out
    assert "gates.yaml:1: unknown key outcme; there are: structure, outcome," in done.out
    assert "rules=PATH alone, not gate" in done.out
    assert "broken.jsonl is no recording" in done.out
    assert "empty.jsonl holds 0 runs; a baseline is one" in done.out
