"""`runs`, `show` and `export`, run as processes on real files."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

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

from .support import COMMAND, ENVIRONMENT, run_process

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Done

    Run = Callable[..., Done]
    RunInTerminal = Callable[..., str]

FAILED_ID = "0193a5f0d0de70008000000000000abc"
EVIL = "\x1b]0;owned\x07\u202e\x9b2J"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with `traces.jsonl`: a run that was done, and one that failed later."""
    write_file(
        tmp_path / "traces.jsonl",
        [
            make_run(),
            make_run(rev=1, status="COMPLETED", duration_ns=12_000_000, tags=["demo"]),
            make_span(1, name="answer", span_type="AGENT", seq=0, end_seq=30),
            make_span(
                2,
                name="ask",
                span_type="LLM_CALL",
                parent_span_id=span_id(1),
                model="m-1",
                usage={"prompt_tokens": 7, "completion_tokens": 5, "source": "estimated"},
                cost={"usd": "0.010", "source": "rates"},
                input=make_payload({"messages": [{"role": "user", "content": "why?"}]}),
                output=make_payload("because"),
            ),
            make_event(9, "state", {"key": "found", "value": 2}, span_id=span_id(1)),
            make_run(
                FAILED_ID,
                name="other",
                rev=1,
                status="ERROR",
                start_ns=START_NS + 60_000_000_000,
                correlation_id="flow-1",
                error={"type": "builtins.ValueError", "message": "no"},
            ),
        ],
    )
    return tmp_path


def read_json(text: str) -> Any:
    """Return a JSON text that stands alone."""
    return json.loads(text)


def test_runs_lists_the_default_file(command: Run, folder: Path) -> None:
    """Newest first, with short ids, nothing on standard error."""
    done = command("runs", cwd=folder)
    assert (done.code, done.err) == (0, "")
    head, failed, completed = done.out.splitlines()
    assert head.split()[:5] == ["ID", "STARTED", "NAME", "STATUS", "DURATION"]
    assert failed.startswith(f"{FAILED_ID[:9]}  2023-11-14 22:14:20  other  ERROR")
    assert failed.endswith("flow-1")
    assert re.search(r"agent +COMPLETED +12.0 ms +2 +1 +0 +0 +~12 +~\$0.01 +demo$", completed)


