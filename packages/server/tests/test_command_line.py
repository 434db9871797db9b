"""`agenttrace runs`, `show`, `export` and `import` with servers: processes, as users have them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Connection

from agenttrace_server.services import export as export_module
from agenttrace_server.storage.export import read_span_lines

from .support.client import Client
from .support.dialects import ON_SQLITE
from .support.lines import (
    START_NS,
    make_call,
    make_event,
    make_payload,
    make_run,
    make_run_id,
    make_span,
    make_span_id,
)
from .support.process import ServerProcess
from .support.thread import ServerThread

COMMAND = [sys.executable, "-m", "agenttrace"]
RUN = make_run_id(0)
ANNOTATE = """mutation($id: ID!, $said: AnnotationInput!) {
    annotateRun(runId: $id, annotation: $said) { errors { code } } }"""
ANNOTATE_SPAN = ANNOTATE.replace("annotateRun(runId", "annotateSpan(spanId")
TAG = (
    "mutation($id: ID!, $tags: [String!]!) { tagRun(runId: $id, tags: $tags) { errors { code } } }"
)
DELETE = "mutation($id: ID!) { deleteRun(runId: $id) { count } }"
TIMEOUT_S = 60
FILTERS = [
    ["--status", "ERROR"],
    ["--status", "ERROR", "--status", "interrupted"],
    ["--name", "agent"],
    ["--name", "fail*", "--name", "other"],
    ["--tag", "golden"],
    ["--tag", "added"],
    ["--correlation-id", "flow"],
    ["--since", "2026-09-21T14:13:21Z"],
    ["--has-error"],
    ["--no-error"],
    ["--limit", "2"],
    ["--limit", "0"],
]


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


def _begin(*args: str | Path) -> subprocess.Popen[bytes]:
    known = {name: value for name, value in os.environ.items() if "AGENTTRACE" not in name}
    return subprocess.Popen(
        [*COMMAND, *map(str, args)],
        env={**known, "AGENTTRACE_PLUGINS": "", "TZ": "UTC"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _end(process: subprocess.Popen[bytes]) -> Done:
    out, err = process.communicate(timeout=TIMEOUT_S)
    return Done(process.returncode, out.decode(), err.decode())


def _run(*args: str | Path) -> Done:
    return _end(_begin(*args))


def _fill(client: Client) -> None:
    """Send runs of every kind, with what people add to them."""
    late = {"start_ns": START_NS + 10**9, "end_ns": START_NS + 2 * 10**9}
    error = {"type": "builtins.ValueError", "message": "no"}
    client.send(
        [
            make_run(0, status="COMPLETED", rev=2, tags=["golden"], correlation_id="flow"),
            *(make_call(n, input=make_payload({"n": n})) for n in range(1, 130)),
            make_event(900, span=3, name="state", body=make_payload({"key": "k", "value": 1})),
            make_run(1, name="failing", status="ERROR", rev=1, error=error),
            make_run(2, name="other", status="INTERRUPTED", rev=4, dropped={"queue_full": 3}),
            make_span(0, run=2, status="ERROR"),
            make_run(3, name="late", status="COMPLETED", rev=1, **late),
        ]
    )
    said = {"name": "helpful", "source": "HUMAN", "score": 0.5, "author": "ä", "comment": "a\nb"}
    client.ask(ANNOTATE, id=RUN, said=said)
    said = {"name": "tone", "source": "CODE", "label": "polite"}
    client.ask(ANNOTATE_SPAN, id=f"{RUN}:{make_span_id(1)}", said=said)
    client.ask(TAG, id=make_run_id(2), tags=["added"])


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API of a server with runs of every kind."""
    folder = tmp_path_factory.mktemp("filled")
    with ServerProcess(folder) as server, Client(server.url) as client:
        _fill(client)
        yield f"{server.url}/api"


