"""Commands that take another command after `--`."""

from __future__ import annotations

from typing import Any, Final

from typer.core import TyperCommand

_KEY: Final = "agenttrace.command"


class CommandWithProgram(TyperCommand):
    """A command whose arguments end at `--`: what follows is a program and its arguments."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the program apart, for `get_program`."""
        program: list[str] | None = None
        if "--" in args:
            at = args.index("--")
            args, program = args[:at], args[at + 1 :]
        ctx.meta[_KEY] = program
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Show the program in the usage line."""
        return [*super().collect_usage_pieces(ctx), "-- PROGRAM…"]


def get_program(ctx: Any) -> list[str] | None:
    """Return the program that stands after `--`; None without one."""
    program: list[str] | None = ctx.meta[_KEY]
    return program