def test_the_file_is_the_one_that_the_recorder_writes(command: Run, folder: Path) -> None:
    """AGENTTRACE_EXPORTER names it for both; --file comes before it."""
    (folder / "traces.jsonl").rename(folder / "mine.jsonl")
    assert command("runs", cwd=folder, AGENTTRACE_EXPORTER="jsonl:mine.jsonl").code == 0
    assert (
        command("runs", "--file", "mine.jsonl", cwd=folder, AGENTTRACE_EXPORTER="jsonl:x").code == 0
    )
    done = command("runs", cwd=folder)
    assert (done.code, done.out) == (4, "")
    assert done.err == (
        "agenttrace: there is no file ./traces.jsonl; name another with --file, a server with "
        "--from http://localhost:8000/api, or either with AGENTTRACE_EXPORTER\n"
    )


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--status", "error"], ["other"]),
        (["--status", "ERROR", "--status", "COMPLETED"], ["other", "agent"]),
        (["--name", "ag*"], ["agent"]),
        (["--tag", "demo"], ["agent"]),
        (["--correlation-id", "flow-1"], ["other"]),
        (["--has-error"], ["other"]),
        (["--no-error"], ["agent"]),
        (["--since", "2023-11-14T22:14:00Z"], ["other"]),
        (["--since", "1h"], []),
        (["--limit", "1"], ["other"]),
        (["--limit", "0"], ["other", "agent"]),
    ],
)
def test_runs_are_filtered(
    command: Run, folder: Path, options: list[str], names: list[str]
) -> None:
    """Each option by itself; JSON is alone on standard output."""
    done = command("runs", "--json", *options, cwd=folder)
    assert done.code == 0
    assert [found["name"] for found in read_json(done.out)] == names


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["runs", "--status", "DONE"], "'DONE' is no status; expected one of STARTED, COMPLETED"),
        (["runs", "--since", "yesterday"], "'yesterday' is no time; expected one such as 2h"),
        (["export", "last", "--out", "traces.jsonl"], "traces.jsonl is what is read"),
        (["export"], "no run is named; name some, filter them as with --since 7d, or say --all"),
        (["export", "last", "--all"], "name runs, or filter them, or say --all: one of these"),
        (["export", "last", "--tag", "x"], "name runs, or filter them, or say --all: one of these"),
        (["runs", "-f", "http://"], "'http://' is no http or https URL"),
    ],
)
def test_what_cannot_be_meant_is_usage(
    command: Run, folder: Path, arguments: list[str], message: str
) -> None:
    """Exit code 2, and the message says what to write instead."""
    done = command(*arguments, cwd=folder, COLUMNS="200")
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_json_has_graphql_s_names(command: Run, folder: Path) -> None:
    """A run with its totals and its tree; payloads only when they are asked for."""
    done = command("show", RUN_ID, "--json", cwd=folder)
    assert (done.code, done.err) == (0, "")
    shape = read_json(done.out)
    assert shape["id"] == RUN_ID
    assert shape["startTime"] == "2023-11-14T22:13:20.000000Z"
    assert shape["totals"] == {
        "spans": 2,
        "llmCalls": 1,
        "toolCalls": 0,
        "errors": 0,
        "promptTokens": 7,
        "completionTokens": 5,
        "cachedTokens": None,
        "totalTokens": 12,
        "tokensEstimated": True,
        "costUsd": "0.01",
        "billedUsd": "0.01",
    }
    assert [(s["name"], s["depth"], s["type"]) for s in shape["spanTree"]] == [
        ("answer", 0, "AGENT"),
        ("ask", 1, "LLM_CALL"),
    ]
    assert "input" not in shape["spanTree"][1]
    whole = read_json(command("show", RUN_ID, "--json", "--payloads", cwd=folder).out)
    assert whole["spanTree"][1]["output"]["value"] == "because"
    assert whole["spanTree"][0]["events"][0]["body"]["value"] == {"key": "found", "value": 2}


def test_show_is_a_tree(command: Run, folder: Path) -> None:
    """Of the last run unless another is named."""
    assert command("show", cwd=folder).out.startswith("other  ERROR\n")
    done = command("show", RUN_ID, cwd=folder)
    assert done.out.splitlines()[3:] == [
        "└─ answer      agent  0.50 ms",
        "   ├─ ask      llm    0.50 ms  ~7→5  ~$0.01  m-1",
        "   └─ • found  state                         = 2",
    ]


def test_show_payloads_and_one_span(command: Run, folder: Path) -> None:
    """Inputs and outputs below each span; one span with everything about it."""
    done = command("show", RUN_ID, "--payloads", cwd=folder)
    assert ' in {"messages": [{"role": "user", "content": "why?"}]}' in done.out
    assert "out because" in done.out
    done = command("show", RUN_ID, "--span", span_id(2), cwd=folder)
    assert done.out.startswith("ask  llm  COMPLETED  0.50 ms\n")
    assert '"content": "why?"' in done.out
    shape = read_json(command("show", RUN_ID, "--span", span_id(2), "--json", cwd=folder).out)
    assert (shape["spanId"], shape["costUsd"]) == (span_id(2), "0.010")


@pytest.mark.parametrize(
    ("run_text", "code", "message"),
    [
        ("ffff", 3, "no run 'ffff' in ./traces.jsonl. ./traces.jsonl holds: "),
        ("0193a5f0", 3, "'0193a5f0' is the beginning of 2 run ids; give more of it: "),
        ("agent", 3, "'agent' is no run: expected a run id, the beginning of one, 'last'"),
        ("none.jsonl", 4, "there is no file none.jsonl"),
        ("traces.jsonl", 3, "traces.jsonl holds 2 runs; say which, as in traces.jsonl:last."),
        ("traces.jsonl:ffff", 3, "no run 'ffff' in traces.jsonl."),
    ],
)
def test_what_is_not_there_has_its_code(
    command: Run, folder: Path, run_text: str, code: int, message: str
) -> None:
    """3: not found; 4: no data to look in. The message says what there is."""
    done = command("show", run_text, cwd=folder)
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith(f"agenttrace: {message}")


