"""The example as a user runs it: offline, in a folder of its own, with nothing else started."""

from __future__ import annotations

import re
import shlex
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from research_runs import (
    COMPLETION_TOKENS,
    FILE,
    PROMPT_TOKENS,
    ROOT,
    ChatServer,
    Trace,
    get_input,
    get_output,
    start_program,
)

from research.library import PythonDocs
from research.passages import split_page

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

KINDS = ".md .markdown .py .rst .text .txt"
DOCS = str(ROOT / "docs")
NO_AMOUNT = "is no amount; it takes 0 or more; --help lists what there is."
NO_ID = "argument --correlation-id: it takes 1 to 128 characters"
NO_ADDRESS = "it takes the http address of a server's /api."


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
    assert re.match(r"\d+ of \d+ pages score \d+\.\d\d or more", reason)
    reads = default_trace.list_spans("research_agent", "read_page")
    assert [get_input(read)["page"] for read in reads] == chosen
    assert get_output(evidence) == {
        "chosen": "answer now",
        "reason": "Not in the notes: no word of the question. Pages that may tell: none.",
    }


def test_a_real_failure_is_retried_until_it_succeeds(default_trace: Trace) -> None:
    """No page is titled as the question asks: the look-up fails, the best page's succeeds."""
    failed, succeeded = default_trace.list_spans("research_agent", "look_up")[:2]
    assert (failed["status"], failed["attributes"]) == ("ERROR", {"agenttrace.retry.attempt": 1})
    assert failed["error"]["type"] == "builtins.LookupError"
    assert failed["error"]["message"] == ("pydoc has no topic and no module 'finally clause'")
    assert succeeded["status"] == "COMPLETED"
    assert succeeded["attributes"] == {"agenttrace.retry.attempt": 2}
    assert get_input(succeeded)["title"] == "try"
    assert get_output(succeeded) == PythonDocs().open_page("try")


def test_the_summariser_is_called_by_its_name(default_trace: Trace) -> None:
    """Its tokens are estimates and say so; what it cost is unknown, and absent."""
    calls = [span for span in default_trace.spans if span["span_type"] == "LLM_CALL"]
    assert len(calls) >= 3
    for call in calls:
        assert (call["name"], call["model"]) == ("summarise", "sumy-lexrank")
        assert call["usage"]["source"] == "estimated"
        assert call["usage"]["prompt_tokens"] > 0
        assert call["usage"]["completion_tokens"] > 0
        assert call["attributes"] == {
            "gen_ai.provider.name": "sumy",
            "agenttrace.usage.estimate_method": "utf8-bytes/4",
        }
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
    _, _, sentences = answer.partition("\n\n")
    text = " ".join(sentences.split())
    claims = re.findall(r"(?:^|(?<=\] ))([^\]]+?) \[(\d+)\]", text)
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
    spans = default_trace.list_spans("research_agent")
    calls = [span["usage"] for span in spans if span["span_type"] == "LLM_CALL"]
    tokens = sum(usage["prompt_tokens"] + usage["completion_tokens"] for usage in calls)
    checks = default_trace.list_spans("fact_checker")
    figures = [
        f"{len(spans)} spans, 1 error, {len(calls)} model calls",
        f"{tokens:,} tokens (estimated), cost unknown",
    ]
    assert [line.split(None, 1)[1] for line in default_run.stdout.splitlines()[-3:-1]] == [
        ", ".join(figures),
        f"{len(checks)} spans, 0 errors",
    ]


def test_without_a_server_the_program_says_so_once(
    default_run: subprocess.CompletedProcess[str], closed_endpoint: str
) -> None:
    """A server that is down costs one calm line; nothing is written to the error output."""
    server = closed_endpoint.removesuffix("/api")
    assert default_run.stdout.count(server) == 1
    assert default_run.stderr == ""


def test_a_recorder_that_is_switched_off_changes_no_answer(
    tmp_path: Path, closed_endpoint: str, default_run: subprocess.CompletedProcess[str]
) -> None:
    """The same answer is printed, and that nothing was recorded."""
    done = start_agent(tmp_path, closed_endpoint, AGENTTRACE_DISABLED="1")
    assert (done.returncode, done.stderr) == (0, "")
    answer, _, _ = default_run.stdout.partition("Recorded in")
    assert done.stdout == f"{answer}Nothing was recorded: AGENTTRACE_DISABLED is set.\n"


def test_rates_that_the_user_gives_are_applied(tmp_path: Path, closed_endpoint: str) -> None:
    """The cost is the estimate at these rates, exactly, and says where it comes from."""
    rates = ["--cost-per-prompt-token", "0.001", "--cost-per-completion-token", "0.002"]
    done = start_agent(tmp_path, closed_endpoint, *rates, "--correlation-id", "mine")
    assert done.returncode == 0, done.stderr
    trace = Trace(tmp_path / FILE)
    assert {run["correlation_id"] for run in trace.runs} == {"mine"}
    calls = [span for span in trace.spans if span["span_type"] == "LLM_CALL"]
    costs = [Decimal(call["cost"]["usd"]) for call in calls]
    assert costs == [
        call["usage"]["prompt_tokens"] * Decimal("0.001")
        + call["usage"]["completion_tokens"] * Decimal("0.002")
        for call in calls
    ]
    assert {call["cost"]["source"] for call in calls} == {"rates"}
    assert f"${sum(costs, Decimal(0)).normalize():f} (at the rates given)" in done.stdout


