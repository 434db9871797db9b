"""The command: subcommands from plugins, loaded when they are called, and honest exit codes."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

import agenttrace

if TYPE_CHECKING:
    from pathlib import Path

ROOT_ENVIRONMENT = {
    key: value for key, value in os.environ.items() if not key.startswith("AGENTTRACE_")
}


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


def run(*args: str, site: Path | None = None, **variables: str) -> Done:
    """Run `agenttrace` as a user does, with the plugins under `site` installed."""
    environment = {**ROOT_ENVIRONMENT, "COLUMNS": "100", **variables}
    if site is not None:
        environment["PYTHONPATH"] = str(site)
    done = subprocess.run(
        [sys.executable, "-m", "agenttrace", *args],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return a folder with an installed plugin of four commands, two of them broken."""
    (tmp_path / "greet_hooks.py").write_text(
        "from agenttrace.plugins import CommandSpec, hookimpl\n"
        "@hookimpl\n"
        "def agenttrace_cli():\n"
        "    yield CommandSpec(name='greet', summary='Say hello.', target='greet_code:greet')\n"
        "    yield CommandSpec(name='group', summary='Several.', target='greet_code:app')\n"
        "    yield CommandSpec(name='broken', summary='Never.', target='greet_code:nothing')\n"
        "    yield CommandSpec(name='absent', summary='Never.', target='no_such_module:x')\n"
    )
    (tmp_path / "greet_code.py").write_text(
        "import sys, typer\n"
        "print('imported', file=sys.stderr)\n"
        "def greet(name: str, loud: bool = False) -> None:\n"
        "    '''Say hello to NAME.'''\n"
        "    print('HELLO' if loud else 'hello', name)\n"
        "    if name == 'nobody': raise typer.Exit(3)\n"
        "app = typer.Typer()\n"
        "@app.command()\n"
        "def one() -> None:\n"
        "    print('one')\n"
        "@app.command()\n"
        "def two() -> None:\n"
        "    print('two')\n"
    )
    info = tmp_path / "greet-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: greet\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[agenttrace]\ngreet = greet_hooks\n")
    return tmp_path


def test_the_version_is_printed() -> None:
    """On standard output, alone."""
    assert run("--version") == Done(0, f"agenttrace {agenttrace.__version__}\n", "")


def test_help_lists_every_command_without_importing_its_code(site: Path) -> None:
    """A heavy command costs nothing until it is called."""
    done = run("--help", site=site)
    assert done.code == 0
    assert "imported" not in done.err
    assert "greet    Say hello." in done.out
    assert "plugins  List the plugins" in done.out
    assert "agenttrace plugins               list the plugins that were found" in done.out


def test_a_command_of_a_plugin_runs(site: Path) -> None:
    """With its arguments, its help and its exit code."""
    assert run("greet", "you", "--loud", site=site).out == "HELLO you\n"
    assert run("greet", "nobody", site=site).code == 3
    assert "Say hello to NAME." in run("greet", "--help", site=site).out
    assert run("group", "two", site=site).out == "two\n"


def test_usage_errors_are_2(site: Path) -> None:
    """On standard error, with a suggestion where there is one."""
    unknown = run("gret", site=site, AGENTTRACE_PLUGINS="greet")
    assert (unknown.code, unknown.out) == (2, "")
    assert "No such command 'gret'. Did you mean" in unknown.err
    assert run("greet", site=site).code == 2
    assert run("plugins", "--nope").code == 2
    assert run("--nope").code == 2
    assert run().code == 2


def test_a_command_that_comes_from_elsewhere_is_named() -> None:
    """`serve` is another distribution's."""
    done = run("serve", AGENTTRACE_PLUGINS="")
    assert done.code == 2
    assert (
        "No such command 'serve'. agenttrace-server is installed, but AGENTTRACE_PLUGINS does not "
        "name its plugin."
    ) in " ".join(done.err.replace("\u2502", " ").split())


@pytest.mark.parametrize(
    ("command", "reason"), [("broken", "AttributeError"), ("absent", "ModuleNotFoundError")]
)
def test_a_command_whose_code_is_missing_is_one_line(site: Path, command: str, reason: str) -> None:
    """Exit code 2, no traceback."""
    done = run(command, site=site)
    assert done.code == 2
    last = done.err.splitlines()[-1]
    assert last.startswith(f"agenttrace: the command '{command}' cannot be loaded from ")
    assert reason in last
    assert "Traceback" not in done.err


def test_plugins_as_json(site: Path) -> None:
    """Names, distributions, versions, hooks, exporters, commands, and nothing else."""
    done = run("plugins", "--json", site=site, AGENTTRACE_PLUGINS="greet")
    report = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert sorted(report) == ["commands", "exporters", "failures", "plugins"]
    assert report["failures"] == []
    assert report["plugins"][1] == {
        "name": "greet",
        "distribution": "greet",
        "version": "1.0",
        "hooks": ["agenttrace_cli"],
    }
    assert [each["name"] for each in report["exporters"]] == ["console", "http", "jsonl", "memory"]
    assert [each["name"] for each in report["commands"]] == [
        "absent",
        "broken",
        "greet",
        "group",
        "plugins",
    ]


def test_a_plugin_that_failed_is_listed_with_its_reason(site: Path) -> None:
    """Exit code 1, and other commands point to it."""
    (site / "greet_hooks.py").write_text("raise ValueError('broken on purpose')\n")
    done = run("plugins", site=site, AGENTTRACE_PLUGINS="greet")
    assert done.code == 1
    assert "greet (greet 1.0): import failed: ValueError: broken on purpose\n" in done.out
    unknown = run("greet", site=site, AGENTTRACE_PLUGINS="greet")
    assert unknown.code == 2
    assert "a plugin that failed to load: greet" in " ".join(unknown.err.split())


def test_strict_plugins_stop_the_command_in_one_line(site: Path) -> None:
    """Used in builds."""
    (site / "greet_hooks.py").write_text("raise ValueError('broken on purpose')\n")
    done = run("plugins", site=site, AGENTTRACE_PLUGINS="greet", AGENTTRACE_STRICT_PLUGINS="1")
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines() == [
        "agenttrace: plugin greet (greet 1.0): import failed: ValueError: broken on purpose"
    ]


def test_piped_output_has_no_colour_and_no_broken_lines(site: Path) -> None:
    """It is for grep."""
    done = run("plugins", site=site, COLUMNS="20", AGENTTRACE_PLUGINS="greet")
    assert "\x1b[" not in done.out
    assert "  console  prints a line for each span that ends, on standard error\n" in done.out


def test_a_terminal_gets_colour() -> None:
    """Headings stand out where a person reads."""
    leader, follower = pty.openpty()
    try:
        environment = {**ROOT_ENVIRONMENT, "TERM": "xterm", "AGENTTRACE_PLUGINS": ""}
        environment.pop("NO_COLOR", None)
        done = subprocess.run(
            [sys.executable, "-m", "agenttrace", "plugins"],
            stdout=follower,
            env=environment,
            check=True,
        )
        assert done.returncode == 0
        assert b"\x1b[1mPlugins\x1b[0m" in os.read(leader, 65536)
    finally:
        os.close(leader)
        os.close(follower)
