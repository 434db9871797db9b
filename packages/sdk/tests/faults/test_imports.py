"""A fork within an import leaves the child a module that is half done: no thread imports."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys, threading
from agenttrace import Tracer
tracer = Tracer(exporter=sys.argv[1])
found = []
def hear(event, arguments):
    if event == "import" and threading.current_thread() is not threading.main_thread():
        found.append(arguments[0])
sys.addaudithook(hear)
usage = {"prompt_tokens": 3, "completion_tokens": 2}
try:
    with tracer.run("agent", input={"a": 1}):
        with tracer.span("model", "LLM_CALL", input={"q": 1}) as span:
            span.set_output({"usage": usage, "model": "m"})
        tracer.state("key", 1)
        raise ValueError("an error")
except ValueError:
    pass
tracer.flush(timeout_s=1)
print(found)
"""


@pytest.mark.parametrize("exporter", ["jsonl:traces.jsonl", "http://127.0.0.1:9/api"])
def test_no_thread_of_the_recorder_imports_anything(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, exporter: str
) -> None:
    """What they need came with the exporter, on the program's own thread."""
    monkeypatch.chdir(str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    command = [sys.executable, "-c", PROGRAM, exporter]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.stdout == "[]\n", result.stderr
