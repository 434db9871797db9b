"""The example with a real AgentTrace server: what the server says is what the file holds."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from research_runs import FILE, ROOT, TIMEOUT_S, Trace, start_program

if TYPE_CHECKING:
    from collections.abc import Iterator

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
QUERY = """query ($id: ID!) { run(id: $id) {
  name status correlationId
  totals { spans llmCalls toolCalls errors promptTokens completionTokens tokensEstimated costUsd }
  spanTree { spanId status lane }
} }"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the base URL of a server with a database of its own on a free port."""
    folder = tmp_path_factory.mktemp("server")
    database = f"sqlite+aiosqlite:///{folder / 'agenttrace.db'}"
    program = str(Path(sys.executable).with_name("agenttrace"))
    command = [program, "serve", "--port", "0", "--database-url", database]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield read_base_url(process)
        finally:
            process.terminate()
            process.wait(STOP_TIMEOUT_S)


def read_base_url(process: subprocess.Popen[str]) -> str:
    """Return the address that the server prints when it is ready; fail when it never is."""
    assert process.stdout is not None
    deadline = threading.Timer(START_TIMEOUT_S, process.kill)  # which ends its output
    deadline.start()
    try:
        for line in process.stdout:
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                return found.group()
    finally:
        deadline.cancel()
    pytest.fail(f"the server ended with {process.wait()} and named no address")


def fetch_run(server: str, run_id: str) -> Any:
    """Return the run as the server knows it."""
    body = {"query": QUERY, "variables": {"id": run_id}}
    answer = httpx.post(f"{server}/graphql", json=body).raise_for_status().json()
    assert "errors" not in answer
    return answer["data"]["run"]


def sum_up(trace: Trace, name: str) -> dict[str, Any]:
    """Return the totals of a run, counted from the file."""
    spans = trace.list_spans(name)
    usages = [span["usage"] for span in spans if "usage" in span]
    costs = [Decimal(span["cost"]["usd"]) for span in spans if "cost" in span]
    return {
        "spans": len(spans),
        "llmCalls": sum(span["span_type"] == "LLM_CALL" for span in spans),
        "toolCalls": sum(span["span_type"] == "TOOL_CALL" for span in spans),
        "errors": sum(span["status"] == "ERROR" for span in spans),
        "promptTokens": sum(usage["prompt_tokens"] for usage in usages) if usages else None,
        "completionTokens": sum(u["completion_tokens"] for u in usages) if usages else None,
        "tokensEstimated": any(usage["source"] == "estimated" for usage in usages),
        "costUsd": sum(costs) if costs else None,
    }


def test_the_server_holds_what_the_file_holds(tmp_path: Path, server: str) -> None:
    """Totals, cost, spans and correlation id agree for both runs; the page is the first's."""
    rates = ["--cost-per-prompt-token", "0.00000015", "--cost-per-completion-token", "0.0000006"]
    arguments = ["--endpoint", f"{server}/api", "--correlation-id", "both", *rates]
    done = start_program("research_agent.py", *arguments, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    trace = Trace(tmp_path / FILE)
    main_run = trace.find_run("research_agent")
    assert done.stdout.splitlines()[-1] == f"See it at {server}/runs/{main_run['run_id']}"
    for name in ("research_agent", "fact_checker"):
        run = fetch_run(server, trace.find_run(name)["run_id"])
        assert (run["name"], run["status"], run["correlationId"]) == (name, "COMPLETED", "both")
        cost = run["totals"]["costUsd"]
        assert run["totals"] | {"costUsd": cost and Decimal(cost)} == sum_up(trace, name)
        assert {(span["spanId"], span["status"], span["lane"]) for span in run["spanTree"]} == {
            (span["span_id"], span["status"], span["lane"]) for span in trace.list_spans(name)
        }


def test_the_page_of_the_run_is_told_before_the_work_begins(tmp_path: Path, server: str) -> None:
    """It is the first line on a terminal, and the last of the output; a pipe gets that one only."""
    controller, terminal = os.openpty()
    with os.fdopen(controller, "rb", buffering=0) as screen:
        command = [sys.executable, str(ROOT / "examples" / "research_agent.py")]
        done = subprocess.run(
            [*command, "--endpoint", f"{server}/api"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=terminal,
            encoding="utf-8",
            timeout=TIMEOUT_S,
            check=True,
        )
        os.close(terminal)
        progress = screen.read(65_536).decode().splitlines()
    page = f"{server}/runs/{Trace(tmp_path / FILE).find_run('research_agent')['run_id']}"
    assert progress[0] == f"  · watch it live at {page}"
    assert progress[1].startswith("  · searching")
    assert [line for line in done.stdout.splitlines() if server in line] == [f"See it at {page}"]
    assert done.stdout.endswith(f"See it at {page}\n")


def test_a_server_that_goes_away_costs_one_warning(tmp_path: Path) -> None:
    """It answered the probe and then no more: the program ends, and what it has is on disk."""

    class AnswerOnce(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = b'{"data": {"server": {"wireVersion": 1}}}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    with HTTPServer(("127.0.0.1", 0), AnswerOnce) as once:
        base_url = f"http://127.0.0.1:{once.server_address[1]}"

        def answer_the_probe() -> None:
            once.handle_request()
            once.server_close()

        thread = threading.Thread(target=answer_the_probe)
        thread.start()
        done = start_program("research_agent.py", "--endpoint", f"{base_url}/api", folder=tmp_path)
        thread.join()
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert done.stderr.startswith(f"cannot reach {base_url}/api/ingest")
    trace = Trace(tmp_path / FILE)
    assert trace.started == trace.ended
    lines = (tmp_path / FILE).read_bytes().splitlines()
    assert done.stdout.splitlines()[-1] == (
        f"{len(lines)} records wait on disk for {base_url}, and go there with the next program "
        "that records to it."
    )
