"""The GitHub Action's own shell, against a fake of GitHub's API on this machine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from groups import make_records
from recordings import write_file

if TYPE_CHECKING:
    from collections.abc import Iterator

ACTION = Path(__file__).parents[4] / ".github" / "actions" / "diff"


class FakeGitHub:
    """Comments of a pull request, kept in memory. `status` is what writing is answered with."""

    def __init__(self) -> None:
        self.comments: list[dict[str, Any]] = []
        self.requests: list[tuple[str, str]] = []
        self.tokens: set[str | None] = set()
        self.status = 201
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                fake.see(self)
                page = int(re.search(r"[?&]page=(\d+)", self.path)[1])  # type: ignore[index]
                self.answer(200, fake.comments[(page - 1) * 100 : page * 100])

            def do_POST(self) -> None:
                fake.see(self)
                body = self.read()
                if fake.status == 201:
                    fake.comments.append({"id": 1000 + len(fake.comments), **body})
                self.answer(fake.status, {})

            def do_PATCH(self) -> None:
                fake.see(self)
                number = int(self.path.rpartition("/")[2])
                (known,) = (each for each in fake.comments if each["id"] == number)
                known.update(self.read())
                self.answer(200, known)

            def read(self) -> dict[str, Any]:
                found: dict[str, Any] = json.loads(
                    self.rfile.read(int(self.headers["Content-Length"]))
                )
                return found

            def answer(self, status: int, body: object) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def see(self, handler: BaseHTTPRequestHandler) -> None:
        """Keep what was asked for, and with which token."""
        self.requests.append((handler.command, handler.path))
        self.tokens.add(handler.headers["Authorization"])


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    """Give a fake of GitHub's API that answers until the test has ended."""
    fake = FakeGitHub()
    thread = threading.Thread(target=fake.server.serve_forever, args=(0.01,))
    thread.start()
    yield fake
    fake.server.shutdown()
    thread.join(timeout=10)
    fake.server.server_close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give two runs of which the second lacks a call, a gate on that, and a pull request."""
    write_file(tmp_path / "a.jsonl", make_records(1))
    write_file(tmp_path / "b.jsonl", make_records(2, ("llm:plan", "tool:search")))
    (tmp_path / "gates.yaml").write_text("structure: {removed: 0}\n")
    (tmp_path / "event.json").write_text(json.dumps({"pull_request": {"number": 7}}))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    return tmp_path


def compare(folder: Path, github: FakeGitHub, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Run the action's step with these inputs, as the runner does."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AGENTTRACE_")}
    wrapper = folder / "bin" / "python"
    wrapper.unlink()
    wrapper.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')  # keeps the venv
    wrapper.chmod(0o755)
    return subprocess.run(
        ["bash", str(ACTION / "compare.sh")],
        cwd=folder,
        env={
            **environment,
            "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "BASE": "a.jsonl",
            "HEAD": "b.jsonl",
            "GATES": "gates.yaml",
            "GITHUB_API_URL": github.url,
            "GITHUB_REPOSITORY": "acme/agent",
            "GITHUB_EVENT_PATH": str(folder / "event.json"),
            "GITHUB_OUTPUT": str(folder / "output"),
            "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
            "GITHUB_TOKEN": "secret-token",
            **inputs,
        },
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_it_comments_once_and_then_updates(folder: Path, github: FakeGitHub) -> None:
    """The comment is the summary; the exit code is the comparison's."""
    github.comments = [{"id": n, "body": "hello"} for n in range(100)]  # a page of others
    done = compare(folder, github)
    assert done.returncode == 1, done.stderr
    assert "::error title=agenttrace%3A structure.removed::1 removed, allowed 0" in done.stdout
    assert "commented on pull request 7" in done.stdout
    (comment,) = github.comments[100:]
    summary = (folder / "summary.md").read_text()
    assert comment["body"].partition("\n")[2] == summary
    assert "❌ Gates: 1 fail" in summary
    assert (folder / "output").read_text() == "exit-code=1\n"
    assert github.tokens == {"Bearer secret-token"}
    assert "secret-token" not in done.stdout + done.stderr

    same = compare(folder, github, HEAD="a.jsonl")
    assert (same.returncode, len(github.comments)) == (0, 101)
    assert "✅ Gates: 1 pass" in github.comments[100]["body"]
    assert github.requests[-1] == ("PATCH", "/repos/acme/agent/issues/comments/1100")

    other = compare(folder, github, TITLE="another --> one")
    assert (other.returncode, len(github.comments)) == (1, 102)


