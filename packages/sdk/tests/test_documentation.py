"""The documentation's programs, run as they stand."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from agenttrace.plugins import builtin, hookspecs

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "docs" / "plugins.md"
README = ROOT / "packages" / "sdk" / "README.md"
COMMANDS = ROOT / "docs" / "cli.md"
GOLDEN = Path(__file__).parent / "golden" / "research_agent.ndjson"


def find_blocks(path: Path, language: str) -> list[str]:
    """Return the fenced blocks of one language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(), re.MULTILINE | re.DOTALL)


def run(*arguments: str, folder: Path) -> str:
    """Run Python in `folder`, with what lies there importable, and return what it prints."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AGENTTRACE_")}
    search_path = os.pathsep.join(filter(None, [str(folder), environment.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**environment, "PYTHONPATH": search_path, "AGENTTRACE_PLUGINS": "acme"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Install the guide's plugin: its modules, and its entry points as pip writes them."""
    for block in find_blocks(GUIDE, "python"):
        name = block.splitlines()[0].removeprefix("# ")
        (tmp_path / name).write_text(block)
    (tmp_path / "acme_sdk.py").write_text(
        "class Client:\n    def ask(self, question): return question.upper()\n"
    )
    (project,) = [tomllib.loads(block) for block in find_blocks(GUIDE, "toml")]
    about = project["project"]
    info = tmp_path / f"{about['name'].replace('-', '_')}-{about['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Name: {about['name']}\nVersion: {about['version']}\n")
    points = about["entry-points"]["agenttrace"].items()
    lines = "\n".join(f"{name} = {module}" for name, module in points)
    (info / "entry_points.txt").write_text(f"[agenttrace]\n{lines}\n")
    return tmp_path


def test_the_guide_s_plugin_is_found(installed: Path) -> None:
    """With its hooks, its exporter and its command, and without failures."""
    report = json.loads(run("-m", "agenttrace", "plugins", "--json", folder=installed))
    assert report["failures"] == []
    assert report["plugins"][0] == {
        "name": "acme",
        "distribution": "acme-agenttrace",
        "version": "1.0.0",
        "hooks": ["agenttrace_cli", "agenttrace_exporters"],
    }


@pytest.mark.parametrize("text", ["acme:./runs.db", "acme+sqlite://runs.db"])
def test_the_guide_s_exporter_and_command_work(installed: Path, text: str) -> None:
    """A run goes into the file, and the command counts it."""
    program = (
        "from agenttrace import Tracer\n"
        f"tracer = Tracer(exporter={text!r})\n"
        "with tracer.run('agent'), tracer.span('step'): pass\n"
        "assert tracer.shutdown()\n"
        "assert tracer.stats().delivered == 4\n"
    )
    run("-c", program, folder=installed)
    assert run("-m", "agenttrace", "acme-count", "runs.db", folder=installed) == (
        "2 records of kind span\n"
    )


def test_the_guide_s_test_passes(installed: Path) -> None:
    """What it advises plugin authors to write."""
    run("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_acme.py", folder=installed)


CHECKS = {
    "acme_region": "",
    "acme_money": "samples=[acme_money.Money(1250, 'EUR'), acme_money.Money(0, '')]",
    "acme_prices": "models=['acme-1']",
    "acme_integration": "",
}


@pytest.mark.parametrize("module", CHECKS)
def test_each_of_the_guide_s_plugins_keeps_the_contract(installed: Path, module: str) -> None:
    """As it stands there, and with its own values."""
    code = f"import {module}; from agenttrace.testing import check_plugin; import os"
    code += f"; os.environ['ACME_REGION'] = 'eu'; check_plugin({module}, {CHECKS[module]})"
    run("-c", code, folder=installed)


MANAGER = """
import os
from agenttrace.plugins.manager import PluginManager
from agenttrace.settings import Settings
from agenttrace.testing import collect, make_tracer
import {module}
manager = PluginManager(settings=Settings(), plugins=[("guide", {module})])
"""


def test_the_guide_s_processor_adds_what_it_says(installed: Path) -> None:
    """To runs alone, and only where there is something to add."""
    code = MANAGER.format(module="acme_region") + (
        "spec = next(each for each in manager.processors() if each.name == 'region')\n"
        "assert spec.factory(Settings()) is None\n"
        "os.environ['ACME_REGION'] = 'eu'\n"
        "records = [{'type': 'run', 'run_id': 'a'}, {'type': 'span', 'run_id': 'a'}]\n"
        "print([each.get('attributes') for each in spec.factory(Settings()).process(records)])\n"
    )
    assert run("-c", code, folder=installed) == "[{'cloud.region': 'eu'}, None]\n"


def test_the_guide_s_price_is_exact(installed: Path) -> None:
    """A known model has one, an unknown one has none."""
    code = MANAGER.format(module="acme_prices") + (
        "from types import SimpleNamespace as Query\n"
        "table = dict(manager.make_price_tables())['acme']\n"
        "usage = {'total_tokens': 1500, 'source': 'reported'}\n"
        "print(table.find_price(Query(model='acme-1', usage=usage)).usd)\n"
        "print(table.find_price(Query(model='acme-2', usage=usage)))\n"
    )
    assert run("-c", code, folder=installed) == "0.003000\nNone\n"


def test_the_guide_s_integration_records_a_library(installed: Path) -> None:
    """From instrument() to uninstrument(), and not longer."""
    code = MANAGER.format(module="acme_integration") + (
        "from acme_sdk import Client\n"
        "tracer, memory = make_tracer()\n"
        "tracer._plugins = manager\n"
        "assert tracer.instrument('acme') == ['acme']\n"
        "with tracer.run('agent'): print(Client().ask('why'))\n"
        "assert tracer.uninstrument('acme') == []\n"
        "with tracer.run('agent'): print(Client().ask('why'))\n"
        "print([r['name'] for r in collect(tracer, memory) if r['type'] == 'span'])\n"
    )
    assert run("-c", code, folder=installed) == "WHY\nWHY\n['acme.ask', 'acme.ask']\n"


