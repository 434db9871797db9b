"""Classes of the script itself: found whichever way the program is started."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from agenttrace.encoding import entry
from agenttrace.encoding.classes import find_class
from agenttrace.encoding.objects import spell_class
from agenttrace.trace import load_runs

if TYPE_CHECKING:
    from pathlib import Path

AGENT = """
import dataclasses, enum
from agenttrace import Tracer
from agenttrace.wrappers import trace_tool

tracer = Tracer()

@dataclasses.dataclass
class Answer:
    text: str

class Mood(enum.Enum):
    GOOD = 1

class Refused(Exception):
    pass

class Shop:
    def __init__(self, name):
        self.name = name

    @trace_tool(tracer)
    def buy(self, answer: Answer) -> Answer:
        print("live", self.name)
        return Answer(answer.text + self.name)

    @trace_tool(tracer)
    def refuse(self, mood: Mood) -> None:
        print("live")
        raise Refused(mood)

def main():
    with tracer.run("agent"):
        got = [Shop(name).buy(Answer("a")) for name in ("x", "y")]
        assert got == [Answer("ax"), Answer("ay")], got
        try:
            Shop("z").refuse(Mood.GOOD)
        except Refused as refused:
            assert refused.args == (Mood.GOOD,)

def test_agent():
    main()

if __name__ == "__main__":
    main()
    tracer.shutdown()
"""
WAYS = {
    "script": [sys.executable, "pkg/agent.py"],
    "module": [sys.executable, "-m", "pkg.agent"],
    "test": [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "pkg/agent.py"],
    "import": [sys.executable, "-c", "import pkg.agent; pkg.agent.main()"],
}


def _run(folder: Path, command: list[str], **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **more, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize(
    ("recorded", "replayed"),
    [
        ("script", "test"),
        ("script", "module"),
        ("test", "script"),
        ("module", "import"),
        ("import", "module"),
    ],
)
def test_a_script_s_own_classes_are_found_however_it_is_started(
    tmp_path: Path, recorded: str, replayed: str
) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "__init__.py").write_text("")
    (tmp_path / "pkg" / "agent.py").write_text(AGENT)
    file = tmp_path / "t.jsonl"
    done = _run(tmp_path, WAYS[recorded], AGENTTRACE_EXPORTER=f"jsonl:{file}")
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = load_runs(file).runs
    assert {span.error.type for span in run.spans if span.error} == {"pkg.agent.Refused"}
    replay = [sys.executable, "-m", "agenttrace", "replay", str(file), "--", *WAYS[replayed]]
    done = _run(tmp_path, replay)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "identical" in done.stderr
    assert "live" not in done.stdout


def test_the_name_of_the_main_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its file, or as it was named to -m; none where nobody could import it."""
    package = tmp_path / "a" / "b"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").write_text("")
    main = type(sys)("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    for file, name in (
        (package / "script.py", "a.b.script"),
        (tmp_path / "script.py", "script"),
        (tmp_path / "my-script.py", "__main__"),
        (tmp_path / "script", "__main__"),
        (None, "__main__"),
    ):
        monkeypatch.setattr(entry, "_known", (None, ""))
        main.__dict__["__file__"] = None if file is None else str(file)
        assert entry.name_main() == name
        cls = type("Answer", (), {"__module__": "__main__"})
        main.__dict__["Answer"] = cls
        assert spell_class(cls) == f"{name}:Answer"
        assert find_class(f"{name}:Answer") is find_class("__main__:Answer") is cls


def test_a_module_that_was_imported_beside_the_script_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main, other = type(sys)("__main__"), type(sys)("twice")
    main.__dict__["__file__"] = str(tmp_path / "twice.py")
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.setitem(sys.modules, "twice", other)
    monkeypatch.setattr(entry, "_known", (None, ""))
    classes = []
    for module in (main, other):
        cls = type("Answer", (), {"__module__": module.__name__})
        module.__dict__["Answer"] = cls
        classes.append(cls)
    assert [spell_class(cls) for cls in classes] == ["__main__:Answer", "twice:Answer"]
    assert [find_class(f"{name}:Answer") for name in ("__main__", "twice")] == classes
