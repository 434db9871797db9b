"""The example plugin as a user gets it: built into a wheel, installed into a clean environment."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import venv
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from research_runs import ROOT, TIMEOUT_S

SDK = ROOT / "packages" / "sdk"
PLUGIN = ROOT / "examples" / "plugin"
PROGRAM = """
from agenttrace import Tracer
from agenttrace.wrappers import trace_llm, trace_tool
from agenttrace_shop import Money

tracer = Tracer()

@trace_tool(tracer)
def look_up(article: str) -> Money:
    return Money("12.50", "EUR")

@trace_llm(tracer, model="m", cost_per_prompt_token="0.001", cost_per_completion_token="0.002")
def describe(price: Money) -> str:
    return f"It costs {price.amount} {price.currency}."

with tracer.run("sell", correlation_id="order-1"):
    print(describe(look_up("chair")))
assert tracer.flush()
stats = tracer.stats()
assert stats.delivered == stats.attempted == 6, stats
"""


def run(*command: str, folder: Path, **environ: str) -> str:
    """Run a program to its end without a keyboard, and return what it prints."""
    # Nothing of this machine's Python or of its recorder has a part in it.
    dropped = ("AGENTTRACE_", "PYTHON", "PYTEST_", "COV_")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(dropped)}
    done = subprocess.run(
        command,
        cwd=folder,
        env=kept | environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def find_requirements(*roots: str) -> set[str]:
    """Return the names of distributions and of all that they need here, as pip writes them."""
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        requirement = Requirement(waiting.pop())
        name = canonicalize_name(requirement.name)
        is_for_here = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if is_for_here and name not in found:
            found.add(name)
            waiting += requires(name) or []
    return found


def write_pins(file: Path, names: set[str]) -> None:
    """Write those pins of the workspace, with their hashes, that these distributions have."""
    text = (ROOT / "requirements" / "dev.txt").read_text()
    blocks = list(re.finditer(r"^([\w.-]+)==.*(?:\n[ \t].*)*", text, re.MULTILINE))
    missing = names - {block[1] for block in blocks}
    assert not missing, f"not pinned: {missing}"
    file.write_text("".join(f"{block[0]}\n" for block in blocks if block[1] in names))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of programs of an environment with SDK, plugin, pytest, and no more."""
    folder = tmp_path_factory.mktemp("installed")
    wheels = folder / "wheels"
    for package in (SDK, PLUGIN):
        run(
            sys.executable,
            "-m",
            "hatchling",
            "build",
            "-t",
            "wheel",
            "-d",
            str(wheels),
            folder=package,
        )
    venv.create(folder / "venv", with_pip=False)
    bin_folder = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    about = tomllib.loads((SDK / "pyproject.toml").read_text())
    names = find_requirements(*about["project"]["dependencies"], "pytest")
    write_pins(folder / "pins.txt", names)
    pip = (sys.executable, "-m", "pip", "--python", str(bin_folder / "python"))
    quiet = (
        "--disable-pip-version-check",
        "--no-input",
        "install",
        "-qq",
        "--no-deps",
        "--no-compile",
    )
    run(*pip, *quiet, "--require-hashes", "-r", "pins.txt", folder=folder)
    run(*pip, *quiet, "--no-index", *map(str, sorted(wheels.glob("*.whl"))), folder=folder)
    return bin_folder


@pytest.fixture(scope="module")
def recorded(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which a program has recorded a run with the plugin's exporter."""
    folder = tmp_path_factory.mktemp("recorded")
    (folder / "sell.py").write_text(PROGRAM)
    said = run(
        str(installed / "python"), "sell.py", folder=folder, AGENTTRACE_EXPORTER="sqlite:runs.db"
    )
    assert said == "It costs 12.50 EUR.\n"
    return folder


def ask(installed: Path, *arguments: str, folder: Path) -> Any:
    """Return what an `agenttrace` command prints as JSON."""
    return json.loads(run(str(installed / "agenttrace"), *arguments, "--json", folder=folder))


def test_the_plugin_is_listed(installed: Path, tmp_path: Path) -> None:
    """With all that it adds, and nothing has failed."""
    report = ask(installed, "plugins", folder=tmp_path)
    assert report["failures"] == []
    assert [plugin for plugin in report["plugins"] if plugin["name"] != "builtin"] == [
        {
            "name": "shop",
            "distribution": "agenttrace-shop",
            "version": "0.1.0",
            "hooks": ["agenttrace_cli", "agenttrace_codecs", "agenttrace_exporters"],
        }
    ]
    kinds = ("exporters", "codecs", "commands")
    added = {kind: [e["name"] for e in report[kind] if e["plugin"] == "shop"] for kind in kinds}
    assert added == {
        "exporters": ["sqlite"],
        "codecs": ["shop.money"],
        "commands": ["sqlite-runs"],
    }


def test_its_command_lists_what_its_exporter_kept(installed: Path, recorded: Path) -> None:
    """A program was only told the exporter's name; the run is there, with its exact cost."""
    (row,) = ask(installed, "sqlite-runs", "runs.db", folder=recorded)
    assert re.fullmatch("[0-9a-f]{32}", row.pop("run_id"))
    assert row["cost_usd"] is not None
    del row["cost_usd"]
    assert row == {"name": "sell", "status": "COMPLETED", "spans": 2}
    shown = run(str(installed / "agenttrace"), "sqlite-runs", "runs.db", folder=recorded)
    assert shown.endswith("  sell\n")


def test_it_is_out_of_use_when_it_is_not_allowed(installed: Path, recorded: Path) -> None:
    """AGENTTRACE_PLUGINS decides what may run in a process."""
    with pytest.raises(AssertionError, match="No such command 'sqlite-runs'"):
        run(
            str(installed / "agenttrace"),
            "sqlite-runs",
            "runs.db",
            folder=recorded,
            AGENTTRACE_PLUGINS="",
        )


def test_its_own_tests_pass(installed: Path, tmp_path: Path) -> None:
    """Against what was installed, its contract test among them."""
    said = run(
        str(installed / "python"),
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        f"--rootdir={PLUGIN}",
        f"--config-file={PLUGIN / 'pyproject.toml'}",
        str(PLUGIN / "tests"),
        folder=tmp_path,
        PYTHONDONTWRITEBYTECODE="1",
    )
    assert " passed" in said
    assert "failed" not in said
