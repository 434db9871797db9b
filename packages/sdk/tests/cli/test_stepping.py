"""`agenttrace replay RUN --step`: lines, JSON, and the view in a real terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from contextlib import contextmanager
from fcntl import ioctl
from typing import TYPE_CHECKING, Any

import pytest
from recordings import RUN_ID, make_event, make_payload, make_run, make_span, span_id, write_file

from agenttrace.cli.stepper import Walker
from agenttrace.steps import StepCursor
from agenttrace.trace import load_runs

from .support import COMMAND, ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .conftest import Done

DEADLINE_S = 30


SIZES = {"COLUMNS", "LINES"}
"""What rich believes before the terminal: readline leaves both to the processes of a test run."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with an agent's run: two model calls, a search that finds nothing."""
    llm = {"span_type": "LLM_CALL", "model": "gpt-x", "parent_span_id": span_id(1)}
    ask = [{"role": "user", "content": "what of Zürich?"}]
    told = [*ask, {"role": "tool", "content": "nothing \x1b[31mfound"}]
    write_file(
        tmp_path / "traces.jsonl",
        [
            make_run(),
            make_span(1, name="agent", span_type="AGENT", seq=0, end_seq=8),
            make_span(
                2, name="plan", seq=1, end_seq=2, input=make_payload({"messages": ask}), **llm
            ),
            make_span(
                3,
                name="search",
                span_type="TOOL_CALL",
                seq=3,
                end_seq=4,
                parent_span_id=span_id(1),
                output=make_payload({"results": []}),
            ),
            make_event(5, "state", {"key": "round", "value": 2**70}, span_id=span_id(1)),
            make_span(
                4, name="answer", seq=6, end_seq=7, input=make_payload({"messages": told}), **llm
            ),
            make_run(rev=1, status="COMPLETED", end_seq=9),
        ],
    )
    return tmp_path


def test_piped_it_is_a_line_a_step(folder: Path, command: Callable[..., Done]) -> None:
    """In the order of what happened, safe to print."""
    done = command("replay", "last", "--step", cwd=folder)
    lines = done.out.splitlines()
    assert [line.split()[:1] + line.split()[4:] for line in lines[3:]] == [
        ["0", "START", "agent", "agent"],
        ["1", "START", "llm", "plan"],
        ["2", "END", "llm", "plan", "COMPLETED", "0.50", "ms"],
        ["3", "START", "tool", "search"],
        ["4", "END", "tool", "search", "COMPLETED", "0.50", "ms"],
        ["5", "STATE", "agent:", "round", "=", str(2**70)],
        ["6", "START", "llm", "answer"],
        ["7", "END", "llm", "answer", "COMPLETED", "0.50", "ms"],
        ["8", "END", "agent", "agent", "COMPLETED", "0.50", "ms"],
    ]
    assert (done.code, done.err) == (0, "")


def test_breakpoints_leave_only_where_they_hold(folder: Path, command: Callable[..., Done]) -> None:
    """With the one that held beside the step; a watch is two steps."""
    wheres = ("--break", "$.output[?length(@)==0]", "-b", "watch:round")
    done = command("replay", "last", "--step", *wheres, cwd=folder)
    assert [line.split()[0] for line in done.out.splitlines()[3:]] == ["4"]
    assert done.out.rstrip().endswith("[$.output[?length(@)==0]]")


def test_a_run_stops_where_it_parts_from_another(
    folder: Path, command: Callable[..., Done]
) -> None:
    """The other is named as any run is; from itself it parts nowhere."""
    other = (folder / "traces.jsonl").read_text().replace('"results": []', '"results": ["found"]')
    (folder / "other.jsonl").write_text(other)
    args = ("replay", "last", "--step", "--json", "--break")
    done = command(*args, "diverges:other.jsonl", cwd=folder)
    assert [step["index"] for step in json.loads(done.out)["steps"]] == [4]
    same = command(*args, "diverges:traces.jsonl", cwd=folder)
    assert json.loads(same.out)["steps"] == []
    assert command(*args, "diverges:nothing.jsonl", cwd=folder).code == 4


def test_one_step_is_shown_whole(folder: Path, command: Callable[..., Done]) -> None:
    """Its values, what is new in the context, what is open, and what it came to."""
    done = command("replay", "last", "--step", "--at", "6", cwd=folder)
    assert "  + ADDED 1 tool: nothing \\x1b[31mfound" in done.out
    assert "  lane 0: agent > answer" in done.out
    assert f"  round = {2**70}" in done.out
    assert "3 spans" not in done.out
    assert "4 spans · 2 LLM calls · 1 tool call" in done.out


