"""`import`: into files and real servers, each line checked, twice changing nothing."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from recordings import RUN_ID, make_run, make_span, write_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .conftest import Done

    Run = Callable[..., Done]


class Door(ThreadingHTTPServer):
    """A server's `/api/ingest` that keeps what it gets and answers as it is told."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lines: list[bytes] = []
        self.keys: list[str | None] = []
        self.answer: Callable[[list[bytes]], tuple[int, dict[str, Any]]] = lambda lines: (
            200,
            {"accepted": len(lines), "rejected": 0, "errors": []},
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/api"


class _Handler(BaseHTTPRequestHandler):
    server: Door

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        lines = body.splitlines()
        self.server.keys.append(self.headers["authorization"])
        status, report = self.server.answer(lines)
        if status == 200:
            self.server.lines += lines
        text = json.dumps(report).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def door() -> Iterator[Door]:
    """Give a server on a free port."""
    server = Door()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with `t.jsonl`: 3 records."""
    write_file(tmp_path / "t.jsonl", [make_run(), make_span(1), make_span(2)])
    return tmp_path


def test_into_a_file_byte_for_byte_and_once(command: Run, folder: Path) -> None:
    """What it holds already is not added again."""
    done = command("import", "t.jsonl", "--to", "all.jsonl", cwd=folder)
    assert done == (0, "", "agenttrace: 3 records imported into all.jsonl\n")
    assert (folder / "all.jsonl").read_bytes() == (folder / "t.jsonl").read_bytes()
    write_file(folder / "more.jsonl", [make_span(2), make_span(3)])
    done = command("import", "t.jsonl", "more.jsonl", "--to", "jsonl:all.jsonl", cwd=folder)
    assert done.err == "agenttrace: 1 record imported into jsonl:all.jsonl, 4 known already\n"
    assert len((folder / "all.jsonl").read_bytes().splitlines()) == 4


def test_lines_that_are_no_records_are_refused_by_number(command: Run, folder: Path) -> None:
    """The others are taken; exit code 1; JSON is alone on standard output."""
    lines = (folder / "t.jsonl").read_bytes().splitlines()
    bad = b"\n".join([lines[0], b"{", b'{"v":1,"type":"run"}', b"", lines[1], b'{"v":1,"ty'])
    done = command("import", "-", "--to", "all.jsonl", "--json", cwd=folder, stdin=bad)
    assert done.code == 1
    report = json.loads(done.out)
    assert (report["accepted"], report["skipped"], report["rejected"]) == (2, 0, 3)
    assert [(error["file"], error["line"], error["code"]) for error in report["errors"]] == [
        ("standard input", 2, "invalid_json"),
        ("standard input", 3, "invalid_field"),
        ("standard input", 6, "invalid_json"),
    ]
    assert "agenttrace: standard input: line 2 is refused: invalid_json: " in done.err
    assert "2 records imported into all.jsonl, 3 refused" in done.err


def test_into_a_server(command: Run, folder: Path, door: Door) -> None:
    """Byte for byte, with the key of the environment."""
    done = command("import", "t.jsonl", "--to", door.url, cwd=folder, AGENTTRACE_API_KEY="k")
    assert done == (0, "", f"agenttrace: 3 records imported into {door.url}\n")
    assert b"\n".join(door.lines) + b"\n" == (folder / "t.jsonl").read_bytes()
    assert door.keys == ["Bearer k"]


def test_what_a_server_refuses_has_its_line(command: Run, folder: Path, door: Door) -> None:
    """By its number in the file, not in the request."""
    (folder / "t.jsonl").write_bytes(b"{\n" + (folder / "t.jsonl").read_bytes())
    error = {"line": 2, "code": "invalid_field", "message": "no"}
    door.answer = lambda _: (200, {"accepted": 2, "rejected": 1, "errors": [error]})
    done = command("import", "t.jsonl", "--to", door.url, "--json", cwd=folder)
    assert done.code == 1
    report = json.loads(done.out)
    assert report["accepted"] == 2
    assert [(e["line"], e["code"]) for e in report["errors"]] == [
        (1, "invalid_json"),
        (3, "invalid_field"),
    ]


def test_a_server_that_is_busy_gets_it_again(command: Run, folder: Path, door: Door) -> None:
    """As it asks for it."""
    answers = [503, 429]

    def answer(lines: list[bytes]) -> tuple[int, dict[str, Any]]:
        return (answers.pop() if answers else 200), {"accepted": len(lines), "rejected": 0}

    door.answer = answer
    assert command("import", "t.jsonl", "--to", door.url, cwd=folder).code == 0
    assert len(door.lines) == 3


@pytest.mark.parametrize(
    ("status", "reason"), [(401, "no API key was sent"), (404, "there is no such path")]
)
def test_a_door_that_is_shut_is_one_line(
    command: Run, folder: Path, door: Door, status: int, reason: str
) -> None:
    """Not one for each record; exit code 4."""
    door.answer = lambda _: (status, {})
    done = command("import", "t.jsonl", "--to", door.url, cwd=folder)
    assert (done.code, done.out, len(done.err.splitlines())) == (4, "", 1)
    assert f"refuses all records with status {status}: {reason}" in done.err


def test_a_server_that_is_away_is_told(command: Run, folder: Path) -> None:
    """Once the time is over; what to do is up to the reader."""
    url = "http://127.0.0.1:9/api"
    done = command("import", "t.jsonl", "--to", url, "--timeout", "0", cwd=folder)
    assert done == (
        4,
        "",
        f"agenttrace: cannot reach {url}/ingest: connection refused. 0 records imported before\n",
    )


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["none.jsonl", "--to", "x"], 4, "there is no file none.jsonl"),
        ([".", "--to", "x"], 4, "cannot read .: Is a directory"),
        (["t.jsonl", "--to", "/dev/full"], 4, "/dev/full: No space left on device"),
        (["t.jsonl", "--to", "/proc/none/x"], 4, "/proc/none/x: No such file or directory"),
        (["t.jsonl", "--to", "nope:x"], 2, "there is no exporter for 'nope:x'"),
        (["t.jsonl", "--to", "./t.jsonl"], 2, "t.jsonl is what is read"),
        (["t.jsonl", "--to", "./new/"], 2, "./new/ is a folder; name a file in it"),
        (["t.jsonl"], 2, "Missing option '--to'"),
    ],
)
def test_what_cannot_be_done_is_said_before_it_is_begun(
    command: Run, folder: Path, arguments: list[str], code: int, message: str
) -> None:
    """2: it cannot be meant; 4: what it needs is not there."""
    done = command("import", *arguments, cwd=folder, COLUMNS="200")
    assert (done.code, done.out) == (code, "")
    assert message in done.err


def test_what_was_added_on_a_server_goes_along(command: Run, folder: Path, door: Door) -> None:
    """Commands on files keep its lines and say nothing of them; the import sends them in place."""
    said = {
        "v": 1,
        "type": "annotation",
        "annotation_id": "a",
        "run_id": RUN_ID,
        "name": "helpful",
        "source": "HUMAN",
        "score": 1,
        "created_ns": 1,
        "updated_ns": 1,
    }
    tags = {"v": 1, "type": "tags", "run_id": RUN_ID, "tags": ["t"]}
    lost = {**tags, "run_id": "b" * 32}
    end = make_run(rev=1, status="COMPLETED")
    write_file(folder / "x.jsonl", [end, make_span(1), said, tags, lost])
    lines = (folder / "x.jsonl").read_bytes().splitlines()
    for arguments in (["runs", "-f", "x.jsonl"], ["show", "x.jsonl"], ["tail", "x.jsonl", RUN_ID]):
        done = command(*arguments, cwd=folder)
        assert (done.code, done.err) == (0, "")
    done = command("export", "x.jsonl", cwd=folder)
    assert done.out.encode().splitlines() == lines[:4]
    done = command("import", "x.jsonl", "--to", door.url, cwd=folder)
    assert (done.code, door.lines) == (0, lines)
    (folder / "bad.jsonl").write_text('{"v":1,"type":"tags","run_id":"b"}\n')
    done = command("import", "bad.jsonl", "--to", "all.jsonl", cwd=folder)
    assert done.code == 1
    assert "line 1 is refused: invalid_field" in done.err


def test_an_export_can_be_imported(command: Run, folder: Path) -> None:
    """One format for all doors."""
    exported = command("export", RUN_ID, "--file", "t.jsonl", cwd=folder).out
    done = command("import", "-", "--to", "b.jsonl", cwd=folder, stdin=exported.encode())
    assert done.code == 0
    assert (folder / "b.jsonl").read_text() == exported
