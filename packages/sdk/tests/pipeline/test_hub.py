"""The ends of a program: normal, forked, killed by its own exception, and with a server away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

PRELUDE = """
import multiprocessing, os, sys, threading
from agenttrace import Tracer
from agenttrace.exporters import JSONLExporter
from agenttrace.wrappers import trace_tool
tracer = Tracer(exporter=JSONLExporter("t.jsonl"))
@trace_tool(tracer)
def work(number):
    return number
"""


def run(tmp_path: Path, code: str, *, returncode: int = 0) -> list[dict[str, Any]]:
    """Run a program that records to t.jsonl, and return what it left there."""
    path = tmp_path / "program.py"
    path.write_text(PRELUDE + textwrap.dedent(code))
    done = subprocess.run(
        [sys.executable, "-W", "error", "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={key: value for key, value in os.environ.items() if not key.startswith("AGENTTRACE_")},
    )
    assert (done.returncode, done.stderr) == (returncode, ""), done.stderr
    return [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines()]


def ended(records: list[dict[str, Any]]) -> list[tuple[str, str, int | None]]:
    """Return type, status and output of each terminal snapshot."""
    return [
        (r["type"], r["status"], r.get("output", {}).get("value"))
        for r in records
        if r["status"] != "STARTED"
    ]


def test_a_program_that_just_ends_delivers_everything(tmp_path: Path) -> None:
    """Nobody has to call flush."""
    records = run(tmp_path, "work(1)")
    assert ended(records) == [("span", "COMPLETED", 1), ("run", "COMPLETED", 1)]


def test_sys_exit_within_a_run_delivers_everything(tmp_path: Path) -> None:
    """The exit code is the program's own."""
    records = run(
        tmp_path,
        """
        with tracer.run("agent"):
            work(1)
            sys.exit(7)
        """,
        returncode=7,
    )
    assert ended(records) == [("span", "COMPLETED", 1), ("run", "ERROR", None)]


def test_a_run_that_is_open_at_the_end_is_interrupted(tmp_path: Path) -> None:
    """A daemon thread that the end of the program stops leaves no span that seems to run."""
    records = run(
        tmp_path,
        """
        started = threading.Event()
        def agent():
            with tracer.run("agent"), tracer.span("stuck"):
                started.set()
                threading.Event().wait()
        threading.Thread(target=agent, daemon=True).start()
        started.wait()
        """,
    )
    assert ended(records) == [("span", "INTERRUPTED", None), ("run", "INTERRUPTED", None)]


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@needs_fork
def test_forked_processes_deliver_their_own_and_nothing_twice(tmp_path: Path) -> None:
    """Children of multiprocessing skip atexit; their records arrive all the same."""
    records = run(
        tmp_path,
        """
        def child(number):
            for index in range(10):
                work(number * 100 + index)
        with tracer.run("agent"):
            work(-1)
            context = multiprocessing.get_context("fork")
            children = [context.Process(target=child, args=(n,)) for n in range(3)]
            [each.start() for each in children]
            [each.join() for each in children]
            work(-2)
        """,
    )
    spans = [r for r in records if r["type"] == "span" and r["status"] == "COMPLETED"]
    values = sorted(span["output"]["value"] for span in spans)
    assert values == sorted([-1, -2, *(n * 100 + i for n in range(3) for i in range(10))])
    assert len({r["span_id"] for r in spans}) == 32
    assert len({seq for r in spans for seq in (r["seq"], r["end_seq"])}) == 64
    assert max(r["end_seq"] for r in spans) < 2**53
    assert len({r["lane"] for r in spans}) == 4
    assert [r["status"] for r in records if r["type"] == "run"] == ["STARTED", "COMPLETED"]


@needs_fork
def test_a_span_that_was_open_at_a_fork_is_ended_by_the_parent_alone(tmp_path: Path) -> None:
    """Two processes must not send two ends of one rank; what the child starts is its own."""
    records = run(
        tmp_path,
        """
        with tracer.run("agent"), tracer.span("outer") as span:
            pid = os.fork()
            if pid == 0:
                span.set_output("child")
                span.fail(ValueError("child"))
                span.add_event("note", "child")
                work(1)
                sys.exit(7)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
            span.set_output("parent")
        assert tracer.current_run() is None
        """,
    )
    ends = [r for r in records if r["type"] == "span" and r["rev"] == 1]
    assert [(r["name"], r["status"], r["output"]["value"]) for r in ends] == [
        ("work", "COMPLETED", 1),
        ("outer", "COMPLETED", "parent"),
    ]
    assert ends[0]["parent_span_id"] == ends[1]["span_id"]
    assert [r["body"]["value"] for r in records if r["type"] == "event"] == ["child"]