def test_what_the_notes_lack_is_looked_for(tmp_path: Path, closed_endpoint: str) -> None:
    """A word of the question that the first pages do not hold leads to a second reading."""
    (tmp_path / "wombats.md").write_text(
        "Wombats dig long burrows with their strong claws. Wombats dig their burrows at night.\n"
    )
    (tmp_path / "dormice.md").write_text(
        "Dormice live in the hedges of the whole country and eat nuts in autumn. "
        "From the first frost until the spring all dormice hibernate under moss and leaves.\n"
    )
    question = "How do wombats dig burrows, and what do wombats that hibernate dig?"
    done = start_agent(tmp_path, closed_endpoint, question, "--folder", ".")
    assert (done.returncode, done.stderr) == (0, "")
    trace = Trace(tmp_path / FILE)
    (choice,) = trace.list_spans("research_agent", "choose_pages")
    (evidence,) = trace.list_spans("research_agent", "judge_evidence")
    assert get_output(choice)["chosen"] == ["wombats.md"]
    assert get_output(evidence) == {
        "chosen": "read more",
        "reason": "Not in the notes: hibernate. Pages that may tell: dormice.md.",
    }
    reads = trace.list_spans("research_agent", "read_page")
    assert [get_input(read)["page"] for read in reads] == ["wombats.md", "dormice.md"]


