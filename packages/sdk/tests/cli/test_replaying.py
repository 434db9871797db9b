"""`agenttrace replay RUN -- PROGRAM` is not deceived: real processes, whatever they do."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from agenttrace.trace import load_runs

from .programs import AGENT, BEGIN, MAIN, Folder, make_folder
from .support import COMMAND, ENVIRONMENT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Return a folder with an agent that was recorded into ./traces.jsonl."""
    return make_folder(tmp_path)


# What is served


def test_a_program_of_two_runs_is_one_report(tmp_path: Path) -> None:
    """The other run of the workflow goes along, and both are told in one report."""
    two = MAIN + BEGIN.replace("sys.argv[1:])", "sys.argv[1:])\n    main('snow')", 1)
    folder = make_folder(tmp_path, main=two)
    first, second = dict.fromkeys(line["run_id"] for line in folder.lines)
    report = folder.report(f"traces.jsonl:{first}")
    assert (report["identical"], report["counts"]["replayed"]) == (True, 6)
    assert len(report["runIds"]) == 2
    assert second not in report["runIds"]
    assert folder.calls == []


def test_each_recorded_run_is_gone_by_once_whatever_process_it_is(folder: Folder) -> None:
    """Processes share the recording: what a second one does beyond it is stopped, not made."""
    again = "import subprocess, sys\nsubprocess.run([sys.executable, 'agent.py'])\n"
    folder.write("twice.py", again * 2)
    report = folder.report("last", program=("twice.py",))
    assert [each["kind"] for each in report["divergences"]] == ["extra_call"]
    assert (report["exitCode"], report["counts"]["replayed"], folder.calls) == (10, 3, [])


def test_every_tracer_of_a_program_is_led(folder: Folder) -> None:
    """A second tracer with settings of its own makes no call either."""
    second = AGENT.replace("Tracer()", "Tracer(settings=Settings(), exporter='memory')")
    folder.write(
        "agent.py",
        second.replace("import Tracer", "import Tracer\nfrom agenttrace.settings import Settings")
        + MAIN
        + BEGIN,
    )
    done = folder.replay("last", AGENTTRACE_DISABLED="1")
    assert (done.code, folder.calls) == (0, []), done.err


# Where it leaves the recording

ENDS = {
    "returns": "",
    "ends itself": "os._exit(0)",
    "is killed": "os.kill(os.getpid(), 9)",
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_a_divergence_cannot_be_swallowed(folder: Folder, end: str) -> None:
    """Whatever the program catches and however it ends: exit code 10, and no call was made."""
    swallowing = f"""
def main():
    try:
        with tracer.run("agent"):
            for call in (lambda: search("snow"), lambda: answer("x"), lambda: charge(7)):
                try:
                    call()
                except BaseException:
                    pass
    except BaseException:
        pass
    {end or "pass"}
"""
    folder.write("agent.py", AGENT + swallowing + BEGIN)
    report = folder.report("last")
    first = report["divergences"][0]
    assert (report["exitCode"], folder.calls) == (10, [])
    assert (first["kind"], first["path"], first["at"]) == (
        "input_changed",
        "agent/search",
        "$.query",
    )
    assert (first["recorded"], first["live"]) == ("rain", "snow")


def test_a_run_that_is_cut_short_is_a_divergence(folder: Folder) -> None:
    """A program that ends itself within the run did not do what was recorded."""
    folder.write("agent.py", AGENT + MAIN.replace("charge(7)", "os._exit(0)") + BEGIN)
    report = folder.report("last")
    assert [each["kind"] for each in report["divergences"]] == ["missing_call"]
    assert "before this run did" in report["divergences"][0]["message"]
    assert (report["exitCode"], report["programExitCode"]) == (10, 0)


def test_a_program_that_is_killed_where_its_recording_was_is_not_called_identical(
    tmp_path: Path,
) -> None:
    """Nobody knows what it was served: it says so, and that the recording never ended."""
    folder = Folder(tmp_path)
    killed = MAIN.replace("charge(7)", "tracer.flush(); os.kill(os.getpid(), 9)")
    folder.write("agent.py", AGENT + killed + BEGIN)
    folder.record(code=-9)
    (run_id,) = {line["run_id"] for line in folder.lines}
    report = folder.report("last")
    assert (report["identical"], report["unfinishedRunIds"]) == (False, [run_id])
    assert (report["notes"], report["exitCode"]) == ({"processes_uncounted": 1}, 137)
    assert f"recording {run_id} never ended" in folder.replay("last").err
    assert folder.calls == []


def test_what_cannot_be_begun_ends_the_process_before_a_call(folder: Folder) -> None:
    """A tracer that records nothing could be served nothing: its process ends at once."""
    disabled = AGENT.replace("Tracer()", "Tracer(settings=Settings(disabled=True))")
    folder.write("agent.py", "from agenttrace.settings import Settings\n" + disabled + MAIN + BEGIN)
    done = folder.replay("last")
    assert (done.code, folder.calls) == (2, [])
    assert "this process cannot be replayed" in done.err


# What is printed


def test_json_is_all_that_standard_output_has(folder: Folder) -> None:
    """What the program prints goes to standard error then."""
    done = folder.replay("last", "--json")
    assert json.loads(done.out)["identical"] is True
    assert done.err == "{'QUERY': 'RAIN', 'FOUND': 3}\n"


def test_the_end_of_the_command_is_the_end_of_the_program(folder: Folder) -> None:
    """SIGTERM reaches the program, and the exit code says so."""
    # In short turns: a signal between the look for one and the wait would be seen after all of it.
    turns = "[threading.Event().wait(0.05) for _ in range(1000)]"
    waiting = f"import threading\n    open('ready', 'w').close()\n    {turns}"
    folder.write(
        "agent.py", AGENT + MAIN.replace("with tracer", f"{waiting}\n    with tracer") + BEGIN
    )
    command = [*COMMAND, "replay", "last", "--", sys.executable, "agent.py"]
    with subprocess.Popen(
        command, cwd=folder.path, env=ENVIRONMENT, stderr=subprocess.DEVNULL
    ) as process:
        deadline = time.monotonic() + 30
        while not (folder.path / "ready").exists() and time.monotonic() < deadline:
            os.sched_yield()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 10  # it never came to the run


def read_terminal(*command: str, cwd: Path, **variables: str) -> str:
    """Return what a command writes to standard error, which is a terminal."""
    leader, follower = pty.openpty()
    with os.fdopen(leader, "rb", buffering=0) as screen:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**ENVIRONMENT, **variables},
            stdout=subprocess.DEVNULL,
            stderr=follower,
        )
        os.close(follower)
        written = b""
        try:
            while data := screen.read(65_536):
                written += data
        except OSError:  # the other end is closed
            pass
        process.wait(timeout=30)
    return written.decode()


