"""`agenttrace plugins`: every kind, whose it is, and what failed; for people and for programs."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from .conftest import ROOT_ENVIRONMENT, run

if TYPE_CHECKING:
    from pathlib import Path

KINDS = ["exporters", "processors", "codecs", "price_tables", "integrations", "commands"]
EVERYTHING = """
from agenttrace.plugins import *

@hookimpl
def agenttrace_exporters():
    yield ExporterSpec(name="acme", summary="to acme", factory=print, schemes=("acme",))

@hookimpl
def agenttrace_processors():
    yield ProcessorSpec(name="acme", summary="adds acme", factory=print)

@hookimpl
def agenttrace_codecs():
    yield CodecSpec(name="acme", types=("acme:Money",), encode=print, decode=print, version=3)

@hookimpl
def agenttrace_price_tables():
    yield PriceTableSpec(name="acme", summary="acme's prices", factory=print)

@hookimpl
def agenttrace_integrations():
    yield IntegrationSpec(name="acme", summary="acme's calls", modules=("no_acme",), target="t")
    yield IntegrationSpec(name="json", summary="json's calls", modules=("json",), target="t")
"""


def write_plugin(site: Path, code: str) -> None:
    """Replace the code of the installed plugin."""
    (site / "greet_hooks.py").write_text(code)


def test_plugins_as_json(site: Path) -> None:
    """Names, distributions, versions, hooks, every kind of thing, and nothing else."""
    done = run("plugins", "--json", site=site, AGENTTRACE_PLUGINS="greet")
    report = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert list(report) == ["plugins", *KINDS, "failures"]
    assert report["failures"] == []
    assert report["plugins"][1] == {
        "name": "greet",
        "distribution": "greet",
        "version": "1.0",
        "hooks": ["agenttrace_cli"],
    }
    assert {each["name"] for each in report["exporters"]} >= {"console", "http", "jsonl", "memory"}
    assert {each["name"] for each in report["commands"]} >= {"absent", "greet", "plugins"}


def test_every_kind_is_told_with_its_source(site: Path) -> None:
    """What a plugin adds names the plugin, its distribution and its version."""
    write_plugin(site, EVERYTHING)
    done = run("plugins", "--json", site=site, AGENTTRACE_PLUGINS="greet")
    report = json.loads(done.out)
    assert (done.code, done.err) == (0, "")

    def find(kind: str, name: str) -> dict[str, Any]:
        (found,) = [each for each in report[kind] if each["name"] == name]
        source = {key: found.pop(key) for key in ("plugin", "distribution", "version")}
        assert source == {"plugin": "greet", "distribution": "greet", "version": "1.0"}
        return {key: value for key, value in found.items() if key != "name"}

    assert find("exporters", "acme") == {"summary": "to acme", "schemes": ["acme"]}
    assert find("processors", "acme") == {"summary": "adds acme"}
    assert find("codecs", "acme") == {"summary": "", "types": ["acme:Money"], "codec_version": 3}
    assert find("price_tables", "acme") == {"summary": "acme's prices"}
    assert find("integrations", "acme") == {
        "summary": "acme's calls",
        "modules": ["no_acme"],
        "missing": ["no_acme"],
    }
    assert find("integrations", "json")["missing"] == []


def test_a_plugin_that_failed_is_listed_with_its_reason(site: Path) -> None:
    """Exit code 1, and other commands point to it."""
    write_plugin(site, "raise ValueError('broken on purpose')\n")
    done = run("plugins", site=site, AGENTTRACE_PLUGINS="greet")
    assert done.code == 1
    assert "greet (greet 1.0): import failed: ValueError: broken on purpose\n" in done.out
    as_json = run("plugins", "--json", site=site, AGENTTRACE_PLUGINS="greet")
    assert as_json.code == 1
    assert json.loads(as_json.out)["failures"] == [
        {
            "name": "greet",
            "distribution": "greet",
            "version": "1.0",
            "error": "import failed: ValueError: broken on purpose",
        }
    ]
    unknown = run("greet", site=site, AGENTTRACE_PLUGINS="greet")
    assert unknown.code == 2
    assert "a plugin that failed to load: greet" in " ".join(unknown.err.split())


def test_piped_output_has_no_colour_and_no_broken_lines(site: Path) -> None:
    """It is for grep: a line for each thing, with its name, source and summary."""
    write_plugin(site, EVERYTHING)
    done = run("plugins", site=site, COLUMNS="20", AGENTTRACE_PLUGINS="greet")
    assert "\x1b[" not in done.out
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert "acme greet 1.0 to acme" in lines
    assert "acme greet 1.0 acme:Money" in lines
    assert "acme greet 1.0 acme's calls (off: no_acme not installed)" in lines
    assert "json greet 1.0 json's calls" in lines


def test_a_kind_without_anything_says_so(site: Path) -> None:
    """An empty heading would look like a fault."""
    write_plugin(site, "")
    out = run("plugins", site=site, AGENTTRACE_PLUGINS="greet").out
    listed = [part.partition("\n")[2] for part in out.split("Price tables")][1]
    assert listed.startswith("  ")
    assert "greet    greet 1.0         no hooks\n" in out


def test_a_terminal_gets_colour_and_whole_words() -> None:
    """Headings stand out where a person reads; long texts continue below their own column."""
    leader, follower = pty.openpty()
    environment = {**ROOT_ENVIRONMENT, "TERM": "xterm", "COLUMNS": "70", "AGENTTRACE_PLUGINS": ""}
    environment.pop("NO_COLOR", None)
    command = [sys.executable, "-m", "agenttrace", "plugins"]
    shown = b""
    with subprocess.Popen(command, stdout=follower, env=environment) as process:
        os.close(follower)
        while piece := read(leader):  # while it runs: a terminal's buffer is small
            shown += piece
    os.close(leader)
    assert process.returncode == 0
    assert b"\x1b[1mPlugins\x1b[0m" in shown
    lines = shown.decode().splitlines()
    assert max(len(line) for line in lines) < 120  # 70 and what colours take
    (first,) = [number for number, line in enumerate(lines) if "prints a line for each" in line]
    assert lines[first + 1].split("\x1b[0m")[-1].strip() == "standard error"


def read(descriptor: int) -> bytes:
    """Return what a terminal shows next; nothing when its program has ended."""
    try:
        return os.read(descriptor, 65_536)
    except OSError:  # Linux tells the end like this
        return b""
