"""Files: what can be read is read, what cannot is told with its line, and nothing is held."""

from __future__ import annotations

import json
import os
import threading
from typing import TYPE_CHECKING

import pytest
from recordings import (
    RUN_ID,
    START_NS,
    make_event,
    make_payload,
    make_run,
    make_span,
    span_id,
    write_file,
)

from agenttrace.trace import FileSource, RecordingError, RunNotFoundError, load_runs, resolve_run
from agenttrace.trace.reading import MAX_LINE_BYTES
from agenttrace.trace.sources import resolve_only_run, shorten_ids
from agenttrace.wire import validation

if TYPE_CHECKING:
    from pathlib import Path

OTHER_ID = "0193a5f0c0de70008000000000000abc"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a file of two runs, the newer one first."""
    return write_file(
        tmp_path / "t.jsonl",
        [
            make_run(OTHER_ID, name="newer", start_ns=START_NS + 1),
            make_run(),
            make_span(1, input=make_payload({"q": 1})),
            make_span(2, run_id=OTHER_ID),
            make_event(9, "log", "x"),
        ],
    )


def test_bad_lines_are_told_by_number_and_stop_nothing(path: Path) -> None:
    """Whatever is between, before and after them."""
    lines = path.read_bytes().splitlines()
    bad = [
        b"{",
        b'{"v":1,"type":"run"}',
        b'{"v":2,"type":"run","run_id":"' + RUN_ID.encode() + b'"}',
        b"[1]",
        b"\xff\xfe",
        b"[" * 100_000,
        b"null",
        json.dumps({**make_span(7), "seq": "late"}).encode(),
        json.dumps(make_span(8, cost={"usd": "1e5", "source": "rates"})).encode(),
        json.dumps(make_span(9, span_type="NOVEL")).encode(),
    ]
    path.write_bytes(b"\n".join([lines[0], *bad, b"", *lines[1:]]) + b"\n")
    recording = load_runs(path)
    assert sorted(problem.line for problem in recording.problems) == list(range(2, 12))
    assert [(run.name, len(run.spans)) for run in recording.runs] == [("agent", 1), ("newer", 1)]
    with FileSource(path) as source:
        source.summarize_runs()
        assert [problem.line for problem in source.problems] == list(range(2, 12))


def test_a_torn_last_line_is_said_to_be_one(path: Path) -> None:
    """The program may be writing it; a whole one without its newline counts."""
    path.write_bytes(path.read_bytes() + b'{"v":1,"type":"span","run_id":"01')
    (problem,) = load_runs(path).problems
    assert problem == (6, "cut off; its program may still be writing it", True)
    path.write_bytes(path.read_bytes().rsplit(b"\n", 1)[0])
    assert load_runs(path).problems == []
    assert len(load_runs(path).runs[0].events) == 1


def test_a_line_beyond_the_limit_is_skipped(path: Path) -> None:
    """And what follows is read; the limit is the one that validation has."""
    assert MAX_LINE_BYTES == validation.MAX_LINE_BYTES
    first, *rest = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([first, b'"' + b"x" * MAX_LINE_BYTES + b'"', *rest]) + b"\n")
    recording = load_runs(path)
    assert [problem.line for problem in recording.problems] == [2]
    assert len(recording.runs) == 2


def test_a_file_of_other_things_is_no_recording(tmp_path: Path) -> None:
    """The error says which file, and what is wrong with its first line."""
    path = tmp_path / "notes.txt"
    path.write_text("hello\nworld\n")
    with pytest.raises(RecordingError, match=r"notes.txt is no recording: .* line 1: not valid"):
        load_runs(path)


def test_a_missing_file_is_told_by_name(tmp_path: Path) -> None:
    """As the system says it."""
    with pytest.raises(RecordingError, match=r"cannot read .*none.jsonl: No such file"):
        load_runs(tmp_path / "none.jsonl")


def test_an_empty_file_holds_no_run(tmp_path: Path) -> None:
    """That is no error."""
    (tmp_path / "empty.jsonl").write_bytes(b"")
    assert load_runs(tmp_path / "empty.jsonl") == ([], [])


def test_windows_line_ends_and_a_byte_order_mark_are_no_trouble(path: Path) -> None:
    """An editor may have been there."""
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    recording = load_runs(path)
    assert recording.problems == []
    assert len(recording.runs) == 2


def test_a_pipe_is_read_like_a_file(tmp_path: Path, path: Path) -> None:
    """As `<(zcat old.jsonl.gz)` gives one."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(path.read_bytes()))
    writer.start()
    assert len(load_runs(pipe).runs) == 2
    writer.join()


def test_lines_of_one_run_come_byte_for_byte(path: Path) -> None:
    """In their order, with their own way of writing numbers."""
    line = json.dumps(make_span(5, input=make_payload(1)))
    odd = line.replace('"value": 1', '"value":   1.00e2')
    path.write_text(path.read_text() + odd + "\n")
    with FileSource(path) as source:
        lines = list(source.read_lines(RUN_ID))
    assert [json.loads(line)["type"] for line in lines] == ["run", "span", "event", "span"]
    assert lines[-1] == odd.encode()


