"""What the child records: runs of spans whose names are tokens and whose values are known."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .side_file import Entry, SideFile, hash_value, read_figures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agenttrace import Tracer

    from .plan import Plan

SETTLE_S: Final = 0.05
_WORDS: Final = "the agent reads näive “quotes”, ünïcode 雪 and\ttabs then answers in full "

Value = dict[str, str | int]


class Workload:
    """One thread's work. Each group of records is in the side file before it is made."""

    def __init__(self, plan: Plan, tracer: Tracer, folder: Path) -> None:
        self._plan = plan
        self._tracer = tracer
        self.file = SideFile(folder, plan.name)
        self._count = 0
        self._memory: dict[str, int] = {}

    def record_all(self) -> None:
        """Record as many runs as the plan says; say `run` after each, and `safe` when all are."""
        pause = threading.Event()
        for number in range(self._plan.runs) if self._plan.runs else _count_on():
            self.record_run(number)
            is_due = self._plan.settle_every and number % self._plan.settle_every == 0
            if is_due and self.settle(SETTLE_S):
                say("safe")
            if self._plan.pause_s:
                pause.wait(self._plan.pause_s)

    def record_run(self, number: int) -> None:
        """Record one run with its spans and its state."""
        file, tracer = self.file, self._tracer
        run = f"r.{file.actor}.{number}"
        asked, answer = make_value(run, 10), make_value(run, 20)
        started = Entry(run, "s", hash_value(asked))
        ended = Entry(run, "e", hash_value(asked), hash_value(answer))
        state = f"v.{file.actor}.{number}"
        seen = make_value(state, 15)
        file.attempt([started, Entry(state, "v", hash_value(seen))])
        with tracer.run(run, input=asked) as opened:
            file.take_return(run, "s")
            tracer.state(state, seen)
            file.take_return(state, "v")
            self.record_spans(self._plan.spans)
            opened.set_output(answer)
            file.attempt([ended])
        file.take_return(run, "e")
        say("run")

    def record_spans(self, count: int) -> None:
        """Record that many spans in the current run."""
        file, tracer, chars = self.file, self._tracer, self._plan.text_chars
        group = []
        for _ in range(count):
            self._count += 1
            token = f"s.{file.actor}.{self._count}"
            if self._count == self._plan.poison:
                token = f"poison.{token}"
            asked, answer = make_value(token, chars), make_value(token, chars + 7)
            entry = Entry(token, "se", hash_value(asked), hash_value(answer))
            group.append((entry, asked, answer))
        file.attempt([entry for entry, _, _ in group])
        if self._plan.measures_memory:
            self._note_memory()
        for entry, asked, answer in group:
            with tracer.span(entry.token, input=asked) as span:
                span.set_output(answer)
            file.take_return(entry.token, "se")

    def _note_memory(self) -> None:
        """Note how large the process is, and let the system forget how large it has been."""
        if "before" not in self._memory:
            Path("/proc/self/clear_refs").write_text("5")
            self._memory["before"] = read_memory("VmRSS")

    def report_memory(self) -> None:
        """Write by how many bytes the process has grown at most since its first records."""
        grown = read_memory("VmHWM") - self._memory["before"]
        self.file.mark("grown_bytes", max(0, grown))

    def settle(self, timeout_s: float) -> bool:
        """Write that all is in safety, if the recorder says so within that time."""
        pause = threading.Event()
        for _ in range(max(1, int(timeout_s / 0.002))):
            if read_figures(self._tracer).queued == 0:
                self.file.settle()
                return True
            pause.wait(0.002)
        return False


def _count_on() -> Iterator[int]:
    number = 0
    while True:
        yield number
        number += 1


def read_memory(field: str) -> int:
    """Return a figure of this process's memory in bytes: `VmRSS` is now, `VmHWM` the peak."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise KeyError(field)


def make_value(token: str, chars: int) -> Value:
    """Return a value of about that many characters that no other token has."""
    text = _WORDS * (1 + chars // len(_WORDS))
    return {"unit": token, "text": text[:chars], "chars": chars}


def say(word: str) -> None:
    """Tell the harness, in one write: other processes may share the pipe."""
    import os

    os.write(1, f"{word}\n".encode())
