"""The program of the README, as it stands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PROGRAM = """\
from agenttrace import Tracer, SpanType
from agenttrace.exporters import APIExporter, JSONLExporter
from agenttrace.wrappers import trace_tool, trace_llm

tracer = Tracer()
tracer.set_exporter(JSONLExporter(path="./traces.jsonl"))

@trace_tool(tracer)
def web_search(query: str) -> dict:
    return {"results": ["..."]}

@trace_llm(tracer, model="gpt-4", cost_per_prompt_token=0.00003, cost_per_completion_token=0.00006)
def synthesize_findings(context: str) -> str:
    return "Summary of findings..."

with tracer.run("research_agent", correlation_id="workflow-123"):
    results = web_search("AI agent debugging")
    summary = synthesize_findings(str(results))

tracer.flush()
"""


def test_the_program_records_its_run(tmp_path: Path) -> None:
    """Run as a script, it leaves a file with the run and both of its steps, start and end."""
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    records: list[dict[str, Any]] = [
        json.loads(line) for line in (tmp_path / "traces.jsonl").read_text().splitlines()
    ]
    assert [(r["type"], r["name"], r["status"]) for r in records] == [
        ("run", "research_agent", "STARTED"),
        ("span", "web_search", "STARTED"),
        ("span", "web_search", "COMPLETED"),
        ("span", "synthesize_findings", "STARTED"),
        ("span", "synthesize_findings", "COMPLETED"),
        ("run", "research_agent", "COMPLETED"),
    ]
    assert {r["correlation_id"] for r in records if r["type"] == "run"} == {"workflow-123"}
    tool, llm = records[2], records[4]
    assert tool["input"]["value"] == {"query": "AI agent debugging"}
    assert tool["output"]["value"] == {"results": ["..."]}
    assert llm["model"] == "gpt-4"
    assert llm["usage"] == {
        "prompt_tokens": 5,
        "completion_tokens": 6,
        "total_tokens": 11,
        "source": "estimated",
    }
    assert llm["cost"] == {"usd": "0.00051", "source": "rates"}
    assert llm["attributes"] == {"agenttrace.usage.estimate_method": "utf8-bytes/4"}