@pytest.fixture(scope="module")
def exported(filled: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all runs of that server."""
    file = tmp_path_factory.mktemp("exported") / "all.jsonl"
    done = _run("export", "--from", filled, "--all", "--out", file)
    count = file.read_bytes().count(b"\n")
    assert done == (0, "", f"agenttrace: 4 runs, {count} records written to {file}\n")
    return file


def test_what_is_exported_from_one_server_is_imported_into_another(
    filled: str, exported: Path, tmp_path: Path
) -> None:
    """All runs, with what people added: the other gives the same lines, and shows the same."""
    lines = exported.read_bytes()
    count = lines.count(b"\n")
    assert (lines.count(b'"type":"annotation"'), lines.count(b'"type":"tags"')) == (2, 1)
    with ServerProcess(tmp_path) as other:
        there = f"{other.url}/api"
        for _ in range(2):
            done = _run("import", exported, "--to", there)
            assert done == (0, "", f"agenttrace: {count} records imported into {there}\n")
        assert _run("export", "--from", other.url, "--all").out.encode() == lines
        shown = [_run("runs", "--from", each, "--json").out for each in (filled, there)]
        assert shown[0] == shown[1]


@pytest.mark.parametrize("options", FILTERS, ids=" ".join)
def test_runs_are_filtered_as_those_of_a_file(
    filled: str, exported: Path, options: list[str]
) -> None:
    """A server finds what the same options find in an export of everything, shown as that is."""
    here, there = (_run("runs", "--from", each, "--json", *options) for each in (exported, filled))
    assert json.loads(here.out) == json.loads(there.out)
    assert here.code == there.code == 0
    if "--limit" not in options:
        ids = [run["id"] for run in json.loads(here.out)]
        assert 0 < len(ids) < 4
        taken = _run("export", "--from", filled, *options)
        assert taken.out == _run("export", "--from", exported, *options).out
        assert {json.loads(line)["run_id"] for line in taken.out.splitlines()} == {*ids}


def test_a_run_of_a_server_is_shown_as_one_of_a_file(
    filled: str, exported: Path, tmp_path: Path
) -> None:
    """By its whole id, the beginning of one, or as the last; for people and for programs."""
    for run, options in ((RUN, []), (RUN, ["--json", "--payloads"]), ("last", [])):
        here, there = (_run("show", run, "--from", each, *options) for each in (exported, filled))
        assert here == there
        assert here.code == 0
    beginning = _run("show", RUN[:31], "--from", filled)
    assert (beginning.code, beginning.out) == (3, "")
    assert "is the beginning of 4 run ids; give more of it" in beginning.err
    unknown = _run("export", "f" * 32, RUN, "--from", filled, "--out", tmp_path / "none.jsonl")
    assert unknown == (3, "", f"agenttrace: no run '{'f' * 32}' at {filled}\n")
    assert not (tmp_path / "none.jsonl").exists()
    listed = _run("runs", "--from", filled)
    assert listed.code == 0
    assert [line.split()[0] for line in listed.out.splitlines()[1:]] != []


def test_what_people_added_is_shown(filled: str, exported: Path) -> None:
    """Scores, comments and tags, of runs and spans, from a server as from a file."""
    for source in (filled, str(exported)):
        shown = _run("show", RUN, "--from", source).out
        assert "\nsaid: helpful 0.5  HUMAN ä  a\\nb\n" in shown
        assert shown.count("[tone polite]") == 1
        span = _run("show", RUN, "--span", make_span_id(1), "--from", source).out
        assert span.endswith("\nannotations\n  tone polite  CODE\n")
        listed = _run("runs", "--from", source, "--tag", "added", "--tag", "golden").out
        assert [line.split()[-1] for line in listed.splitlines()[1:]] == ["added", "0.5]"]
        run = json.loads(_run("show", RUN, "--json", "--from", source).out)
        (said,) = run["annotations"]
        kept = ("name", "source", "score", "label", "author", "comment")
        assert [said[name] for name in kept] == ["helpful", "HUMAN", 0.5, None, "ä", "a\nb"]
        of_spans = [each["annotations"] for each in run["spanTree"]]
        assert [said["label"] for each in of_spans for said in each] == ["polite"]


@ON_SQLITE
def test_runs_with_very_many_annotations_are_listed(server: ServerThread, client: Client) -> None:
    """As many as a run may have, and of as many runs as a page has: the server gives them."""
    count = 50
    client.send([make_run(n, status="COMPLETED", rev=1) for n in range(count)])
    said = {"v": 1, "type": "annotation", "name": "n", "source": "CODE", "score": 1}
    for n in range(count):
        lines = [
            {**said, "run_id": make_run_id(n), "annotation_id": f"{n}.{each}"}
            | {"created_ns": each, "updated_ns": each}
            for each in range(1_000)
        ]
        assert client.send(lines)["accepted"] == len(lines)
    done = _run("runs", "--from", server.url, "--json")
    assert done.code == 0
    assert [len(run["annotations"]) for run in json.loads(done.out)] == [1_000] * count


@ON_SQLITE
@pytest.mark.parametrize("kept", [None, "before"], ids=["a new file", "over an old one"])
def test_an_export_that_is_cut_leaves_no_file_that_looks_whole(
    server: ServerThread,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    kept: str | None,
) -> None:
    """The run is deleted behind its first thousand spans: code 4, and nothing took the place."""
    client.send([make_run(), *(make_call(n) for n in range(1_500))])
    reached, go_on = threading.Event(), threading.Event()

    def wait(connection: Connection, run_id: str, after: str) -> Any:
        if after:
            reached.set()
            assert go_on.wait(TIMEOUT_S)
        return read_span_lines(connection, run_id, after)

    monkeypatch.setattr(export_module, "read_span_lines", wait)
    folder = tmp_path / "out"
    folder.mkdir()
    if kept is not None:
        (folder / "run.jsonl").write_text(kept)
    process = _begin("export", RUN, "--from", server.url, "--out", folder / "run.jsonl")
    assert reached.wait(TIMEOUT_S)
    with Client(server.url) as other:
        assert other.ask(DELETE, id=RUN) == {"deleteRun": {"count": 1}}
    go_on.set()
    done = _end(process)
    assert (done.code, done.out) == (4, "")
    start = f"agenttrace: {server.url}: the export of run {RUN} was cut off after 1,001 records: "
    assert done.err.startswith(start)
    assert done.err.count("\n") == 1
    left = {path.name: path.read_text() for path in folder.iterdir()}
    assert left == ({} if kept is None else {"run.jsonl": kept})


def test_an_export_from_a_server_that_dies_says_so(tmp_path: Path) -> None:
    """Also where what came before was written to a pipe already."""
    with ServerProcess(tmp_path) as server:
        with Client(server.url) as client:
            client.send([make_run()])
            text = make_payload("x" * 100_000)
            for n in range(0, 400, 100):  # more than all buffers between the two hold
                client.send([make_span(each, output=text) for each in range(n, n + 100)])
        process = _begin("export", RUN, "--from", server.url)
        assert process.stdout is not None
        assert len(process.stdout.read(10_000)) == 10_000
        server.kill()
        done = _end(process)
    assert done.code == 4
    assert "was cut off after" in done.err
    assert done.err.endswith("ask again\n")
