"""What the command says of a way on can be typed: options, quoted, and no Python."""

from __future__ import annotations

import re
import shlex
import socket
from typing import TYPE_CHECKING

import pytest

from agenttrace.replay.hints import spell_for_command

from .programs import AGENT, BEGIN, MAIN, Folder, make_folder

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = re.compile(r"(?<!--on )\b[a-z_]+=|\{|\(\.\.\.\)")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Return a folder with an agent that was recorded into ./traces.jsonl."""
    return make_folder(tmp_path)


def tell(folder: Folder, main: str, *options: str) -> str:
    """Replay another program, and return the hint of what stopped it."""
    folder.write("agent.py", AGENT + main + BEGIN)
    report = folder.report("last", *options)
    hint: str = report["divergences"][-1]["hint"]
    assert not PYTHON.search(hint), hint
    return hint


def test_a_change_is_left_out_by_the_option_that_is_named(folder: Folder) -> None:
    """Typed as it stands, it lets the replay through."""
    main = MAIN.replace("search(query)", "search('snow')")
    hint = tell(folder, main)
    assert "--ignore '$.query' leaves this place out" in hint
    assert "--mode live_after_divergence makes this call" in hint
    words = shlex.split(hint.partition(" leaves")[0].partition("; ")[2])
    assert folder.report("last", *words)["divergences"] == []


def test_what_is_not_made_any_more_is_let_pass_by_an_option(folder: Folder) -> None:
    hint = tell(folder, MAIN.replace("charge(7)", "pass"))
    assert "--on missing_call=warn lets it pass" in hint


def test_a_call_that_may_not_be_made_is_allowed_by_an_option(folder: Folder) -> None:
    main = MAIN.replace("charge(7)", "charge(8)")
    hint = tell(folder, main, "--mode", "live_after_divergence")
    assert hint == "--allow tool:charge lets this call run"
    found = folder.report("last", "--mode", "live_after_divergence", "--allow", "tool:charge")
    assert (found["liveCalls"], folder.calls) == (1, ["charge"])


def test_what_is_reached_is_allowed_by_an_option(folder: Folder) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        reach = f"import socket; socket.create_connection({server.getsockname()!r})\n        "
        hint = tell(folder, MAIN.replace("found = ", f"{reach}found = "))
    assert hint.endswith(f"or allow it with --allow-io {address}")


def test_a_file_is_named_as_a_shell_takes_it(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write("agent.py", AGENT + MAIN + BEGIN.replace("main(*sys", "main()\n    main(*sys"))
    folder.record()
    (tmp_path / "traces.jsonl").rename(tmp_path / "my traces.jsonl")
    done = folder.replay("my traces.jsonl")
    assert done.code == 12
    assert "as in 'my traces.jsonl:last', or" in done.err


@pytest.mark.parametrize(
    ("hint", "spelled"),
    [
        (
            (
                "was it renamed? give what it is now with classes={'m:Old': Old}; "
                "on={'type_degraded': 'warn'} serves it so"
            ),
            (
                "was it renamed? give what it is now with tracer.replay(classes={'m:Old': Old}), "
                "as commands have no option for it; --on type_degraded=warn serves it so"
            ),
        ),
        (
            "import shop, or give the class with classes=",
            (
                "import shop, or give the class with tracer.replay(classes=…), as commands have no "
                "option for it"
            ),
        ),
        ("raise max_live_calls to go on", "raise --max-live-calls to go on"),
        ("run it with live=, or record anew", "run it with --live, or record anew"),
        ("or freeze=, or leave it out with ignore= or mask=",) * 1
        + ("or --freeze, or leave it out with --ignore or --mask",),
        ("does the program call tracer.run() with this name?",) * 2,
    ],
)
def test_arguments_are_spelled_as_options(hint: str, spelled: str) -> None:
    assert spell_for_command(hint) == spelled