def test_a_token_that_may_not_write_fails_nothing(folder: Path, github: FakeGitHub) -> None:
    """A fork's pull request is compared all the same; a server that is away likewise."""
    github.status = 403
    done = compare(folder, github, HEAD="a.jsonl")
    assert done.returncode == 0, done.stderr
    assert "::warning title=agenttrace::no comment: GitHub answers 403, the token" in done.stdout
    away = compare(folder, github, GITHUB_API_URL="http://127.0.0.1:1")
    assert (away.returncode, "::warning title=agenttrace::no comment" in away.stdout) == (1, True)


def test_without_a_pull_request_there_is_no_comment(folder: Path, github: FakeGitHub) -> None:
    """Nor when it is not wanted; the summary is there."""
    (folder / "event.json").write_text("{}")
    done = compare(folder, github)
    assert (done.returncode, "no pull request: no comment" in done.stdout) == (1, True)
    silent = compare(folder, github, COMMENT="false")
    assert silent.returncode == 1
    assert github.requests == []
    assert (folder / "summary.md").read_text().count("## Comparison of two runs") == 2


@pytest.mark.parametrize(
    ("inputs", "code", "part"),
    [
        ({"HEAD": "none.jsonl"}, 4, "there is no file none.jsonl"),
        ({"GATES": "none.yaml"}, 2, "cannot read none.yaml"),
        ({"HEAD": "$(touch hacked)"}, 4, "there is no file "),
        ({"HEAD": "; touch hacked"}, 4, "there is no file "),
    ],
)
def test_what_cannot_be_compared_is_said(
    folder: Path, github: FakeGitHub, inputs: dict[str, str], code: int, part: str
) -> None:
    """With the code of the command, in place of what an older run said; no input is code."""
    assert compare(folder, github).returncode == 1
    done = compare(folder, github, **inputs)
    assert done.returncode == code, done.stderr
    assert part in done.stderr
    (annotation,) = [line for line in done.stdout.splitlines() if line.startswith("::error title=")]
    assert part in annotation
    (comment,) = github.comments
    assert "## No comparison\n\n" in comment["body"]
    assert part in comment["body"]
    assert comment["body"].partition("\n")[2] in (folder / "summary.md").read_text()
    assert not (folder / "hacked").exists()


def test_an_inconclusive_gate_is_mapped(folder: Path, github: FakeGitHub) -> None:
    """As the input says; else it is the code 3."""
    (folder / "gates.yaml").write_text("metrics: {duration: {max_increase: 1%}}\n")
    assert compare(folder, github).returncode == 3
    assert compare(folder, github, INCONCLUSIVE="pass").returncode == 0


@pytest.mark.parametrize("package", ["", "agenttrace[diff] @ file:///elsewhere"])
def test_it_installs_the_sdk_beside_it(tmp_path: Path, package: str) -> None:
    """Of its own commit: the index may have something else of that name. Or what it is told."""
    (install,) = (
        step
        for step in yaml.safe_load((ACTION / "action.yml").read_text())["runs"]["steps"]
        if step["name"] == "Install AgentTrace"
    )
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\nfor last; do :; done\necho "$last"\n')
    python.chmod(0o755)
    done = subprocess.run(
        ["bash", "-c", install["run"]],
        env={
            "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
            "PACKAGE": package,
            "GITHUB_ACTION_PATH": str(ACTION),
        },
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    said = done.stdout.strip()
    if package:
        assert said == package
    else:
        folder, _, extra = said.rpartition("[")
        assert (extra, (Path(folder) / "pyproject.toml").is_file()) == ("diff]", True)


def test_every_input_reaches_the_shell_as_a_variable() -> None:
    """None is written into a command, where a title of a pull request would be read as code."""
    action = yaml.safe_load((ACTION / "action.yml").read_text())
    shell = (ACTION / "compare.sh").read_text() + (ACTION / "comment.py").read_text()
    steps = action["runs"]["steps"]
    assert all("${{" not in step["run"] for step in steps)
    variables = {name: value for step in steps for name, value in step["env"].items()}
    assert sorted(re.findall(r"inputs\.([a-z]+)", " ".join(variables.values()))) == sorted(
        action["inputs"]
    )
    for name in variables.keys() - {"PACKAGE"}:
        assert name in shell
