"""Programs that fork are replayed as one: real processes, which go by one recording together."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from .programs import AGENT, BEGIN, Folder, make_folder
from .support import ENVIRONMENT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")

FORKING = """
import multiprocessing, warnings
warnings.filterwarnings("ignore", category=DeprecationWarning)  # of forking where threads are

def in_child(body):
    child = os.fork()
    if child == 0:
        try:
            body()
        except BaseException:
            pass
        finally:
            tracer.flush()
            os._exit(0)
    os.waitpid(child, 0)

def work(query):
    found = search(query)
    tracer.flush()
    return found["query"]
"""
FORKED = """
def main(query="rain"):
    with tracer.run("agent"):
        search("first")
        in_child(lambda: search(query))
        print(search("last"))
"""
POOLED = """
def main(query="rain"):
    with tracer.run("agent"):
        with multiprocessing.get_context("fork").Pool(4) as pool:
            print(pool.map(work, [query] * 8, chunksize=1))
"""
LEAVING = """
import sys

def main(query="rain"):
    with tracer.run("agent"):
        search("first")
        if os.fork() == 0:
            search(query)
            sys.exit(3)  # out of the block of a run that the parent goes on with
        os.wait()
        print(search("last"))
"""
WITHIN = """
from agenttrace.replay import ReplayDivergence

def main(query="rain"):
    with tracer.replay("recorded.jsonl") as session:
        with tracer.run("agent"):
            search("first")
            in_child(lambda: search(query))
            try:
                search("last")
            except BaseException:
                mark("stopped")
"""


def make(tmp_path: Path, main: str) -> Folder:
    """Return a folder in which a program that forks was recorded."""
    folder = make_folder(tmp_path, main=FORKING + main)
    assert folder.calls == []
    return folder


@pytest.mark.parametrize(("main", "calls"), [(FORKED, 3), (POOLED, 8), (LEAVING, 3)])
def test_what_a_child_was_served_is_not_missing(tmp_path: Path, main: str, calls: int) -> None:
    """Each recorded call is used once, whichever process has it, also of those that are alike."""
    folder = make(tmp_path, main)
    report = folder.report("last")
    assert report["divergences"] == []
    assert report["identical"]
    assert (report["counts"]["replayed"], report["exitCode"], folder.calls) == (calls, 0, [])


def test_where_a_child_leaves_the_recording_all_stop(tmp_path: Path) -> None:
    """It swallows what is raised and ends well: its parent makes no call after it all the same."""
    folder = make(tmp_path, FORKED)
    report = folder.report("last", program=("agent.py", "snow"))
    assert [each["kind"] for each in report["divergences"]] == ["input_changed"]
    assert (report["exitCode"], report["counts"]["replayed"], folder.calls) == (10, 1, [])


def test_a_pool_whose_worker_leaves_the_recording_is_not_waited_for(tmp_path: Path) -> None:
    """The pool would wait for a worker's answer that died of it; it gets the divergence."""
    folder = make(tmp_path, POOLED)
    report = folder.report("last", program=("agent.py", "snow"))
    assert {each["kind"] for each in report["divergences"]} == {"input_changed"}
    assert (report["exitCode"], report["counts"]["replayed"], folder.calls) == (10, 0, [])


@pytest.mark.parametrize(("query", "code"), [("rain", 0), ("snow", 1)])
def test_a_session_of_the_program_s_own_is_one_too(tmp_path: Path, query: str, code: int) -> None:
    """The end of the block raises what stopped a child."""
    folder = make(tmp_path, FORKED)
    (folder.path / "traces.jsonl").rename(folder.path / "recorded.jsonl")
    folder.write("agent.py", AGENT + FORKING + WITHIN + BEGIN)
    done = subprocess.run(
        [sys.executable, "agent.py", query],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert folder.calls == ["stopped"] * code
    assert ("ReplayDivergence: input_changed at agent/search" in done.stderr) is bool(code)