def test_a_run_may_be_a_file_or_in_one(command: Run, folder: Path) -> None:
    """Diff and replay need no server; `-` is standard input."""
    exported = command("export", RUN_ID, cwd=folder).out
    (folder / "one.jsonl").write_text(exported)
    for text in ("one.jsonl", "one.jsonl:last", f"traces.jsonl:{RUN_ID}"):
        assert command("show", text, cwd=folder).out.startswith("agent  COMPLETED")
    done = command("show", "-f", "-", cwd=folder, stdin=exported.encode())
    assert done.out.startswith("agent  COMPLETED")


def test_bad_lines_are_told_on_standard_error(command: Run, folder: Path) -> None:
    """They change neither the output nor the code."""
    with (folder / "traces.jsonl").open("a") as file:
        file.write('{"v":2}\n{"v":1,"type":"span","run_')
    done = command("runs", "--json", cwd=folder)
    assert (done.code, len(read_json(done.out))) == (0, 2)
    first, second = done.err.splitlines()
    assert first.startswith("agenttrace: ./traces.jsonl: line 7 is left out: a record of version 2")
    assert second == (
        "agenttrace: ./traces.jsonl: line 8 is left out: cut off; its program may still be "
        "writing it"
    )


def test_export_gives_back_the_lines(command: Run, folder: Path) -> None:
    """Byte for byte, of the runs that were named, to a pipe or a file."""
    lines = (folder / "traces.jsonl").read_text().splitlines(keepends=True)
    assert command("export", RUN_ID, cwd=folder).out == "".join(lines[:5])
    assert command("export", RUN_ID, "last", RUN_ID, cwd=folder).out == "".join(lines)
    done = command("export", "last", "--out", "out.jsonl", cwd=folder)
    assert (done.code, done.out) == (0, "")
    assert done.err == "agenttrace: 1 run, 1 record written to out.jsonl\n"
    assert (folder / "out.jsonl").read_text() == lines[5]
    assert command("export", "--all", cwd=folder).out == "".join([lines[5], *lines[:5]])
    assert command("export", "--tag", "demo", cwd=folder).out == "".join(lines[:5])
    none = command("export", "--tag", "other", cwd=folder)
    assert none == (0, "", "agenttrace: there is no run like that\n")
    array = read_json(command("export", RUN_ID, "--format", "json", cwd=folder).out)
    assert array == [json.loads(line) for line in lines[:5]]


def test_an_export_that_fails_leaves_the_file_as_it_was(command: Run, folder: Path) -> None:
    """It takes its place only when it is whole."""
    (folder / "out.jsonl").write_text("before")
    assert command("export", "ffff", "--out", "out.jsonl", cwd=folder).code == 3
    assert (folder / "out.jsonl").read_text() == "before"
    done = command("export", "last", "--out", "no/such/out.jsonl", cwd=folder)
    assert (done.code, done.err) == (
        4,
        "agenttrace: cannot write no/such/out.jsonl: No such file or directory\n",
    )
    assert sorted(path.name for path in folder.iterdir()) == ["out.jsonl", "traces.jsonl"]


@pytest.mark.parametrize(
    "arguments", [["runs"], ["runs", "--json"], ["show"], ["export", "last"], ["plugins", "--json"]]
)
def test_a_full_disk_is_one_line(folder: Path, arguments: list[str]) -> None:
    """No traceback, and a code that says so."""
    with open("/dev/full", "wb") as full:  # noqa: PTH123 -- a device
        done = subprocess.run(
            [*COMMAND, *arguments],
            cwd=folder,
            env=ENVIRONMENT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (
        4,
        "agenttrace: cannot write the output: No space left on device\n",
    )


@pytest.mark.parametrize("arguments", [["show", "--json"], ["export", "last"], ["show"]])
def test_a_reader_that_goes_ends_it_quietly(tmp_path: Path, arguments: list[str]) -> None:
    """As `| head` does, in the middle of an output that is larger than a pipe."""
    spans = (make_span(n, name="x" * 200) for n in range(3_000))
    write_file(tmp_path / "traces.jsonl", [make_run(), *spans])
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.read(100)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=30) == 0


