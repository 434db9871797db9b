"""The example as a user runs it: offline, in a folder of its own, with nothing else started."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from research_runs import Trace, get_input, get_output

from research.library import PythonDocs
from research.passages import split_page

if TYPE_CHECKING:
    import subprocess


def test_two_runs_share_one_correlation_id(default_trace: Trace) -> None:
    """The fact checker has a run of its own, and the correlation id joins the two."""
    assert sorted((run["name"], run["status"]) for run in default_trace.runs) == [
        ("fact_checker", "COMPLETED"),
        ("research_agent", "COMPLETED"),
    ]
    first, second = default_trace.runs
    assert first["correlation_id"] == second["correlation_id"]
    assert first["correlation_id"].startswith("research-")


def test_every_step_that_started_has_ended(default_trace: Trace) -> None:
    """A finished program leaves no open span and no open run in its file."""
    assert default_trace.started == default_trace.ended


def test_steps_of_every_kind_are_recorded(default_trace: Trace) -> None:
    """The trace shows each kind of step that an agent has."""
    assert {span["span_type"] for span in default_trace.spans} == {
        "LLM_CALL",
        "TOOL_CALL",
        "DECISION",
        "RETRIEVAL",
        "AGENT",
        "CUSTOM",
    }


def test_searches_record_documents_with_their_scores(default_trace: Trace) -> None:
    """A retrieval holds its query and the documents that it found, best first."""
    search = default_trace.list_spans("research_agent", "search_passages")[0]
    documents = get_output(search)
    assert search["span_type"] == "RETRIEVAL"
    assert get_input(search).keys() == {"query"}
    assert len(documents) == 8
    assert all(document["id"] and document["content"] for document in documents)
    scores = [document["score"] for document in documents]
    assert scores == sorted(scores, reverse=True)
    assert min(scores) > 0


def test_the_pages_that_are_read_are_those_that_were_decided_on(default_trace: Trace) -> None:
    """The decision changes what happens next: what it chose is read, and nothing else."""
    (choice,) = default_trace.list_spans("research_agent", "choose_pages")
    (evidence,) = default_trace.list_spans("research_agent", "judge_evidence")
    options = get_input(choice)["options"]
    chosen, reason = get_output(choice)["chosen"], get_output(choice)["reason"]
    assert {option["page"] for option in options} > set(chosen)
    assert reason
    more = get_output(evidence)["chosen"]
    expected = chosen + ([] if more == "answer now" else [m.removeprefix("read ") for m in more])
    reads = default_trace.list_spans("research_agent", "read_page")
    assert sorted(get_input(read)["page"] for read in reads) == sorted(expected)


def test_a_real_failure_is_retried_until_it_succeeds(default_trace: Trace) -> None:
    """No page is titled as the question asks: the look-up fails, and the nearest title is taken."""
    failed, succeeded = default_trace.list_spans("research_agent", "look_up")[:2]
    assert (failed["status"], failed["attributes"]) == ("ERROR", {"agenttrace.retry.attempt": 1})
    assert failed["error"]["type"] == "builtins.LookupError"
    assert failed["error"]["message"] == (
        "pydoc has no topic and no module 'context managers handle exceptions'"
    )
    assert succeeded["status"] == "COMPLETED"
    assert succeeded["attributes"] == {"agenttrace.retry.attempt": 2}
    assert get_input(succeeded)["title"] == "context-managers"
    assert "context manager" in get_output(succeeded)


def test_the_summariser_is_called_by_its_name(default_trace: Trace) -> None:
    """Its tokens are estimates and say so; what it cost is unknown, and absent."""
    calls = [span for span in default_trace.spans if span["span_type"] == "LLM_CALL"]
    assert len(calls) >= 3
    for call in calls:
        assert (call["name"], call["model"]) == ("summarise", "sumy-lexrank")
        assert call["usage"]["source"] == "estimated"
        assert call["usage"]["prompt_tokens"] > 0
        assert call["usage"]["completion_tokens"] > 0
        assert call["attributes"]["gen_ai.provider.name"] == "sumy"
        assert "cost" not in call


def test_work_at_the_same_time_has_lanes_of_its_own(default_trace: Trace) -> None:
    """Each search runs in a thread, each page in a task: they overlap, in different lanes."""
    reads = default_trace.list_spans("research_agent", "read_page")
    assert len({read["lane"] for read in reads}) == len(reads) >= 2
    assert max(read["seq"] for read in reads) < min(read["end_seq"] for read in reads)
    searches = default_trace.list_spans("research_agent", "search_passages")[:3]
    assert len({search["lane"] for search in searches}) == 3


def test_the_second_agent_decides_what_the_first_answers(default_trace: Trace) -> None:
    """The answer holds the claims that the fact checker found supported, and no other."""
    (handover,) = default_trace.list_spans("research_agent", "ask_fact_checker")
    verdicts = get_output(handover)
    judged = default_trace.list_spans("fact_checker", "judge_claim")
    assert sorted(get_output(span)["chosen"] for span in judged) == sorted(
        verdict["finding"] for verdict in verdicts
    )
    supported = [v["claim"] for v in verdicts if v["finding"] == "supported"]
    assert get_output(default_trace.find_run("research_agent")) == supported
    assert len(supported) >= 2


def test_the_answer_quotes_the_passages_that_it_cites(
    default_run: subprocess.CompletedProcess[str],
) -> None:
    """Each sentence of the answer stands, word for word, in the passage that its number names."""
    answer, _, rest = default_run.stdout.partition("\nSources\n")
    sources = dict(re.findall(r"^  \[(\d+)\] (\S+)$", rest, re.MULTILINE))
    text = " ".join(answer.split())
    claims = re.findall(r"(?:^|\? |\] )([^\]]+?) \[(\d+)\]", text)
    assert len(claims) >= 2
    library = PythonDocs()
    for claim, number in claims:
        page = sources[number].partition("#")[0]
        passages = {p.id: p.content for p in split_page(page, library.open_page(page))}
        assert claim in passages[sources[number]]


def test_the_summary_says_what_the_file_holds(
    default_run: subprocess.CompletedProcess[str], default_trace: Trace
) -> None:
    """Spans, errors and tokens are counted as they were recorded, run by run."""
    for name in ("research_agent", "fact_checker"):
        spans = default_trace.list_spans(name)
        errors = sum(span["status"] == "ERROR" for span in spans)
        tokens = sum(
            span["usage"]["prompt_tokens"] + span["usage"]["completion_tokens"]
            for span in spans
            if "usage" in span
        )


def test_without_a_server_the_program_says_so_once(
    default_run: subprocess.CompletedProcess[str], closed_endpoint: str
) -> None:
    """A server that is down costs one calm line; nothing is written to the error output."""
    server = closed_endpoint.removesuffix("/api")
    assert default_run.stdout.count(server) == 1
    assert default_run.stderr == ""