def test_a_folder_of_the_users_is_searched_and_cited(tmp_path: Path, closed_endpoint: str) -> None:
    """The first look-up asks the file system for a page of the question's words, which fails."""
    notes = tmp_path / "notes"
    (notes / "deep").mkdir(parents=True)
    (notes / "deep" / "wombats.md").write_text(
        "# Wombats\n\nWombats dig long burrows with their strong claws and short legs. "
        "A wombat digs its burrow at night and sleeps in it during the day.\n"
    )
    (notes / "herons.txt").write_text("Herons stand in shallow water and wait there for fish.\n")
    done = start_agent(
        tmp_path, closed_endpoint, "How do wombats dig burrows?", "--folder", "notes"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Wombats dig long burrows with their strong claws and short legs. [1]" in done.stdout
    assert "[1] deep/wombats.md#1" in done.stdout
    failed, succeeded = Trace(tmp_path / FILE).list_spans("research_agent", "look_up")
    assert (failed["status"], failed["error"]["type"]) == ("ERROR", "builtins.FileNotFoundError")
    assert (succeeded["status"], get_input(succeeded)) == (
        "COMPLETED",
        {"title": "deep/wombats.md", "attempt": 2},
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["Where do wombats sleep?"],
        ["What is the capital of France?"],
        ["How do I deploy a container to Kubernetes?"],
        ["How is a release made?", "--folder", DOCS],
        ["Which version of PostgreSQL is required?", "--folder", DOCS],
        ["How are users billed each month?", "--folder", DOCS],
    ],
    ids=lambda arguments: arguments[0].split()[-1],
)
def test_a_question_that_the_text_does_not_answer(
    tmp_path: Path, closed_endpoint: str, arguments: list[str]
) -> None:
    """Nothing is passed off as an answer, though the text shares words with the question."""
    done = start_agent(tmp_path, closed_endpoint, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert "The text that was read does not answer this." in done.stdout
    assert "Sources" not in done.stdout
    assert Trace(tmp_path / FILE).find_run("research_agent")["status"] == "COMPLETED"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["What does __exit__ do with an exception?"], 'are passed as arguments to "__exit__()".'),
        (["How does asyncio cancel a task?"], "does not guarantee that the task will be cancelled"),
        (["Why does the server listen on 127.0.0.1?", "--folder", "./docs"], "through DNS rebind"),
    ],
    ids=["of the program", "of a module", "of a folder"],
)
def test_the_documented_questions_are_answered(
    tmp_path: Path, closed_endpoint: str, arguments: list[str], sentence: str
) -> None:
    """What the documents tell the reader to ask is answered to the point."""
    command = "python examples/research_agent.py " + shlex.join(arguments).replace("'", '"')
    examples = ROOT / "examples"
    documented = (examples / "README.md", examples / "research_agent.py")
    assert any(command in path.read_text(encoding="utf-8") for path in documented)
    done = start_agent(ROOT, closed_endpoint, *arguments, "--out", str(tmp_path / FILE))
    assert (done.returncode, done.stderr) == (0, "")
    assert sentence in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([" "], "QUESTION ' ' has no word to search for; ask for a thing."),
        (["--folder", "gone"], "--folder gone: there is no such folder; name one that exists."),
        (["--folder", "empty"], f"--folder empty: holds no text; files to read end in {KINDS}."),
        (["--folder", "code"], "the folder code holds no running text to search."),
        (["--out", "empty"], "--out empty: Is a directory; name a file to write."),
        (["--pace", "-1"], f"argument --pace: '-1' {NO_AMOUNT}"),
        (["--pace", "soon"], f"argument --pace: 'soon' {NO_AMOUNT}"),
        (["--endpoint", "ftp://x"], f"--endpoint ftp://x: {NO_ADDRESS}"),
        (["--folder", "code/x.txt"], "--folder code/x.txt: is a file; name the folder it is in."),
        (["--correlation-id", ""], f"{NO_ID}, not 0; --help lists what there is."),
        (["--correlation-id", " "], f"{NO_ID}, not blank ones; --help lists what there is."),
        (["--correlation-id", "x" * 129], f"{NO_ID}, not 129; --help lists what there is."),
    ],
    ids=[
        "question",
        "folder",
        "no text",
        "no prose",
        "file",
        "negative",
        "no number",
        "endpoint",
        "no folder",
        "empty id",
        "blank id",
        "long id",
    ],
)
def test_a_wrong_command_line_gets_one_line_and_exit_code_2(
    tmp_path: Path, closed_endpoint: str, arguments: list[str], message: str
) -> None:
    """The line says what is wrong and what to do; nothing else is printed."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "x.txt").write_text("{};\n")
    done = start_agent(tmp_path, closed_endpoint, *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"research_agent.py: {message}\n")


def test_an_endpoint_writes_and_its_figures_are_recorded(
    tmp_path: Path, closed_endpoint: str, chat_server: ChatServer
) -> None:
    """A refusal is recorded and retried; usage is as reported; an invented claim is dropped."""
    rates = ["--cost-per-prompt-token", "0.001", "--cost-per-completion-token", "0.002"]
    environ = {"OPENAI_BASE_URL": chat_server.base_url, "OPENAI_API_KEY": "secret-key"}
    done = start_agent(tmp_path, closed_endpoint, *rates, OPENAI_MODEL="asked-1", **environ)
    assert (done.returncode, done.stderr) == (0, "")
    trace = Trace(tmp_path / FILE)
    calls = trace.list_spans("research_agent", "chat")
    (refused,) = [call for call in calls if call["status"] == "ERROR"]
    assert refused["error"]["type"] == "research.models.ChatError"
    assert "answered 429" in refused["error"]["message"]
    (retried,) = [call for call in calls if call["attributes"]["agenttrace.retry.attempt"] == 2]
    assert get_input(retried)["messages"] == get_input(refused)["messages"]
    for call in calls:
        if call is not refused:
            assert call["usage"] == {
                "prompt_tokens": PROMPT_TOKENS,
                "completion_tokens": COMPLETION_TOKENS,
                "total_tokens": PROMPT_TOKENS + COMPLETION_TOKENS,
                "source": "reported",
            }
            assert call["cost"] == {"usd": "0.18", "source": "rates"}
            assert call["model"] == "asked-1"
    assert "Wombats" not in done.stdout
    (handover,) = trace.list_spans("research_agent", "ask_fact_checker")
    assert [v["finding"] for v in get_output(handover) if "Wombats" in v["claim"]] == [
        "unsupported"
    ]
    assert {request["model"] for request in chat_server.requests} == {"asked-1"}
    assert set(chat_server.authorizations) == {"Bearer secret-key"}
    assert b"secret-key" not in (tmp_path / FILE).read_bytes()


def test_an_endpoint_that_refuses_for_good_ends_the_run(
    tmp_path: Path, closed_endpoint: str
) -> None:
    """One line names the answer and the way out, the exit code is 1, and the trace is whole."""
    server = ChatServer(refusals=100, status=401)
    try:
        done = start_agent(tmp_path, closed_endpoint, OPENAI_BASE_URL=server.base_url)
    finally:
        server.close()
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "/v1/chat/completions answered 401" in done.stderr
    assert "unset them to work offline" in done.stderr
    assert done.stdout.startswith(f"Recorded in {FILE}, correlation id research-")
    trace = Trace(tmp_path / FILE)
    assert trace.find_run("research_agent")["status"] == "ERROR"
    assert trace.started == trace.ended


def test_an_endpoint_that_reports_no_tokens_leaves_them_unknown(
    tmp_path: Path, closed_endpoint: str
) -> None:
    """No figure is made up; a server error is asked again like a refusal."""
    server = ChatServer(status=503, reports=False)
    try:
        done = start_agent(tmp_path, closed_endpoint, OPENAI_BASE_URL=server.base_url)
    finally:
        server.close()
    assert (done.returncode, done.stderr) == (0, "")
    calls = Trace(tmp_path / FILE).list_spans("research_agent", "chat")
    assert [call["status"] for call in calls].count("ERROR") == 1
    assert not any("usage" in call or "cost" in call for call in calls)
    assert f"{len(calls)} model calls, tokens unknown, cost unknown" in done.stdout
    assert set(server.authorizations) == {None}


def start_agent(
    folder: Path, endpoint: str, *arguments: str, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run the example in `folder`, offline unless `environ` names a model's endpoint."""
    return start_program(
        "research_agent.py", "--endpoint", endpoint, *arguments, folder=folder, **environ
    )