def test_recorded_text_does_nothing_to_a_terminal(terminal: RunInTerminal, tmp_path: Path) -> None:
    """Escapes and overrides are shown, in text and in JSON; the JSON says the same."""
    write_file(
        tmp_path / "traces.jsonl",
        [make_run(name=EVIL), make_span(1, name=EVIL, output=make_payload({EVIL: EVIL}))],
    )
    for arguments in (
        ["runs"],
        ["show", "--payloads"],
        ["show", "--span", span_id(1)],
        ["show", "--json", "--payloads"],
        ["export", "last"],
    ):
        shown = terminal(*arguments, cwd=tmp_path, columns=300)
        plain = re.sub(r"\x1b\[[\d;]*m", "", shown)
        assert not {"\x1b", "\x07", "\u202e", "\x9b"} & set(plain), arguments
        assert "owned" in plain
    shown = terminal("show", "--json", cwd=tmp_path, columns=300)
    assert json.loads(shown)["name"] == EVIL


def test_a_terminal_gets_colour_and_no_line_that_is_too_long(
    command: Run, terminal: RunInTerminal, folder: Path
) -> None:
    """Unless NO_COLOR is set; a pipe gets neither colour nor cuts."""
    for columns in (40, 60, 80, 100, 160):
        for arguments in (["runs"], ["show", RUN_ID]):
            shown = terminal(*arguments, cwd=folder, columns=columns)
            assert "\x1b[" in shown
            rows = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in shown.splitlines()]
            tree = rows if arguments == ["runs"] else rows[3:]
            assert max(len(row) for row in tree) <= columns
    plain = terminal("show", RUN_ID, cwd=folder, columns=80, NO_COLOR="1")
    assert not re.search(r"\x1b\[[\d;]*3\dm", plain)
    assert "\x1b[" not in command("show", RUN_ID, cwd=folder).out


def test_one_long_name_does_not_cost_the_other_columns(
    terminal: RunInTerminal, tmp_path: Path
) -> None:
    """It is cut, and gets the room that is left."""
    write_file(tmp_path / "traces.jsonl", [make_run(name="n" * 100)])
    shown = terminal("runs", cwd=tmp_path, columns=100)
    head, row = re.sub(r"\x1b\[[\d;]*m", "", shown).splitlines()
    assert head.split() == ["ID", "STARTED", "NAME", "STATUS", "SPANS", "LLM", "TOOLS", "ERRORS"]
    assert "n" * 30 in row


def test_a_poor_encoding_is_no_failure(folder: Path) -> None:
    """The tree is drawn in ASCII, and what has no letter is escaped."""
    done = run_process("show", RUN_ID, cwd=folder, PYTHONIOENCODING="ascii")
    assert done.code == 0
    assert "   |- ask" in done.out


def test_a_process_ends_with_the_code(folder: Path) -> None:
    """0 done, 2 usage, 3 not found, 4 no data; messages on standard error alone."""
    codes = {"show": 0, "show --no-such": 2, "show ffff": 3, "show none.jsonl": 4}
    for arguments, code in codes.items():
        done = run_process(*arguments.split(), cwd=folder)
        assert (done.code, bool(done.out), bool(done.err)) == (code, code == 0, code != 0)


def test_help_has_examples(command: Run, folder: Path) -> None:
    """Every command shows how it is used."""
    for name in ("runs", "show", "export"):
        done = command(name, "--help", cwd=folder)
        assert done.code == 0
        assert f"agenttrace {name}" in done.out.split("For example:")[1]