def test_a_step_of_a_replay_says_what_it_was_served_from(
    folder: Path, command: Callable[..., Done]
) -> None:
    """In words and as JSON; hostile attributes break nothing."""
    said = {"status": "replayed", "source_span_id": span_id(9), "billed_usd": "0"}
    marks: dict[str, Any] = {**said, "divergence": ["renamed"], "recorded_duration_ns": 2_500_000}
    wild: dict[str, Any] = {
        "status": "\x1b[31m",
        "source_span_id": "\x1b[31m",
        "divergence": "no list",
    }
    write_file(
        folder / "replay.jsonl",
        [
            make_run(replayed_from="0" * 31 + "7"),
            *(
                make_span(
                    number,
                    seq=2 * number,
                    end_seq=2 * number + 1,
                    attributes={f"agenttrace.replay.{name}": own[name] for name in own},
                )
                for number, own in enumerate((marks, wild))
            ),
        ],
    )
    args = ("replay", "replay.jsonl", "--step", "--at")
    shown = command(*args, "0", cwd=folder).out
    assert f"  replayed · recorded as {span_id(9)} · renamed · $0.00 paid" in shown
    assert json.loads(command(*args, "0", "--json", cwd=folder).out)["step"]["replay"] == {
        "status": "REPLAYED",
        "sourceSpanId": span_id(9),
        "divergence": ["RENAMED"],
        "recordedDurationMs": 2.5,
        "billedUsd": "0",
    }
    assert "\\x1b[31m" in command(*args, "2", cwd=folder).out


def test_json_has_graphql_s_names(folder: Path, command: Callable[..., Done]) -> None:
    """A list of light steps, or one step whole; integers keep all their digits."""
    listed = json.loads(command("replay", "last", "--step", "--json", cwd=folder).out)
    assert (listed["totalSteps"], listed["complete"], listed["runId"]) == (9, True, RUN_ID)
    assert listed["replayable"]["ok"] is True
    assert listed["steps"][5] == {
        "index": 5,
        "phase": "STATE",
        "spanId": span_id(1),
        "name": "agent",
        "type": "AGENT",
        "status": "COMPLETED",
        "lane": 0,
        "depth": 0,
        "atMs": 5.0,
        "seq": 5,
        "event": "state",
    }
    one = json.loads(command("replay", "last", "--step", "--json", "--at", "5", cwd=folder).out)
    assert one["step"]["state"] == {"round": 2**70}
    assert one["step"]["stateDelta"] == [
        {"op": "add", "path": "/round", "value": 2**70, "oldValue": None}
    ]
    told = json.loads(command("replay", "last", "--step", "--json", "--at", "6", cwd=folder).out)
    assert [(c["kind"], c["newIndex"]) for c in told["step"]["contextDiff"]] == [("ADDED", 1)]
    broken = command("replay", "last", "--step", "--json", "--break", "error", cwd=folder)
    assert json.loads(broken.out)["steps"] == []


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["last"], 2, "give --step"),
        (["last", "--step", "--break", "what"], 2, "'what' is no breakpoint"),
        (["last", "--step", *["-b", "error"] * 21], 2, "21 breakpoints are too many; at most 20"),
        (["last", "--step", "--at", "9"], 3, "there is no step 9; they go from 0 to 8"),
        (["last", "--step", "--at", "here"], 2, "'here' is no step: give a number from 0 to 8"),
        (["last", "--step", "--at", "000000"], 3, "4 spans of the run begin with '000000'"),
        (["abcdef", "--step"], 3, "no run 'abcdef'"),
    ],
)
def test_what_cannot_be_stepped_says_why(
    folder: Path, command: Callable[..., Done], args: list[str], code: int, message: str
) -> None:
    """With the exit codes of every command."""
    done = command("replay", *args, cwd=folder, COLUMNS="200")
    assert (done.code, message in done.err) == (code, True), done.err


@pytest.mark.parametrize(
    ("place", "index"),
    [("3", 3), (span_id(4), 6), (f"{RUN_ID}:{span_id(3)}", 3), ("4ms", 4), ("0.0031s", 3)],
)
def test_a_step_is_a_number_a_span_or_a_time(
    folder: Path, command: Callable[..., Done], place: str, index: int
) -> None:
    """A time means the last step that came no later."""
    done = command("replay", "last", "--step", "--at", place, "--json", cwd=folder)
    assert json.loads(done.out)["step"]["index"] == index


# The view


