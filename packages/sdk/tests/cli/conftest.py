"""The command as a user runs it, and an installed plugin with commands."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

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
