"""The smallest example runs as it stands and records what it did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from research_runs import Trace, get_input, get_output, start_program

if TYPE_CHECKING:
    from pathlib import Path


def test_quickstart_records_one_run(tmp_path: Path) -> None:
    """Sync and async steps are in the file, ended, in the run's own order."""
    done = start_program("quickstart.py", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    trace = Trace(tmp_path / "traces.jsonl")
    run = trace.find_run("quickstart")
    assert (run["status"], run["correlation_id"]) == ("COMPLETED", "workflow-123")
    assert trace.started == trace.ended
    spans = trace.list_spans("quickstart")
    assert [(span["span_type"], span["name"]) for span in spans] == [
        ("TOOL_CALL", "search_docs"),
        ("DECISION", "choose_pages"),
        *[("TOOL_CALL", "read_page")] * 3,
        *[("LLM_CALL", "answer")] * 3,
    ]
    titles = [get_input(span)["title"] for span in spans if span["name"] == "read_page"]
    answers = [get_output(span) for span in spans if span["name"] == "answer"]
    assert all("context manager" in text for text in answers)
    quotes = [f"{title}: {text}\n\n" for title, text in zip(titles, answers, strict=True)]
    assert done.stdout == "".join([*quotes, "Recorded in ./traces.jsonl\n"])


def test_quickstart_claims_no_file_that_it_could_not_write(tmp_path: Path) -> None:
    """The recorder's own warning stands alone then."""
    (tmp_path / "traces.jsonl").mkdir()
    done = start_program("quickstart.py", "wombat", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "No page mentions 'wombat'.\n")
    assert "traces.jsonl" in done.stderr


def test_quickstart_takes_a_phrase(tmp_path: Path) -> None:
    """A phrase that no page holds is no failure: the program says so, and the run is there."""
    done = start_program("quickstart.py", "wombat", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "No page mentions 'wombat'.\nRecorded in ./traces.jsonl\n"
    (search,) = Trace(tmp_path / "traces.jsonl").list_spans("quickstart", "search_docs")
    assert get_output(search) == []
