"""Programs that are recorded and replayed as a user does it: files of a folder, run by Python."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from .support import ENVIRONMENT, run_process

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Done

AGENT = """
import os, sys
from agenttrace import Tracer
from agenttrace.wrappers import trace_llm, trace_tool
tracer = Tracer()
tracer.set_exporter("jsonl:./traces.jsonl")

def mark(name):
    with open("calls.txt", "a") as calls:
        calls.write(name + "\\n")

@trace_tool(tracer, effect="read")
def search(query):
    mark("search")
    return {"query": query, "found": 3}

@trace_llm(tracer, model="model-1", cost_per_prompt_token=0.5, cost_per_completion_token=0.5)
def answer(prompt):
    mark("answer")
    return prompt.upper()

@trace_tool(tracer, effect="write")
def charge(amount):
    mark("charge")
    return amount
"""
MAIN = """
def main(query="rain"):
    with tracer.run("agent", correlation_id="w-1"):
        found = search(query)
        print(answer(str(found)))
        charge(7)
"""
BEGIN = """
if __name__ == "__main__":
    main(*sys.argv[1:])
    sys.exit(int(os.environ.get("CODE", "0")))
"""


class Folder(NamedTuple):
    """A folder with a program, and what its calls left there."""

    path: Path

    @property
    def calls(self) -> list[str]:
        """Which bodies have run."""
        marks = self.path / "calls.txt"
        return marks.read_text().split() if marks.exists() else []

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The records of ./traces.jsonl."""
        return [json.loads(line) for line in (self.path / "traces.jsonl").read_bytes().splitlines()]

    def write(self, name: str, text: str) -> None:
        """Write a file."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def record(self, *args: str, program: tuple[str, ...] = ("agent.py",), code: int = 0) -> None:
        """Run the program as it is, into ./traces.jsonl; forget which bodies ran."""
        done = subprocess.run(
            [sys.executable, *program, *args],
            cwd=self.path,
            env=ENVIRONMENT,
            capture_output=True,
            timeout=60,
        )
        assert done.returncode == code, done.stderr.decode()
        (self.path / "calls.txt").unlink(missing_ok=True)

    def replay(
        self, *args: str, program: tuple[str, ...] = ("agent.py",), **variables: str
    ) -> Done:
        """Replay by Python with these arguments."""
        command = ["replay", *args, "--", sys.executable, *program]
        return run_process(*command, cwd=self.path, stdin=b"", **variables)

    def report(self, *args: str, program: tuple[str, ...] = ("agent.py",)) -> dict[str, Any]:
        """Replay, and return the report as JSON."""
        done = self.replay(*args, "--json", program=program)
        report: dict[str, Any] = json.loads(done.out)
        assert report["exitCode"] == done.code
        return report


def make_folder(path: Path, *, main: str = MAIN) -> Folder:
    """Return a folder with an agent that is recorded already."""
    folder = Folder(path)
    folder.write("agent.py", AGENT + main + BEGIN)
    folder.record()
    return folder
