"""The command: subcommands from plugins, loaded when they are called, and honest exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import agenttrace

from .conftest import Done, run

if TYPE_CHECKING:
    from pathlib import Path


def test_the_version_is_printed() -> None:
    """On standard output, alone."""
    assert run("--version") == Done(0, f"agenttrace {agenttrace.__version__}\n", "")


def test_help_lists_every_command_without_importing_its_code(site: Path) -> None:
    """A heavy command costs nothing until it is called."""
    done = run("--help", site=site)
    assert done.code == 0
    assert "imported" not in done.err
    listed = " ".join(done.out.split())
    assert "greet Say hello." in listed
    assert "plugins List the plugins" in listed
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


def test_strict_plugins_stop_the_command_in_one_line(site: Path) -> None:
    """Used in builds."""
    (site / "greet_hooks.py").write_text("raise ValueError('broken on purpose')\n")
    done = run("plugins", site=site, AGENTTRACE_PLUGINS="greet", AGENTTRACE_STRICT_PLUGINS="1")
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines() == [
        "agenttrace: plugin greet (greet 1.0): import failed: ValueError: broken on purpose"
    ]
