"""The example replayed: its two runs, with no model, tool or retrieval called."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from research_runs import FILE, ROOT, TIMEOUT_S, Trace

if TYPE_CHECKING:
    from pathlib import Path


def test_the_example_is_replayed_without_a_live_call(
    default_folder: Path, default_trace: Trace, closed_endpoint: str
) -> None:
    """Both its runs, by one command; it may look for its AgentTrace server meanwhile."""
    program = [str(ROOT / "examples" / "research_agent.py"), "--endpoint", closed_endpoint]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "agenttrace", "replay", f"{FILE}:last", "--json"),
            *("--", sys.executable, *program, "--out", "replayed.jsonl"),
        ],
        cwd=default_folder,
        env={k: v for k, v in os.environ.items() if not k.startswith(("OPENAI_", "AGENTTRACE_"))},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["identical"]
    assert report["liveCalls"] == 0
    assert report["divergences"] == []
    assert len(report["runIds"]) == len(default_trace.runs)
    assert report["saved"]["totalTokens"] > 0
