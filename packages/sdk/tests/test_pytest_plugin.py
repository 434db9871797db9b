"""The pytest plugin, in test sessions of its own: real processes."""

from __future__ import annotations

import json
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


def test_a_test_looks_at_what_it_recorded(session: Callable[..., Done], tmp_path: Path) -> None:
    """By the fixture's tracer or the program's own; written into a folder when asked for."""
    done = session(
        """
import pytest, program

def test_own(agenttrace_recording):
    with agenttrace_recording.tracer.run("agent"), agenttrace_recording.tracer.span("step"):
        pass
    assert agenttrace_recording.run.status == "COMPLETED"
    assert [span.name for span in agenttrace_recording.spans(type="CUSTOM")] == ["step"]
    assert agenttrace_recording.spans(name="other") == []

@pytest.mark.parametrize("key", ["a/b", "c"])
def test_watched(agenttrace_recording, key):
    agenttrace_recording.watch(program.tracer)
    with program.tracer.run("watched"):
        program.fetch(key)
    (span,) = agenttrace_recording.spans("fetch", "TOOL_CALL")
    assert span.input.value == {"key": key}

@pytest.mark.agenttrace(deterministic=True)
def test_same(agenttrace_recording):
    with agenttrace_recording.tracer.run("same"):
        pass
    assert agenttrace_recording.run.run_id == "0" * 31 + "1"

def test_nothing(agenttrace_recording):
    with pytest.raises(AssertionError, match="expected one run, recorded were: none"):
        agenttrace_recording.run
""",
        "--agenttrace-dir=out",
    )
    assert (done.code, "5 passed" in done.out) == (0, True), done.out
    files = sorted((tmp_path / "out").iterdir())
    assert [file.name.rsplit(".", 2)[0] for file in files] == [
        "test_it.py.test_own",
        "test_it.py.test_same",
        "test_it.py.test_watched_a_b_",
        "test_it.py.test_watched_c_",
    ]
    assert [run.name for run in load_runs(files[0]).runs] == ["agent"]


def test_a_watched_tracer_is_given_back(session: Callable[..., Done], tmp_path: Path) -> None:
    """With its exporter, clock and ids; what it was given in the test it keeps."""
    done = session(
        """
import pytest, program
from agenttrace.testing import MemoryExporter

memory = MemoryExporter()
program.tracer.set_exporter(memory)

def list_runs(kept):
    program.tracer.flush()
    return [(r["name"], r["run_id"]) for r in kept.records if r["type"] == "run" and "end_seq" in r]

@pytest.mark.agenttrace(deterministic=True)
def test_watched(agenttrace_recording):
    for _ in range(2):
        agenttrace_recording.watch(program.tracer)
    with agenttrace_recording.tracer.run("own"):
        pass
    with program.tracer.run("within"):
        program.fetch("a")
    own, within = agenttrace_recording.runs
    assert (own.run_id[-2:], within.run_id[-2:]) == ("01", "02")
    assert within.start_ns < 1_700_000_001_000_000_000
    assert list_runs(memory) == []

def test_after():
    with program.tracer.run("after"):
        pass
    ((name, run_id),) = list_runs(memory)
    assert name == "after" and not run_id.startswith("000")
    stats = program.tracer.stats()
    assert stats.attempted == stats.delivered == 2

other = MemoryExporter()

def test_chosen_within(agenttrace_recording):
    agenttrace_recording.watch(program.tracer)
    program.tracer.set_exporter(other)

def test_goes_on():
    with program.tracer.run("last"):
        pass
    assert [name for name, _ in list_runs(other)] == ["last"]
"""
    )
    assert (done.code, "4 passed" in done.out) == (0, True), done.out


def test_a_failing_test_shows_its_tree(session: Callable[..., Done]) -> None:
    """Below the assertion: what the program did."""
    done = session(
        """
def test_it(agenttrace_recording):
    tracer = agenttrace_recording.tracer
    with tracer.run("agent"), tracer.span("search", "TOOL_CALL"):
        assert 1 == 2
"""
    )
    assert done.code == 1
    shown = done.out.split("agenttrace: recorded runs")[1]
    assert "agent  ERROR" in shown
    assert "└─ search  tool" in shown
    assert "AssertionError" in shown


def test_a_marker_that_cannot_be_meant_is_an_error(session: Callable[..., Done]) -> None:
    """A slip of the pen must not leave a test with the real clock."""
    done = session(
        """
import pytest

@pytest.mark.agenttrace(determinstic=True)
def test_it(agenttrace_recording):
    pass
"""
    )
    assert done.code == 1
    assert "rules=PATH alone, not determinstic" in done.out


def test_it_costs_nothing_where_it_is_not_used(session: Callable[..., Done]) -> None:
    """No import of the package, no warning."""
    done = session(
        """
import sys

def test_it():
    assert "agenttrace_pytest" in sys.modules
    assert "agenttrace" not in sys.modules
"""
    )
    assert (done.code, "1 passed" in done.out) == (0, True), done.out
    assert "warning" not in done.out


def test_the_entry_point_is_declared() -> None:
    """Pip installs the plugin with the package."""
    import tomllib
    from pathlib import Path

    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    points = project["project"]["entry-points"]["pytest11"]
    assert json.dumps(points) == '{"agenttrace": "agenttrace_pytest"}'
