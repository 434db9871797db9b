"""What this package adds to `agenttrace`: the command `serve`."""

from __future__ import annotations

from agenttrace.plugins import CommandSpec, hookimpl


@hookimpl
def agenttrace_cli() -> list[CommandSpec]:
    """Return the command that starts the server."""
    return [
        CommandSpec(
            name="serve",
            summary="Start the server and the dashboard.",
            target="agenttrace_server.cli:serve",
        )
    ]