def test_a_terminal_shows_the_report_in_colours_and_nothing_else_does(folder: Folder) -> None:
    """Nor does a terminal whose user wants none; the words are the same."""
    command = (*COMMAND, "replay", "last", "--", sys.executable, "agent.py", "snow")
    coloured = read_terminal(*command, cwd=folder.path)
    assert "\x1b[1;31m  raise input_changed at agent/search: " in coloured
    assert "\x1b[31m        - 'rain'\x1b[0m" in coloured
    assert "\x1b[32m        + 'snow'\x1b[0m" in coloured
    plain = read_terminal(*command, cwd=folder.path, NO_COLOR="1")
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain
    piped = folder.replay("last", program=("agent.py", "snow"))
    assert piped.err == plain.replace("\r\n", "\n")


# What is left


def test_the_new_runs_are_written_into_a_file(folder: Folder) -> None:
    """A JSONL file like any other, which replaces what was there; the recording stays as it is."""
    before = folder.lines
    source_id = before[0]["run_id"]
    folder.write("new.jsonl", "what was there\n")
    folder.write("agent.py", AGENT.replace("jsonl:./traces.jsonl", "memory") + MAIN + BEGIN)
    done = folder.replay("last", "--output", "new.jsonl")
    assert done.code == 0, done.err
    (again,) = load_runs(folder.path / "new.jsonl").runs
    assert (again.replayed_from, len(again.spans)) == (source_id, 3)
    assert folder.lines == before
    # One that was stopped is written too, and can be compared.
    assert folder.replay("last", "-o", "new.jsonl", program=("agent.py", "snow")).code == 10
    (stopped,) = load_runs(folder.path / "new.jsonl").runs
    assert stopped.replayed_from == source_id


def test_the_new_runs_are_not_written_over_the_recording(folder: Folder) -> None:
    """Nor into a folder that is not there: both are refused before anything runs."""
    before = folder.lines
    for run in ("last", "traces.jsonl", "traces.jsonl:last"):
        done = folder.replay(run, "--output", "./traces.jsonl")
        assert (done.code, folder.lines) == (2, before), done.err
    done = folder.replay("last", "--output", "none/new.jsonl")
    assert (done.code, done.out) == (4, "")
    assert "there is no folder none" in done.err


def test_a_file_that_cannot_be_written_is_told_after_the_report(folder: Folder) -> None:
    """The report's exit code is not hidden by it."""
    (folder.path / "new.jsonl").mkdir()
    for topic, code in (("rain", 4), ("snow", 10)):
        done = folder.replay("last", "--output", "new.jsonl", program=("agent.py", topic))
        assert done.code == code, done.err
        assert "cannot write new.jsonl" in done.err


# What is held still

FROZEN = """
import datetime, random, uuid
def main():
    with tracer.freeze("time", "random", "uuid"), tracer.run("agent"):
        search(str(datetime.datetime.now()))
        search(str(random.random()))
        search(str(uuid.uuid4()))
"""


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (None, []),
        ("time, random,uuid", []),
        ("none", [0, 1, 2]),
        ("random,uuid", [0]),
        ("time", [1, 2]),
    ],
)
def test_what_is_held_still_is_chosen(
    tmp_path: Path, kinds: str | None, expected: list[int]
) -> None:
    """By default what the recording held; each kind by its name."""
    folder = make_folder(tmp_path, main=FROZEN)
    options = () if kinds is None else ("--freeze", kinds)
    report = folder.report("last", "--on", "input_changed=warn", *options)
    inputs = [each["input"]["value"]["query"] for each in folder.lines if "input" in each]
    asked = list(dict.fromkeys(inputs))
    assert [each["recorded"] for each in report["divergences"]] == [asked[at] for at in expected]


def test_what_cannot_be_held_still_is_refused(folder: Folder) -> None:
    """A kind that there is not before anything runs; chance where the recording has no seed."""
    done = folder.replay("last", "--freeze", "time,weather")
    assert done.code == 2
    assert "weather" in done.err
    assert folder.replay("last", "--freeze", "random").code == 12
    assert folder.calls == []