def test_keys_move_and_set(folder: Path) -> None:
    """Each key of the help, and what it says where there is nothing further."""
    walker = Walker(StepCursor.of_run(load_runs(folder / "traces.jsonl").runs[0]), [])

    def press(*keys: str) -> int:
        for key in keys:
            assert walker.press(key)
        return walker.cursor.index

    assert [press("right"), press("n"), press("left"), press("p")] == [1, 2, 1, 0]
    assert [press("shift-right"), press("home"), press("right"), press("up")] == [8, 0, 1, 8]
    assert [press("home", "down"), press("shift-down"), press("end")] == [1, 0, 8]
    assert [press("page-up"), press("page-down"), press("e")] == [0, 8, 8]
    assert walker.message == "there is nothing further that way"
    assert press("home", "c") == 0
    assert walker.message == "no breakpoint is set: b sets one"
    assert press("b", *"type:TOOL_CALL", "enter", "c") == 3
    assert walker.message == "stopped: type:TOOL_CALL"
    assert press("c") == 3
    assert walker.message == "no breakpoint holds after this step"
    assert press("end", "C") == 3
    assert press("b", "enter") == 3
    assert walker.message == "gone: type:TOOL_CALL"
    assert press("b", *"nonsense", "enter") == 3
    assert walker.message.startswith("'nonsense' is no breakpoint")
    assert press("g", *"7x", "backspace", "enter") == 7
    assert press("g", *"99", "enter") == 7
    assert walker.message == "there is no step 99; they go from 0 to 8"
    assert press("g", *"1", "escape") == 7
    assert press("home", "/", *"Zürich", "enter") == 1
    assert press("/", *"moon", "enter") == 1
    assert walker.message == "no step after this one has 'moon'"
    assert press("?") == 1
    assert walker.shows_help
    assert press("x", "x") == 1
    assert walker.message == "'x' means nothing; ? for help"
    assert not walker.press("q")


class Terminal:
    """A real terminal with the command in it."""

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int) -> None:
        self.process = process
        self.descriptor = descriptor
        self.shown = ""

    def press(self, keys: str) -> None:
        """Type keys."""
        os.write(self.descriptor, keys.encode())

    def wait_for(self, *texts: str) -> str:
        """Return what was written since the last time, once these texts are in it."""
        until_s = time.monotonic() + DEADLINE_S
        written = ""
        while not all(text in written for text in texts):
            left_s = until_s - time.monotonic()
            if left_s <= 0 or not select.select([self.descriptor], [], [], left_s)[0]:
                pytest.fail(f"{texts} did not come; there is {written[-3_000:]!r}")
            written += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self._read())
        return written

    def resize(self, rows: int, columns: int) -> None:
        """Give the terminal another size, which the command is told."""
        ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.kill(self.process.pid, signal.SIGWINCH)

    def wait(self) -> int:
        """Return the exit code of the command, reading what it still writes."""
        until_s = time.monotonic() + DEADLINE_S
        while self.process.poll() is None and time.monotonic() < until_s:
            if select.select([self.descriptor], [], [], 0.1)[0]:
                self._read()
        return self.process.wait(timeout=1)

    def _read(self) -> str:
        try:
            data = os.read(self.descriptor, 65_536).decode("utf-8", "replace")
        except OSError:  # the command has ended
            data = ""
        self.shown += data
        return data


@contextmanager
def open_terminal(folder: Path, *args: str) -> Iterator[Terminal]:
    leader, follower = pty.openpty()
    ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    process = subprocess.Popen(
        [*COMMAND, "replay", *args],
        cwd=folder,
        env={name: value for name, value in ENVIRONMENT.items() if name not in SIZES},
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    try:
        yield Terminal(process, leader)
    finally:
        process.kill()
        process.wait()
        os.close(leader)


def test_a_terminal_is_walked_in_and_given_back(folder: Path) -> None:
    """Arrows, a breakpoint, a jump, help; then the screen is as it was."""
    with open_terminal(folder, "last", "--step") as terminal:
        terminal.wait_for("step 0 of 8")
        terminal.press("\x1b[C")
        terminal.wait_for("step 1 of 8", "plan")
        terminal.press("\x1b[D\x1b[1;2C")
        terminal.wait_for("step 8 of 8")
        terminal.press("b$.output[?length(@)==0]\r")
        terminal.wait_for("set: $.output[?length(@)==0]; c goes on to it")
        terminal.press("C")
        terminal.wait_for("stopped: $.output[?length(@)==0]")
        terminal.press("g6\r")
        assert "+ ADDED 1 tool: nothing \\x1b[31mfound" in terminal.wait_for("4 spans · 2 LLM")
        terminal.press("?")
        terminal.wait_for("next step of this lane")
        terminal.press(" \x1b[A")
        terminal.wait_for("step 8 of 8")
        terminal.press("q")
        assert terminal.wait() == 0
        assert "\x1b[?1049h" in terminal.shown
        assert terminal.shown.rindex("\x1b[?1049l") > terminal.shown.rindex("step 8 of 8")


def test_a_terminal_of_another_size_is_drawn_anew(folder: Path) -> None:
    """Also a very small one."""
    with open_terminal(folder, "last", "--step", "--at", "3") as terminal:
        terminal.wait_for("step 3 of 8")
        terminal.resize(12, 60)
        terminal.wait_for("step 3 of 8")
        terminal.resize(5, 20)
        terminal.press("\x1b[C")
        terminal.wait_for("this step")
        terminal.resize(40, 120)
        terminal.wait_for("step 4 of 8")
        terminal.press("\x03")
        assert terminal.wait() == 0


def test_a_terminal_that_goes_away_ends_the_command(folder: Path) -> None:
    """It does not stay behind."""
    with open_terminal(folder, "last", "--step") as terminal:
        terminal.wait_for("step 0 of 8")
        terminal.press("\x04")
        assert terminal.wait() == 0
