"""What there is before the first span: nothing that a program would notice."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

WATCH = """
import json, sys, threading
seen = {"threads": 0, "sockets": 0, "files": [], "processes": 0}
def watch(event, args):
    if event == "open":
        # Modules and what is known of distributions are read from disk by any import.
        name = str(args[0])
        read = (".py", ".so", ".pth", ".txt", ".zip", "METADATA")
        if ".pyc" not in name and not name.endswith(read):
            seen["files"].append(name)
    elif event.startswith("socket."):
        seen["sockets"] += 1
    elif event in {"os.fork", "os.posix_spawn", "subprocess.Popen"}:
        seen["processes"] += 1
sys.addaudithook(watch)
"""

PROGRAMS = {
    "import": "import agenttrace",
    "idle calls": """
import agenttrace
from agenttrace.wrappers import trace_tool
idle = trace_tool(agenttrace.Tracer())(lambda query: query)
for _ in range(1000):
    idle("q")
""",
    "an exporter that writes a file": """
import agenttrace
tracer = agenttrace.Tracer()
tracer.set_exporter("jsonl:traces.jsonl")
""",
    "an exporter that sends": """
import agenttrace
tracer = agenttrace.Tracer()
tracer.set_exporter("http://127.0.0.1:9/api")
""",
}


def run(program: str, folder: Path) -> dict[str, Any]:
    # Plugins are loaded on threads that end with it: what counts is what is there afterwards.
    count = "seen['threads'] = threading.active_count() - 1"
    code = f"{WATCH}{program}\n{count}\nprint(json.dumps(seen))"
    command = [sys.executable, "-B", "-c", code]  # -B: writing what was compiled is no file of ours
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


@pytest.mark.parametrize("name", PROGRAMS)
def test_nothing_starts_before_the_first_span(name: str, tmp_path: Path) -> None:
    """No thread that stays, no socket, no file, no process: by count, in a fresh interpreter."""
    seen = run(PROGRAMS[name], tmp_path)
    assert seen == {"threads": 0, "sockets": 0, "files": [], "processes": 0}
    assert list(tmp_path.iterdir()) == []


def test_the_first_span_is_what_starts_the_thread(tmp_path: Path) -> None:
    """The counts of the tests above are counts: a span is seen by them."""
    seen = run(PROGRAMS["an exporter that writes a file"] + "tracer.run('r').__enter__()", tmp_path)
    assert seen["threads"] >= 1


def test_import_brings_no_heavy_module(tmp_path: Path) -> None:
    """What is heavy is imported by the function that needs it."""
    heavy = "asyncio logging pydantic httpx typer rich pluggy orjson msgspec json inspect ast"
    code = f"import sys, agenttrace; print(*set({heavy.split()!r}) & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == []
