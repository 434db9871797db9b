"""`agenttrace replay`, `doctor` and `test`: programs that know nothing of it, as processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from junitparser import JUnitXml

from agenttrace.trace import load_runs

if TYPE_CHECKING:
    from collections.abc import Callable

AGENT = """
import os, sys, uuid
from agenttrace import Tracer
from agenttrace.wrappers import trace_llm, trace_tool

tracer = Tracer()
tracer.set_exporter("jsonl:./traces.jsonl")


@trace_tool(tracer, effect="read")
def search(query):
    open("calls.txt", "a").write("search\\n")
    return {"query": query, "id": str(uuid.uuid4())}


@trace_llm(tracer, model="m")
def ask(prompt):
    open("calls.txt", "a").write("ask\\n")
    return f"answer {prompt}"


def main(topic):
    with tracer.run("agent"):
        return ask(f"{topic} {search('x')['id']}")


def test_agent():
    assert main("topic").startswith("answer")


if __name__ == "__main__":
    topic = os.environ.get("TOPIC", "topic")
    if topic == "uuid":
        topic = str(uuid.uuid4())
    print(main(topic))
    if topic == "leak":
        import socket
        socket.create_connection(("127.0.0.1", 9))
    tracer.flush()
    sys.exit(int(os.environ.get("CODE", "0")))
"""


class Done(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Done]:
    (tmp_path / "agent.py").write_text(AGENT)

    def start(*arguments: str, **variables: str) -> Done:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("AGENTTRACE_")}
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env={**environment, **variables, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=120,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return start


@pytest.fixture
def recorded(run: Callable[..., Done], tmp_path: Path) -> str:
    """Record a run; return what the program printed."""
    done = run("agent.py")
    assert done.code == 0, done.err
    (tmp_path / "calls.txt").unlink()
    return done.out


COMMAND = ("-m", "agenttrace")


@pytest.mark.parametrize(
    "program",
    [("agent.py",), ("-m", "agent"), ("-m", "pytest", "-q", "-p", "no:cacheprovider", "agent.py")],
)
def test_a_program_is_replayed_as_it_is(
    run: Callable[..., Done], recorded: str, tmp_path: Path, program: tuple[str, ...]
) -> None:
    done = run(*COMMAND, "replay", "last", "--", sys.executable, *program)
    assert done.code == 0, done.err
    assert "2 replayed" in done.err
    assert done.err.rstrip().endswith("identical")
    assert not (tmp_path / "calls.txt").exists()
    if "pytest" not in program:
        assert done.out == recorded
        source, again = load_runs(tmp_path / "traces.jsonl").runs
        assert again.replayed_from == source.run_id


def test_it_exits_as_the_program_does(run: Callable[..., Done], recorded: str) -> None:
    done = run(*COMMAND, "replay", "last", "--", sys.executable, "agent.py", CODE="7")
    assert done.code == 7
    assert "identical" in done.err


def test_a_changed_program_is_told_where(
    run: Callable[..., Done], recorded: str, tmp_path: Path
) -> None:
    done = run(*COMMAND, "replay", "last", "--json", "--", sys.executable, "agent.py", TOPIC="new")
    assert done.code == 10
    report = json.loads(done.out)
    (divergence,) = report["divergences"]
    assert (divergence["kind"], divergence["at"]) == ("input_changed", "$.prompt")
    assert divergence["live"].startswith("new ")
    assert report["exitCode"] == 10
    assert not (tmp_path / "calls.txt").exists()
    # The failed replay stands in the same file, and is not what `last` means.
    assert len(load_runs(tmp_path / "traces.jsonl").runs) == 2
    done = run(
        *COMMAND, "replay", "last", "--on", "input_changed=warn", "--", sys.executable, "agent.py",
        TOPIC="new",
    )  # fmt: skip
    assert (done.code, done.out) == (10, recorded)


def test_a_leak_ends_with_11(run: Callable[..., Done], recorded: str, tmp_path: Path) -> None:
    (tmp_path / "traces.jsonl").unlink()
    run("agent.py", TOPIC="leak")
    done = run(*COMMAND, "replay", "last", "--", sys.executable, "agent.py", TOPIC="leak")
    assert done.code == 11
    assert "unrecorded_io" in done.err
    assert "agent.py:" in done.err


def test_what_cannot_be_replayed_ends_with_12_and_runs_nothing(
    run: Callable[..., Done], recorded: str, tmp_path: Path
) -> None:
    path = tmp_path / "traces.jsonl"
    lines = path.read_text().splitlines()
    broken = {
        "cut.jsonl": [*lines[:-1], lines[-1][:40]],
        "taken.jsonl": [line for line in lines if '"seq":0,' not in line],
        "other.jsonl": [line.replace('"v":1', '"v":9') for line in lines],
        "changed.jsonl": [line.replace('"query":"x"', '"query":"y"') for line in lines],
    }
    for name, content in broken.items():
        (tmp_path / name).write_text("\n".join(content) + "\n")
        done = run(*COMMAND, "replay", name, "--", sys.executable, "agent.py")
        assert done.code == 12, (name, done)
        assert done.err.startswith("agenttrace: ")
        assert "Traceback" not in done.err
    for wanted in ("none.jsonl", "0" * 32):
        assert run(*COMMAND, "replay", wanted, "--", sys.executable, "agent.py").code == 12
    assert run(*COMMAND, "replay", "last", "--", sys.executable, "-c", "pass").code == 12
    assert not (tmp_path / "calls.txt").exists()


def test_what_cannot_be_meant_is_refused_before_anything_runs(
    run: Callable[..., Done], recorded: str, tmp_path: Path
) -> None:
    for options in (["--mode", "hasty"], ["--on", "extra_call"], ["--live", "all"], ["--step"]):
        done = run(*COMMAND, "replay", "last", *options, "--", sys.executable, "agent.py")
        assert done.code == 2, done
    assert run(*COMMAND, "replay", "last").code == 2
    assert run(*COMMAND, "replay", "last", "--", "/nowhere/at/all").code == 127
    assert not (tmp_path / "calls.txt").exists()


def test_the_doctor_finds_what_differs_in_every_run(
    run: Callable[..., Done], tmp_path: Path
) -> None:
    doctor = (*COMMAND, "doctor", "--json", "--", sys.executable, "agent.py")
    done = run(*doctor, TOPIC="uuid")
    assert done.code == 1, done
    assert (tmp_path / "calls.txt").read_text().split() == ["search", "ask"] * 2
    findings = json.loads(done.out)["findings"]
    assert [(each["path"], each["differsIn"], each["volatile"]) for each in findings] == [
        ("agent/search", "output", ["uuid"]),
        ("agent/ask", "input", ["uuid"]),
        ("agent/ask", "output", ["uuid"]),
    ]
    done = run(*COMMAND, "doctor", "--", sys.executable, "agent.py", TOPIC="uuid")
    assert "volatile: uuid" in done.out
    assert "twice, for real" in done.err
    assert run(*COMMAND, "doctor", "--", sys.executable, "-c", "pass").code == 4


def test_the_doctor_tells_what_follows_from_an_answer(run: Callable[..., Done]) -> None:
    """The prompt holds what a tool drew: a replay serves it, and the prompt is the recorded one."""
    done = run(*COMMAND, "doctor", "--", sys.executable, "agent.py")
    assert done.code == 0, done
    assert "agent/ask: its input follows from an answer that is another in each run" in done.out
    assert "fit: a replay finds every call" in done.out


def test_the_doctor_knows_what_no_replay_can_serve(
    run: Callable[..., Done], tmp_path: Path
) -> None:
    """An answer of which only the class is recorded, and what is done beside traced calls."""
    code = AGENT.replace('return f"answer {prompt}"', "return object()")
    (tmp_path / "object.py").write_text(code.replace("print(main(topic))", "main(topic)"))
    done = run(*COMMAND, "doctor", "--", sys.executable, "object.py")
    assert done.code == 1, done
    assert "agent/ask: unavailable: its output is not whole" in done.out
    leak = run(*COMMAND, "doctor", "--json", "--", sys.executable, "agent.py", TOPIC="leak")
    assert (leak.code, json.loads(leak.out)["fit"]) == (1, False)


def test_recordings_are_a_corpus_for_a_build(
    run: Callable[..., Done], recorded: str, tmp_path: Path
) -> None:
    good = tmp_path / "traces.jsonl"
    good.rename(tmp_path / "good.jsonl")
    (tmp_path / "unfit.jsonl").write_text("no recording\n")
    run("agent.py", TOPIC="other")
    (tmp_path / "traces.jsonl").rename(tmp_path / "changed.jsonl")
    (tmp_path / "calls.txt").unlink()

    passed = run(*COMMAND, "test", "good.jsonl", "--", sys.executable, "agent.py")
    assert passed.code == 0, passed
    files = ("good.jsonl", "changed.jsonl", "unfit.jsonl")
    done = run(*COMMAND, "test", *files, "--junit", "report.xml", "--", sys.executable, "agent.py")
    assert done.code == 10  # a recording that is unfit hides no program that changed
    assert "1 passed, 2 failed: 1 with 10, 1 with 12" in done.out
    assert run(*COMMAND, "test", "unfit.jsonl", "--", sys.executable, "agent.py").code == 12
    (suite,) = JUnitXml.fromfile(str(tmp_path / "report.xml"))
    assert (suite.tests, suite.failures, suite.errors) == (3, 1, 1)
    names = {case.name: [type(each).__name__ for each in case.result] for case in suite}
    assert names == {"good.jsonl": [], "changed.jsonl": ["Failure"], "unfit.jsonl": ["Error"]}
    (why,) = [case.result[0].message for case in suite if case.name == "changed.jsonl"]
    assert why.startswith("raise input_changed at agent/ask: ")
    to = ("--junit", "gone/report.xml")
    done = run(*COMMAND, "test", "unfit.jsonl", *to, "--", sys.executable, "agent.py")
    assert (done.code, "cannot write gone/report.xml" in done.err) == (4, True)
    assert "Traceback" not in done.err
    assert not (tmp_path / "calls.txt").exists()


@pytest.mark.parametrize("name", ["./not-there", "./agent.py"])
@pytest.mark.usefixtures("recorded")
def test_a_program_that_cannot_be_started_is_127(run: Callable[..., Done], name: str) -> None:
    """Not there, or not executable: the same code for each command, with the reason."""
    for command in (("replay", "last"), ("test", "traces.jsonl"), ("doctor",)):
        done = run(*COMMAND, *command, "--", name)
        assert done.code == 127, command
        assert f"cannot start {name}: " in done.out + done.err