@needs_fork
def test_a_child_is_out_of_what_it_left_and_counts_no_error(tmp_path: Path) -> None:
    """Leaving inherited spans restores the context, and nothing of it is the user's mistake."""
    records = run(
        tmp_path,
        """
        with tracer.span("implicit"):
            with tracer.span("inner") as inner:
                pid = os.fork()
                if pid == 0:
                    inner.set_attribute("k", 1)
            if pid == 0:
                assert tracer.current_span().name == "implicit"
        if pid == 0:
            ok = tracer.current_run() is None and tracer.stats().errors == {}
            work(1)
            tracer.shutdown(timeout_s=5)
            os._exit(0 if ok else 1)
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        """,
    )
    ends = [r for r in records if r["type"] == "span" and r["rev"] == 1]
    assert sorted(r["name"] for r in ends) == ["implicit", "inner", "work"]
    assert sorted(r["name"] for r in records if r["type"] == "run" and r["rev"] == 1) == [
        "implicit",
        "work",
    ]


@needs_fork
def test_a_fork_while_every_lock_is_held_does_not_hang_the_child(tmp_path: Path) -> None:
    """Locks that another thread held at the fork are never released in the child: they are new."""
    records = run(
        tmp_path,
        """
        work(0)
        tracer.flush()
        (pipeline,) = tracer.recorder.hub.sinks
        writer = tracer.recorder.hub._writer
        intake = writer.intake
        held = threading.Event()
        release = threading.Event()
        def hold():
            with pipeline.outlet._lock, pipeline._thread._lock, intake.lock, writer._thread._lock:
                held.set()
                release.wait()
        holder = threading.Thread(target=hold)
        holder.start()
        held.wait()
        pid = os.fork()
        if pid == 0:
            work(1)
            complete = tracer.shutdown(timeout_s=5).complete
            os._exit(0 if complete else 1)
        _, status = os.waitpid(pid, 0)
        release.set()
        holder.join()
        sys.exit(os.waitstatus_to_exitcode(status))
        """,
    )
    assert [r["output"]["value"] for r in records if r["type"] == "span" and r["rev"]] == [0, 1]


@needs_fork
def test_a_fork_waits_until_the_recording_thread_is_between_two_batches(tmp_path: Path) -> None:
    """A module that it is importing would stay half imported in the child for ever."""
    (tmp_path / "slow_module.py").write_text(
        "import threading\nbegun = threading.Event()\nbegun.set()\n"
        "threading.Event().wait(0.3)\nvalue = 1\n"
    )
    records = run(
        tmp_path,
        """
        from agenttrace.plugins import Processor
        class Importing(Processor):
            def process(self, records):
                from slow_module import value
                return records
            def flush(self):
                return ()
        tracer.recorder.hub.use_processors([Importing()])
        work(0)
        while "slow_module" not in sys.modules:
            pass
        pid = os.fork()
        if pid == 0:
            work(1)
            complete = tracer.shutdown(timeout_s=5).complete and not tracer.stats().errors
            os._exit(0 if complete else 1)
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        """,
    )
    ends = [r["output"]["value"] for r in records if r["type"] == "span" and r["rev"]]
    assert sorted(ends) == [0, 1]


@needs_fork
def test_a_child_starts_with_an_empty_queue(tmp_path: Path) -> None:
    """What waits in the parent is the parent's to deliver."""
    records = run(
        tmp_path,
        """
        class Gate(JSONLExporter):
            go = threading.Event()
            entered = threading.Event()
            def export(self, records):
                self.entered.set()
                self.go.wait()
                return super().export(records)
        tracer.set_exporter(Gate("t.jsonl"))
        work(0)
        Gate.entered.wait()
        pid = os.fork()
        if pid == 0:
            Gate.go = threading.Event()
            Gate.go.set()
            assert tracer.stats().attempted == 0
            work(1)
            tracer.shutdown(timeout_s=5)
            os._exit(0)
        os.waitpid(pid, 0)
        Gate.go.set()
        """,
    )
    assert [r["output"]["value"] for r in records if r["type"] == "span" and r["rev"]] == [1, 0]


def test_a_server_that_is_away_costs_the_end_of_a_program_nothing(tmp_path: Path) -> None:
    """Refused means gone: one last attempt, one warning, and the file is whole."""
    (tmp_path / "program.py").write_text(
        PRELUDE + 'tracer.add_exporter("http://127.0.0.1:1/api")\nfor n in range(100): work(n)\n'
    )
    started = monotonic()
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert monotonic() - started < 10  # below 1 s when the machine is idle
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("cannot reach http://127.0.0.1:1/api/ingest: connection refused.")
    lines = (tmp_path / "t.jsonl").read_text().splitlines()
    assert len([line for line in lines if '"status":"COMPLETED"' in line]) == 200
