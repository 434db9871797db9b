"""`tail`: a file that grows, is not there yet, is cut or replaced; and how it ends."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import pytest
from recordings import RUN_ID, make_event, make_run, make_span, span_id, write_file

from agenttrace.cli.following import Follower

from .support import COMMAND, ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .conftest import Done

    Run = Callable[..., Done]

DEADLINE_S = 30


class Tail:
    """The command as a process; `next` waits for a line that it prints."""

    def __init__(self, *args: str, cwd: Path) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "tail", *args],
            cwd=cwd,
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lines: queue.Queue[tuple[str, str]] = queue.Queue()
        self._readers = [
            threading.Thread(target=self._read, args=(name,)) for name in ("stdout", "stderr")
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, name: str) -> None:
        for line in getattr(self.process, name):
            self._lines.put((name, line.rstrip("\n")))

    def next(self) -> tuple[str, str]:
        return self._lines.get(timeout=DEADLINE_S)

    def end(self) -> int:
        code = self.process.wait(timeout=DEADLINE_S)
        for reader in self._readers:
            reader.join(timeout=DEADLINE_S)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        return code

    def rest(self) -> list[tuple[str, str]]:
        return [self._lines.get_nowait() for _ in range(self._lines.qsize())]


@pytest.fixture
def tails() -> Iterator[Callable[..., Tail]]:
    """Give a function that starts `agenttrace tail`; what still runs is ended after the test."""
    started: list[Tail] = []

    def start(*args: str, cwd: Path) -> Tail:
        started.append(Tail(*args, cwd=cwd))
        return started[-1]

    yield start
    for tail in started:
        if tail.process.poll() is None:
            tail.process.kill()
            tail.end()


def append(path: Path, *records: dict[str, Any]) -> None:
    """Write records to the end of a file."""
    with path.open("a") as file:
        file.write("".join(json.dumps(record) + "\n" for record in records))


def test_a_recording_is_followed_from_before_it_is_there(
    tails: Callable[..., Tail], tmp_path: Path
) -> None:
    """Each line as it is written; Ctrl-C ends it with 130 and without a word."""
    tail = tails("t.jsonl", cwd=tmp_path)
    assert tail.next() == ("stderr", "agenttrace: waiting for t.jsonl")
    append(tmp_path / "t.jsonl", make_run())
    assert tail.next() == ("stdout", f"22:13:20.000  ▶ run agent  {RUN_ID}")
    append(tmp_path / "t.jsonl", make_span(1, rev=0, status="STARTED"), make_span(1))
    assert tail.next() == ("stdout", "22:13:20.002    ▶ custom step 1")
    assert tail.next() == ("stdout", "22:13:20.002    ✓ custom step 1  0.50 ms")
    tail.process.send_signal(signal.SIGINT)
    assert tail.end() == 130
    assert tail.rest() == []


def test_a_run_is_followed_to_its_end(tails: Callable[..., Tail], tmp_path: Path) -> None:
    """`last` is the one that comes, when none is there; the command ends with it."""
    (tmp_path / "t.jsonl").touch()
    tail = tails("t.jsonl", "last", cwd=tmp_path)
    end = make_run(rev=1, status="ERROR", error={"type": "builtins.ValueError", "message": "no"})
    append(tmp_path / "t.jsonl", make_run(), end)
    assert tail.end() == 0
    assert [line.partition("  ")[2] for _, line in tail.rest()] == [
        f"▶ run agent  {RUN_ID}",
        "✗ run agent  ERROR  ValueError: no",
    ]


def test_records_are_told_once_and_in_place(command: Run, tmp_path: Path) -> None:
    """Inner spans are indented; a line that comes twice is told once."""
    span = make_span(1, rev=0, status="STARTED", name="outer")
    inner = make_span(2, parent_span_id=span_id(1), status="CANCELLED", name="inner")
    state = make_event(6, "state", {"key": "k", "value": 1}, span_id=span_id(1))
    end = make_run(rev=1, status="COMPLETED", duration_ns=1_000_000)
    write_file(tmp_path / "t.jsonl", [make_run(), span, span, inner, inner, state, end])
    done = command("tail", "t.jsonl", RUN_ID, cwd=tmp_path)
    assert [line.partition("  ")[2] for line in done.out.splitlines()] == [
        f"▶ run agent  {RUN_ID}",
        "  ▶ custom outer",
        "    ✗ custom inner  0.50 ms  cancelled",
        "    • state k  = 1",
        "✓ run agent  COMPLETED  1.00 ms",
    ]


def test_json_is_the_records(command: Run, tmp_path: Path) -> None:
    """Byte for byte."""
    end = make_run(rev=1, status="COMPLETED")
    path = write_file(tmp_path / "traces.jsonl", [make_run(), make_span(1), end])
    assert command("tail", "last", "--json", cwd=tmp_path).out == path.read_text()


def test_bad_lines_are_told(command: Run, tmp_path: Path) -> None:
    """And stop nothing."""
    path = write_file(tmp_path / "t.jsonl", [make_run()])
    path.write_text(path.read_text() + "{\n")
    append(path, make_run(rev=1, status="COMPLETED"))
    done = command("tail", "t.jsonl", "last", cwd=tmp_path)
    assert (done.code, len(done.out.splitlines())) == (0, 2)
    assert done.err.startswith("agenttrace: line 2 is left out: not valid JSON")


def read(follower: Follower) -> list[str]:
    """Return the texts that are new."""
    return [line.text.decode() for line in follower.read()]


def test_a_file_that_is_cut_or_replaced_is_followed_on(tmp_path: Path) -> None:
    """And a line that is not finished waits."""
    path = tmp_path / "t.jsonl"
    follower = Follower(str(path))
    assert read(follower) == []
    path.write_text("one\ntw")
    assert read(follower) == ["one"]
    with path.open("a") as file:
        file.write("o\r\n\n")
    assert read(follower) == ["two"]
    path.write_text("cut\n")
    assert read(follower) == ["cut"]
    with path.open("a") as file:
        file.write("late\n")
    path.rename(tmp_path / "old.jsonl")
    path.write_text("new\n")
    assert read(follower) == ["late", "new"]
    path.unlink()
    assert read(follower) == []
    path.write_text("again\n")
    assert read(follower) == ["again"]
    follower.close()
