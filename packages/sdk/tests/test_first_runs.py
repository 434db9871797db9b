"""A process's first runs, which several threads begin before the exporter is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from agenttrace import Tracer
from agenttrace import resolution as resolutions
from agenttrace.exporters import MemoryExporter
from agenttrace.resolution import Resolution
from agenttrace.run import clean_correlation
from agenttrace.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

DEADLINE_S = 30
PROGRAM = """
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from agenttrace import Tracer
from agenttrace.wrappers import trace_llm

tracer = Tracer()
together = Barrier(6)

@trace_llm(tracer)
def ask(question):
    return question + "!"

def work(question):
    together.wait(30)
    with tracer.run("request", correlation_id=question, tags=["first"]):
        return ask(question)

with ThreadPoolExecutor(6) as pool:
    print("".join(pool.map(work, "abcdef")))
"""


@pytest.mark.parametrize("_attempt", range(20))
def test_no_first_run_is_lost(tmp_path: Path, _attempt: int) -> None:
    """Six threads that begin the process's first runs at once record six runs, each whole."""
    path = tmp_path / "runs.jsonl"

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "AGENTTRACE_EXPORTER": f"jsonl:{path}"},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (done.stdout, done.stderr) == ("a!b!c!d!e!f!\n", "")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    runs = [line for line in lines if line["type"] == "run" and line["status"] == "COMPLETED"]
    assert sorted(run["correlation_id"] for run in runs) == list("abcdef")
    assert all(run["tags"] == ["first"] for run in runs)
    assert len([line for line in lines if line["type"] == "span"]) >= 6


def test_who_asks_meanwhile_waits() -> None:
    """A thread that asks while another one looks for the exporter is told when that is found."""
    tracer = Tracer(settings=Settings())
    recorder = tracer.recorder
    is_searched, is_asked, told = threading.Event(), threading.Event(), list[bool]()

    def search() -> None:
        is_searched.set()
        assert is_asked.wait(DEADLINE_S)
        tracer.set_exporter(MemoryExporter())

    def ask() -> None:
        assert is_searched.wait(DEADLINE_S)
        is_asked.set()
        told.append(recorder.is_recording())

    recorder.resolve_with(search)
    with ThreadPoolExecutor(2) as pool:
        other = pool.submit(ask)
        assert recorder.is_recording()
        other.result(DEADLINE_S)
    assert told == [True]


def test_the_search_does_not_wait_for_itself() -> None:
    """What the search records itself finds no exporter yet, and no end of waiting."""
    tracer = Tracer(settings=Settings())
    recorder = tracer.recorder
    told: list[bool] = []
    recorder.resolve_with(lambda: told.append(recorder.is_recording()))

    assert not recorder.is_recording()
    assert told == [False]


def test_a_search_that_waits_for_who_asks_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads that wait for each other, as imports make them, go on; the loss is counted."""
    monkeypatch.setattr(resolutions, "MAX_WAIT_S", 0.05)
    tracer = Tracer(settings=Settings())
    recorder = tracer.recorder
    is_searched, is_told, told = threading.Event(), threading.Event(), list[bool]()

    def search() -> None:
        is_searched.set()
        assert is_told.wait(DEADLINE_S)

    def ask() -> None:
        assert is_searched.wait(DEADLINE_S)
        told.append(recorder.is_recording())
        is_told.set()

    recorder.resolve_with(search)
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(ask)
        recorder.is_recording()
        other.result(DEADLINE_S)
    assert told == [False]
    assert tracer.stats().errors == {"resolve_timeout": 1}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_waits_for_the_search() -> None:
    """A child is forked before or after a search by another thread, never in its midst."""
    resolution = Resolution()
    is_searched, is_forking, found = threading.Event(), threading.Event(), list[int]()

    def search() -> None:
        is_searched.set()
        assert is_forking.wait(DEADLINE_S)
        found.append(1)

    resolution.plan(search)
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(resolution.run)
        assert is_searched.wait(DEADLINE_S)
        is_forking.set()
        child = os.fork()
        if child == 0:
            is_whole = len(found) == 1 and not resolution.is_pending and resolution.run()
            os._exit(0 if is_whole else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert other.result(DEADLINE_S)


def test_a_module_that_is_being_imported_is_no_reason_to_fail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A `uuid` that another thread is just importing has no UUID yet; ids are read."""
    half_imported: ModuleType = type(sys)("uuid")
    monkeypatch.setitem(sys.modules, "uuid", half_imported)

    assert clean_correlation("ticket-1") == "ticket-1"
    assert clean_correlation(7) == "7"