def test_summaries_say_what_runs_add_up_to(path: Path) -> None:
    """Newest first, without a payload."""
    with FileSource(path) as source:
        newer, older = source.summarize_runs()
    assert (newer.name, newer.totals.spans, newer.has_error) == ("newer", 1, False)
    assert (older.run_id, older.totals.spans) == (RUN_ID, 1)


def test_a_summary_and_a_loaded_run_agree(tmp_path: Path) -> None:
    """Snapshots of a span in any order: the sums are those of the merged span."""
    usage = {"prompt_tokens": 3, "source": "reported"}
    snapshots = [
        make_span(1, rev=2, status="STARTED", usage=usage, model="m"),
        make_span(1, rev=1, status="ERROR"),
        make_span(1, rev=0, status="STARTED"),
        make_span(1, rev=1, status="STARTED", cost={"usd": "1", "source": "rates"}),
    ]
    path = write_file(tmp_path / "t.jsonl", snapshots)
    with FileSource(path) as source:
        (summary,) = source.summarize_runs()
        assert summary.totals == source.load_run(RUN_ID).totals()
    assert (summary.totals.prompt_tokens, summary.totals.errors) == (3, 1)


def test_a_run_is_found_by_id_prefix_and_last(path: Path) -> None:
    """`last` is the one that started last."""
    with FileSource(path) as source:
        assert resolve_run(source, "last") == OTHER_ID
        assert resolve_run(source, OTHER_ID.upper()) == OTHER_ID
        assert resolve_run(source, OTHER_ID[:30]) == OTHER_ID


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("ffff", r"no run 'ffff' in .*t.jsonl. .* holds: .* \(newer\), .* \(agent\)"),
        ("0193", r"'0193' is the beginning of 2 run ids; give more of it: 0193"),
        ("019", r"'019' is too short: give 4 digits of the run id"),
        ("agent", r"'agent' is no run: expected a run id, the beginning of one, 'last', or a file"),
    ],
)
def test_what_is_not_found_is_answered_with_what_is_there(
    path: Path, wanted: str, message: str
) -> None:
    """The message says what to give instead."""
    with FileSource(path) as source, pytest.raises(RunNotFoundError, match=message):
        resolve_run(source, wanted)


def test_the_only_run_needs_no_name(tmp_path: Path, path: Path) -> None:
    """Of two, one has to be named."""
    with FileSource(write_file(tmp_path / "one.jsonl", [make_run()])) as source:
        assert resolve_only_run(source) == RUN_ID
    with FileSource(path) as source, pytest.raises(RunNotFoundError, match=r"t.jsonl:last"):
        resolve_only_run(source)


def test_short_ids_tell_runs_apart() -> None:
    """As long as they must be, and not shorter than a person can read."""
    assert shorten_ids([RUN_ID, OTHER_ID]) == {
        RUN_ID: RUN_ID[:30],
        OTHER_ID: OTHER_ID[:30],
    }
    assert shorten_ids([RUN_ID]) == {RUN_ID: RUN_ID[:8]}


def test_what_was_added_to_a_run_is_shown_with_it(tmp_path: Path) -> None:
    """Of each annotation what was said last; what is about a run that is not there is left out."""
    said = {"v": 1, "type": "annotation", "run_id": RUN_ID, "source": "HUMAN", "name": "tone"}
    said |= {"annotation_id": "a", "created_ns": 2, "updated_ns": 2, "label": "rude"}
    tags = {"v": 1, "type": "tags", "run_id": RUN_ID, "tags": ["added", "demo"]}
    lines = [
        {**said, "updated_ns": 3, "label": "polite"},
        said,
        {**said, "annotation_id": "b", "created_ns": 1, "span_id": span_id(1), "score": 1.5},
        tags,
        {**tags, "run_id": OTHER_ID},
        make_run(tags=["demo"]),
        make_span(1),
    ]
    with FileSource(write_file(tmp_path / "t.jsonl", lines)) as source:
        (summary,) = source.summarize_runs()
        assert [head.run_id for head in source.list_heads()] == [RUN_ID]
        run = source.load_run(RUN_ID)
    assert source.problems == []
    for each in (run, summary):
        assert (list(each.tags), list(each.user_tags)) == (["demo", "added"], ["added", "demo"])
    assert list(summary.annotations) == run.annotations_of(None)
    assert [(each.label, each.updated_ns) for each in run.annotations_of(None)] == [("polite", 3)]
    assert [each.score for each in run.annotations_of(span_id(1))] == [1.5]
    assert "[tone 1.5 rude]" in str(run)
    assert "tone polite  HUMAN" in str(run)
    assert "tone polite  HUMAN" in run._repr_html_()
