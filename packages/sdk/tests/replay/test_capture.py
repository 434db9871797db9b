"""R14: what is recorded is what was given at that moment, so that a replay finds it again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from agenttrace import Tracer
from agenttrace.plugins import Exporter, ExportResult
from agenttrace.replay import DivergenceKind, ReplayDivergence
from agenttrace.testing import MemoryExporter
from agenttrace.trace import load_runs
from agenttrace.wrappers import trace_llm, trace_tool

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PROGRAM = """
import os, signal, sys
from agenttrace import Tracer
from agenttrace.wrappers import trace_tool

tracer = Tracer(exporter="jsonl:" + sys.argv[1])

@trace_tool(tracer)
def step(number):
    if number == 5:
        tracer.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"done": number}

with tracer.run("killed"):
    for number in range(8):
        step(number)
"""


class Late(Exporter):
    """Takes nothing before it is let go: what is changed meanwhile must not be seen."""

    def __init__(self, inner: MemoryExporter) -> None:
        self._inner = inner
        self.may_go = threading.Event()

    def export(self, records: Sequence[Any]) -> ExportResult:
        assert self.may_go.wait(30)
        return self._inner.export(records)


def test_what_is_changed_after_a_call_is_not_recorded() -> None:
    memory = MemoryExporter()
    late = Late(memory)
    tracer = Tracer(exporter=late)
    ran: list[int] = []

    @trace_llm(tracer, model="m")
    def ask(messages: list[dict[str, str]]) -> dict[str, Any]:
        ran.append(len(messages))
        return {"role": "assistant", "words": [f"answer {len(messages)}"]}

    def main() -> list[list[str]]:
        messages = [{"role": "user", "content": "first"}]
        answers = []
        with tracer.run("agent"):
            for turn in range(3):
                answer = ask(messages)
                answers.append(list(answer["words"]))
                answer["words"].append("changed")
                messages.append({"role": "user", "content": f"turn {turn}"})
        return answers

    first = main()
    late.may_go.set()
    tracer.flush()
    (recorded,) = load_runs(memory.records).runs
    lengths = [len(span.input.value["messages"]) for span in recorded.spans if span.input]
    assert lengths == [1, 2, 3]
    assert ran == [1, 2, 3]
    for _ in range(2):
        with tracer.replay(recorded) as session:
            assert main() == first
        assert session.report.identical
    assert ran == [1, 2, 3]
    tracer.shutdown()


def test_a_killed_program_is_replayed_to_where_it_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "killed.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path)], env=os.environ, timeout=60, check=False
    )
    assert done.returncode == -signal.SIGKILL
    tracer = Tracer()
    ran: list[int] = []
    got: list[object] = []

    @trace_tool(tracer)
    def step(number: int) -> object:
        ran.append(number)
        return None

    session = tracer.replay(path)

    def main() -> None:
        with session, tracer.run("killed"):
            for number in range(8):
                got.append(step(number))  # noqa: PERF401 -- what came before the end counts

    with pytest.raises(ReplayDivergence) as raised:
        main()
    divergence = raised.value.divergence
    assert divergence.kind is DivergenceKind.UNAVAILABLE
    assert "unfinished" in divergence.message
    assert got == [{"done": number} for number in range(5)]
    assert ran == []
    assert session.report.exit_code == 12