def test_the_guide_names_every_hook() -> None:
    """A hook that nobody can read about is none."""
    hooks = {name for name in vars(hookspecs) if name.startswith("agenttrace_")}
    documented = set(re.findall(r"^\| `(agenttrace_\w+)\(\)`", GUIDE.read_text(), re.MULTILINE))
    assert documented == hooks


def test_the_readme_s_first_program_records(tmp_path: Path) -> None:
    """It leaves a file, and its printed accounts balance."""
    first, threads, second, codec, redaction, third, fourth = find_blocks(README, "python")
    assert run("-c", threads, folder=tmp_path) == "in this run\nin this one\n"
    printed = run("-c", first, folder=tmp_path)
    assert "dropped={}, " in printed
    assert "errors={}" in printed
    names = [
        json.loads(line)["name"] for line in (tmp_path / "traces.jsonl").read_text().splitlines()
    ]
    assert names.count("research_agent") == 2
    assert {"search", "pick", "summarise", "answer", "state"} < set(names)
    assert re.fullmatch("[0-9a-f]{32}\n", run("-c", second, folder=tmp_path))
    assert run("-c", codec, folder=tmp_path) == run("-c", redaction, folder=tmp_path) == ""
    assert "  search COMPLETED\n" in run("-c", third, folder=tmp_path)
    (tmp_path / "test_readme.py").write_text(fourth)
    options = ["-q", "-p", "no:cacheprovider", "-p", "agenttrace_pytest", "-p", "no:agenttrace"]
    run("-m", "pytest", *options, "test_readme.py", folder=tmp_path)


def test_the_command_line_prints_what_its_page_shows(tmp_path: Path) -> None:
    """Every command of docs/cli.md, one after the other, on the golden recording."""
    golden = GOLDEN.read_text()
    for number, start in ((1, "0193a5f0c0de7001"), (2, "0193a5f0c1aa7001")):
        golden = golden.replace(f"{number:032x}", f"{start}800000000000000{number}")
    (tmp_path / "traces.jsonl").write_text(golden)
    (tmp_path / "agenttrace").write_text(f'#!/bin/sh\nexec {sys.executable} -m agenttrace "$@"\n')
    (tmp_path / "agenttrace").chmod(0o755)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AGENTTRACE_")}
    path = f"{tmp_path}:{environment['PATH']}"
    environment |= {"TZ": "UTC", "AGENTTRACE_PLUGINS": "", "PATH": path}
    shown = "".join(find_blocks(COMMANDS, "console"))
    commands = re.findall(r"^\$ (.*)$", shown, re.MULTILINE)
    script = "".join(f"cat <<'END'\n$ {each}\nEND\n{each} 2>&1\n" for each in commands)
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert done.stdout == shown


def test_every_command_has_its_section() -> None:
    """What `agenttrace --help` lists is explained."""
    listed = {spec.name for spec in builtin.agenttrace_cli()}
    explained = re.findall(r"^## `agenttrace (\w+)", COMMANDS.read_text(), re.MULTILINE)
    assert set(explained) == listed


def check_test(test: str, folder: Path) -> None:
    """Run the guide's test twice: it writes its baseline, and then holds to it."""
    (folder / "test_guide.py").write_text(test)
    (folder / "program.py").write_text(
        "from agenttrace import Tracer\ntracer = Tracer()\n"
        "def answer(question):\n    with tracer.run('agent'): return question\n"
    )
    plugin = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
    written = run(*plugin, "-c", os.devnull, "test_guide.py", "--update-baseline", folder=folder)
    assert "test_guide.test_the_weather.jsonl is the new baseline" in written
    assert "1 passed" in run(*plugin, "-c", os.devnull, "test_guide.py", folder=folder)


def test_the_gates_of_the_documentation_are_read(tmp_path: Path) -> None:
    """Every key that it names is one, and its Python runs."""
    from agenttrace.cli.gates import METRIC_NAMES, load_gates

    guide = ROOT / "docs" / "gates.md"
    text, action = find_blocks(guide, "yaml")
    (tmp_path / "gates.yaml").write_text(text)
    gates = load_gates(str(tmp_path / "gates.yaml"))
    assert [gate.metric for gate in gates.metrics] == ["cost_usd", "duration_ms", "total_tokens"]
    test, program = find_blocks(guide, "python")
    for name in ("main", "branch"):
        (tmp_path / f"{name}.jsonl").write_bytes(GOLDEN.read_bytes())
    (tmp_path / "program.py").write_text(program)
    printed = run("program.py", folder=tmp_path)
    assert "cost inconclusive 1 v 1: the smallest possible p is 1.00; needs 4 v 4" in printed
    assert "require.tool:verify fail tool:verify is required" in printed
    check_test(test, tmp_path)
    inputs = re.findall(r"^      (\w+):", action, re.MULTILINE)
    known = (ROOT / ".github" / "actions" / "diff" / "action.yml").read_text()
    assert inputs == ["base", "head", "gates", "inconclusive"]
    assert all(f"\n  {name}:\n" in known for name in inputs)
    written = guide.read_text()
    assert [name for name in METRIC_NAMES if f"`{name}`" not in written] == [
        "cost_usd",
        "total_tokens",
        "duration_ms",
        "wall_ms",
        "first_chunk_ms",
    ]
