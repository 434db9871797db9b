"""The errors of real packages, replayed by the command: programs catch what they caught."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from agenttrace.trace import load_runs

from .programs import Folder
from .support import run_process

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH"
HEAD = """
import json, sys
from agenttrace import Tracer
from agenttrace.wrappers import trace_llm, trace_tool
tracer = Tracer()
tracer.set_exporter("jsonl:./traces.jsonl")

def mark(name):
    with open("calls.txt", "a") as calls:
        calls.write(name + "\\n")

def tell(**said):
    with open(sys.argv[2], "w") as file:
        json.dump(said, file)
"""
OPENAI = """
import openai
client = openai.OpenAI(api_key=KEY, base_url=sys.argv[1] + "/v1", max_retries=0)

@trace_llm(tracer)
def ask(prompt):
    mark("ask")
    return client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": prompt}]
    )

with tracer.run("agent"):
    try:
        ask("hello " * SIZE)
    except openai.RateLimitError as e:
        tell(
            status=e.status_code, retry=e.response.headers["Retry-After"], body=e.body,
            id=e.request_id, code=e.code, text=str(e), json=e.response.json(),
            url=str(e.request.url), method=e.response.request.method,
            reason=e.response.reason_phrase, elapsed=str(e.response.elapsed), repr=repr(e),
        )
"""
ANTHROPIC = """
import anthropic
client = anthropic.Anthropic(api_key=KEY, base_url=sys.argv[1], max_retries=0)

@trace_llm(tracer)
def ask(prompt):
    mark("ask")
    return client.messages.create(
        model="m", max_tokens=9, messages=[{"role": "user", "content": prompt}]
    )

with tracer.run("agent"):
    try:
        ask("hello")
    except anthropic.RateLimitError as e:
        tell(
            status=e.status_code, retry=e.response.headers["retry-after"], body=e.body,
            id=e.request_id, text=str(e), json=e.response.json(), url=str(e.request.url),
        )
"""
STATUS = """
import MODULE as web

@trace_tool(tracer, effect="read")
def fetch(url):
    mark("fetch")
    web.get(url, headers={"Authorization": "Bearer " + KEY}).raise_for_status()

with tracer.run("agent"):
    try:
        fetch(sys.argv[1] + "/pages?q=a%20b")
    except web.HTTPStatusError as e:
        tell(
            status=e.response.status_code, headers=dict(e.response.headers), text=e.response.text,
            url=str(e.request.url), params=dict(e.request.url.params), said=str(e),
            retry=e.response.headers.get_list("set-cookie"), error=e.response.is_client_error,
        )
"""
CONNECT = """
import MODULE as web

@trace_tool(tracer, effect="read")
def fetch(url):
    mark("fetch")
    return web.get(url)

with tracer.run("agent"):
    try:
        fetch("http://127.0.0.1:1/")
    except web.ConnectError as e:
        tell(said=str(e), url=str(e.request.url), cause=type(e.__cause__).__name__)
"""
INVALID = """
from pydantic import BaseModel, field_validator
from pydantic_core import PydanticCustomError, ValidationError

class Order(BaseModel):
    amount: int
    names: list[str]

    @field_validator("amount")
    def check(cls, value):
        if value > 9:
            raise PydanticCustomError("too_large", "{value} is too large", {"value": value})
        if value < 0:
            raise ValueError("below zero")
        return value

@trace_tool(tracer, effect="read")
def parse(text):
    mark("parse")
    return Order.model_validate_json(text)

with tracer.run("agent"):
    said = {}
    for text in ('{"amount": "x", "names": {}}', '{"amount": 11}', '{"amount": -1}'):
        try:
            parse(text)
        except ValidationError as e:
            details = [{**each, "ctx": repr(each.get("ctx"))} for each in e.errors()]
            said[text] = [e.title, e.error_count(), details, str(e), e.json()]
    tell(**said)
"""


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        error = {"message": "slow down", "type": "rate_limit", "code": "rate_limit_exceeded"}
        body = json.dumps({"error": error}).encode()
        self.send_response(429)
        for name, value in (
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
            ("retry-after", "7"),
            ("x-request-id", "req_1"),
            ("request-id", "req_1"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Give the address of a server that answers all with 429."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


PROGRAMS = {
    "openai": OPENAI.replace("SIZE", "1"),
    "openai with a long prompt": OPENAI.replace("SIZE", "40_000"),
    "anthropic": ANTHROPIC,
    "httpx status": STATUS.replace("MODULE", "httpx"),
    "httpx2 status": STATUS.replace("MODULE", "httpx2"),
    "httpx connect": CONNECT.replace("MODULE", "httpx"),
    "pydantic": INVALID,
}


def record_and_replay(path: Path, program: str, url: str, *options: str) -> dict[str, Any]:
    """Record a program and replay it; what it told of the error has to be the same."""
    folder = Folder(path)
    folder.write("agent.py", f"KEY = {KEY!r}\n{HEAD}{program}")
    folder.record(url, "recorded.json")
    recording = (path / "traces.jsonl").read_text()
    assert KEY not in recording
    report = folder.report("last", *options, program=("agent.py", url, "replayed.json"))
    assert report["divergences"] == []
    recorded = json.loads((path / "recorded.json").read_text())
    assert recorded == json.loads((path / "replayed.json").read_text())
    assert recorded
    assert (report["identical"], report["exitCode"], folder.calls) == (True, 0, [])
    return report


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_an_error_of_a_package_is_caught_with_all_it_holds(
    tmp_path: Path, program: str, url: str
) -> None:
    """By its own class, with response, headers and body; and the key is in no recording."""
    record_and_replay(tmp_path, program, url)


def test_a_replayed_error_is_recorded_as_it_was(tmp_path: Path, url: str) -> None:
    """A diff finds nothing; that a key was taken out is noted, and no divergence."""
    report = record_and_replay(tmp_path, PROGRAMS["httpx status"], url, "--output", "new.jsonl")
    assert report["notes"] == {"error_redacted": 1}
    (again,) = load_runs(tmp_path / "new.jsonl").runs
    done = run_process("diff", report["sourceRunIds"][0], "new.jsonl", cwd=tmp_path)
    assert (done.code, again.spans[0].status.value) == (0, "ERROR"), done.out + done.err
