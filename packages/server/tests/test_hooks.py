"""What the package adds to `agenttrace`."""

from __future__ import annotations

import importlib
import subprocess
import sys

from agenttrace_server import cli, hooks


def test_serve_is_contributed() -> None:
    """The one command, whose target exists."""
    (command,) = hooks.agenttrace_cli()
    assert (command.name, command.summary) == ("serve", "Start the server and the dashboard.")
    module, _, name = command.target.partition(":")
    assert getattr(importlib.import_module(module), name) is cli.serve


def test_the_hook_is_quick_to_load() -> None:
    """`agenttrace --help` does not load the server."""
    program = "import sys, agenttrace_server.hooks; print('starlette' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
