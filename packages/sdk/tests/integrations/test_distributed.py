"""A workflow over several processes: sub-agents behind HTTP, and children of the program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from agenttrace.context import read_headers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..conftest import Recording

PROGRAM = Path(__file__).with_name("agent_program.py")
RUN, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
STATE = "vendor=value,other=1"


class Agents:
    """Two sub-agents that serve, and what they recorded."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.paths = [folder / "a.jsonl", folder / "b.jsonl"]
        self.processes = [
            subprocess.Popen(
                [sys.executable, str(PROGRAM), str(path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=environment,
            )
            for path in self.paths
        ]
        self.urls = []
        for process in self.processes:
            assert process.stdout is not None
            self.urls.append(f"http://127.0.0.1:{int(process.stdout.readline())}")

    def stop(self) -> list[dict[str, Any]]:
        """End them and return their records."""
        for process in self.processes:
            process.communicate(timeout=60)
            assert process.returncode == 0
        return [json.loads(x) for p in self.paths for x in p.read_bytes().splitlines()]

    def kill(self) -> None:
        """End what is left of them."""
        for process in self.processes:
            process.kill()
            process.communicate()


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    """Give a client that asks no proxy."""
    with httpx.Client(trust_env=False, timeout=30) as client:
        yield client


def test_sub_agents_in_two_processes_share_the_workflow(
    recording: Recording, client: httpx.Client, tmp_path: Path
) -> None:
    """Each has a run of its own, with the correlation id and the ids of the span that called it."""
    tracer = recording.tracer
    with tracer.run("caller") as run:
        with tracer.span("start") as started:
            agents = Agents(tmp_path, tracer.environment())
        try:
            calls = []
            for url in agents.urls:
                with tracer.span("call") as span:
                    headers: dict[str, str] = {}
                    tracer.inject(headers)
                    assert client.get(f"{url}/ask", headers=headers).text == "/ASK"
                    calls.append(span.span_id)
            records = agents.stop()
        finally:
            agents.kill()
    runs = [r for r in records if r["type"] == "run" and r["status"] == "COMPLETED"]
    assert {r["correlation_id"] for r in runs} == {run.run_id}
    assert len({r["run_id"] for r in runs} | {run.run_id}) == 5
    assert {r["attributes"]["agenttrace.parent.run_id"] for r in runs} == {run.run_id}
    parents = {
        name: [r["attributes"]["agenttrace.parent.span_id"] for r in runs if r["name"] == name]
        for name in ("start", "sub-agent")
    }
    assert parents == {"start": [started.span_id] * 2, "sub-agent": calls}
    assert recording.runs()[0]["correlation_id"] == run.run_id


def test_what_is_not_sampled_is_not_recorded_and_tracestate_goes_on(
    client: httpx.Client, tmp_path: Path
) -> None:
    """A caller that records nothing has sub-agents that record nothing; others read their state."""
    agents = Agents(tmp_path, dict(os.environ))
    try:
        onward = []
        for url, flags in zip(agents.urls, ("00", "01"), strict=True):
            headers = {"Traceparent": f"00-{RUN}-{SPAN}-{flags}", "TraceState": STATE}
            onward.append(client.get(f"{url}/ask", headers=headers).headers)
        records = agents.stop()
    finally:
        agents.kill()
    assert [h["x-tracestate"] for h in onward] == [STATE, STATE]
    assert [h["x-traceparent"][-2:] for h in onward] == ["00", "01"]
    assert [h["x-baggage"] for h in onward] == [f"agenttrace.correlation_id={RUN}"] * 2
    assert [r["name"] for r in records if r["type"] == "span" and r["rev"]] == ["answer"]
    (run,) = (r for r in records if r["name"] == "sub-agent" and r["rev"])
    assert onward[1]["x-traceparent"].split("-")[1] == run["run_id"]


def test_an_environment_tells_a_child_who_started_it(recording: Recording) -> None:
    """In the names that W3C gives them; what else is there stays, and outside a run all does."""
    base = {"PATH": "x", "BAGGAGE": "user=1", "tracestate": "old=1"}
    with recording.tracer.run("agent", correlation_id="w"), recording.tracer.span("s") as span:
        found = recording.tracer.environment(base)
    assert found == {
        "PATH": "x",
        "TRACEPARENT": f"00-{span.run.run_id}-{span.span_id}-01",
        "BAGGAGE": "user=1,agenttrace.correlation_id=w",
    }
    context = read_headers(found)
    assert context is not None
    assert (context.span_id, context.correlation_id) == (span.span_id, "w")
    assert recording.tracer.environment({"A": "b"}) == {"A": "b"}


def test_a_run_within_one_that_is_not_sampled_is_not_recorded(recording: Recording) -> None:
    """Nobody asked for it."""
    tracer = recording.tracer
    parent = tracer.extract({"traceparent": f"00-{RUN}-{SPAN}-00"})
    with tracer.run("outer", parent=parent), tracer.run("inner"), tracer.span("step"):
        headers: dict[str, str] = {}
        tracer.inject(headers)
    assert headers["traceparent"].endswith("-00")
    assert recording.records() == []


@pytest.mark.parametrize("state", ["", "x" * 5000, "a=\u00fc", "a=1\n"])
def test_a_tracestate_that_is_not_well_formed_is_left_out(state: str) -> None:
    """It would come from a stranger and go to one."""
    context = read_headers({"traceparent": f"00-{RUN}-{SPAN}-01", "tracestate": state})
    assert context is not None
    assert context.tracestate in (None, "a=1")
