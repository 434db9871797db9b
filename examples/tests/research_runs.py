"""Runs of the example as a user starts it, what they recorded, and an endpoint for them to ask."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeAlias

from agenttrace.wire import is_terminal
from agenttrace.wire.validation import parse_line

Record: TypeAlias = dict[str, Any]  # a record of the wire format: the JSON edge
ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 120
FILE = Path("data/research_traces.jsonl")


def start_program(
    script: str, *arguments: str, folder: Path, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run an example in `folder` as a user does, without the settings of this machine."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OPENAI_", "AGENTTRACE_"))
    }
    return subprocess.run(
        [sys.executable, str(ROOT / "examples" / script), *arguments],
        cwd=folder,
        env=kept | {"PYTHONIOENCODING": "utf-8"} | environ,
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT_S,
        check=False,
    )


class Trace:
    """The records of a JSONL file: every line is checked, and snapshots are merged by id."""

    def __init__(self, file: Path) -> None:
        lines = file.read_bytes().splitlines()
        for line in lines:
            parse_line(line)
        records = [json.loads(line) for line in lines]
        self.started = {
            (record["run_id"], record.get("span_id"))
            for record in records
            if record.get("status") == "STARTED"
        }
        ended = [record for record in records if is_terminal(record.get("status", "STARTED"))]
        self.runs = [record for record in ended if record["type"] == "run"]
        self.spans = sorted(
            (record for record in ended if record["type"] == "span"), key=lambda span: span["seq"]
        )
        self.ended = {(record["run_id"], record.get("span_id")) for record in ended}

    def find_run(self, name: str) -> Record:
        """Return the one run of this name."""
        run: Record
        (run,) = [run for run in self.runs if run["name"] == name]
        return run

    def list_spans(self, run_name: str, name: str | None = None) -> list[Record]:
        """Return the ended spans of a run, of all names or of one, in the order of their starts."""
        run_id = self.find_run(run_name)["run_id"]
        spans = [span for span in self.spans if span["run_id"] == run_id]
        return [span for span in spans if name is None or span["name"] == name]


def get_input(span: Record) -> Any:
    """Return what a span was called with, by parameter name."""
    return span["input"]["value"]


def get_output(record: Record) -> Any:
    """Return what a span or a run returned."""
    return record["output"]["value"]


PROMPT_TOKENS = 120
COMPLETION_TOKENS = 30
INVENTED = "Wombats guard the garbage collector at midnight [nowhere#1]."


class ChatServer:
    """Answers with two of the statements that it was given and one that it made up."""

    def __init__(self, *, refusals: int = 1, status: int = 429, reports: bool = True) -> None:
        self.requests: list[dict[str, Any]] = []
        self.authorizations: list[str | None] = []
        self.refusals_left = refusals
        self.refusal_status = status
        self.reports_usage = reports
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._make_handler())
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def base_url(self) -> str:
        """The value for OPENAI_BASE_URL."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def close(self) -> None:
        """Stop answering, and wait for the thread."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def answer(self, request: dict[str, Any], authorization: str | None) -> tuple[int, Any]:
        """Return the status and the body of the next answer."""
        with self._lock:
            self.requests.append(request)
            self.authorizations.append(authorization)
            if self.refusals_left:
                self.refusals_left -= 1
                return self.refusal_status, {"error": {"message": "slow down"}}
        _, _, statements = request["messages"][-1]["content"].partition("Statements:\n")
        text = " ".join([*statements.splitlines()[:2], INVENTED])
        usage = {
            "prompt_tokens": PROMPT_TOKENS,
            "completion_tokens": COMPLETION_TOKENS,
            "total_tokens": PROMPT_TOKENS + COMPLETION_TOKENS,
        }
        message = {"role": "assistant", "content": text}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        body = {"id": "chat-1", "model": "test-1", "choices": choices}
        return 200, body | ({"usage": usage} if self.reports_usage else {})

    def _make_handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                request = json.loads(self.rfile.read(length))
                status, body = server.answer(request, self.headers["Authorization"])
                payload = json.dumps(body).encode()
                self.send_response(status)
                if status != 200:
                    self.send_header("Retry-After", "0")
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        return Handler
