"""What `--from` says of an address where no AgentTrace server answers as one."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, ClassVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .conftest import Done

    Run = Callable[..., Done]

RUN_ID = "0193a5f0c0de70008000000000000001"


class _Other(BaseHTTPRequestHandler):
    """A web server that is none of ours."""

    status: ClassVar[int] = 404
    body: ClassVar[bytes] = b"<html>"
    kind: ClassVar[str] = "text/html"
    seen: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        self.seen.append(self.headers.get("authorization"))
        self.send_response(self.status)
        self.send_header("content-type", self.kind)
        self.send_header("content-length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.do_GET()

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Give the address of a web server that answers with `_Other`'s status and body."""
    monkeypatch.setattr(_Other, "seen", [])
    with HTTPServer(("127.0.0.1", 0), _Other) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()
        thread.join(10)


def test_a_server_that_is_away_is_one_line(command: Run, tmp_path: Path) -> None:
    """Code 4, and no file."""
    with HTTPServer(("127.0.0.1", 0), _Other, bind_and_activate=True) as server:
        port = server.server_port
    url = f"http://127.0.0.1:{port}/api"
    for arguments in (["runs"], ["show"], ["export", RUN_ID, "--out", "x"], ["export", "--all"]):
        done = command(*arguments, "--from", url, cwd=tmp_path)
        assert done == (4, "", f"agenttrace: cannot reach {url}: connection refused\n")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("status", "kind", "body", "hint"),
    [
        (404, "text/html", b"<html>", "no AgentTrace server does so; give its API, such as"),
        (200, "text/html", b"<html>", "no AgentTrace server does so"),
        (200, "application/json", b"[]", "no AgentTrace server does so"),
        (401, "application/json", b"{}", "the API key is missing or wrong"),
        (403, "application/json", b"{}", "the API key may not read"),
    ],
)
def test_what_is_no_server_is_told_with_a_hint(  # noqa: PLR0917 -- fixtures and cases
    command: Run,
    other: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    kind: str,
    body: bytes,
    hint: str,
) -> None:
    """Code 4 for a list and for an export; the key goes along."""
    monkeypatch.setattr(_Other, "status", status)
    monkeypatch.setattr(_Other, "kind", kind)
    monkeypatch.setattr(_Other, "body", body)
    for arguments in (["runs"], ["export", RUN_ID, "--out", "x"]):
        done = command(*arguments, "--from", other, cwd=tmp_path, AGENTTRACE_API_KEY="secret")
        assert (done.code, done.out) == (4, "")
        assert done.err.startswith(f"agenttrace: {other} answers with status {status}: {hint}")
    assert _Other.seen == ["Bearer secret"] * 2
    assert [*tmp_path.iterdir()] == []


def test_a_server_is_no_run(command: Run, tmp_path: Path) -> None:
    """It is a source."""
    done = command("show", "http://localhost:1/api", cwd=tmp_path)
    assert done.code == 4
    assert done.err.endswith("is no run; a server is named with --from URL\n")
