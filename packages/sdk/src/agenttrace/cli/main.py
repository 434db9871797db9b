"""The `agenttrace` command: its subcommands come from plugins, and load when they are called."""

from __future__ import annotations

import errno
import io
import sys
from importlib import import_module, metadata
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer import BadParameter
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from agenttrace import __version__
from agenttrace.cli.output import (
    EXIT_INTERRUPTED,
    end_without_reader,
    flush_output,
    warn,
)
from agenttrace.errors import AgentTraceError
from agenttrace.plugins.manager import PluginManager
from agenttrace.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace.plugins.specs import CommandSpec

# Commands of distributions that may not be installed.
_ELSEWHERE: Final = {"serve": "agenttrace-server"}

# What a write to standard output fails with; an error about a file by its name is another one.
_OUTPUT_ERRORS: Final = frozenset({errno.ENOSPC, errno.EPIPE, errno.EDQUOT, errno.EFBIG, errno.EIO})

_EXAMPLES: Final = """\
The flight recorder for AI agents.

Examples:

  agenttrace serve                 start the server and its dashboard

  agenttrace runs                  list the runs in ./traces.jsonl

  agenttrace show last             show the newest one as a tree

  agenttrace tail                  follow what is being recorded

  agenttrace plugins               list the plugins that were found
"""


class CommandLoadError(AgentTraceError):
    """A subcommand's code that cannot be imported or is no command."""


class _LazyCommand(TyperCommand):
    """A subcommand as `--help` lists it: a name and a line, its code not imported."""

    def __init__(self, spec: CommandSpec) -> None:
        super().__init__(name=spec.name, help=spec.summary, short_help=spec.summary)
        self.spec = spec

    def load(self) -> Any:
        """Import the command's code."""
        module, _, attribute = self.spec.target.partition(":")
        try:
            target = getattr(import_module(module), attribute)
        except Exception as error:
            raise CommandLoadError(
                f"the command {self.spec.name!r} cannot be loaded from {self.spec.target}: "
                f"{type(error).__name__}: {error}"
            ) from error
        if not isinstance(target, typer.Typer):
            function, target = target, typer.Typer(add_completion=False)
            if not callable(function):
                raise CommandLoadError(
                    f"the command {self.spec.name!r} is neither a function nor a typer.Typer: "
                    f"{self.spec.target}"
                )
            target.command(name=self.spec.name)(function)
        command = get_command(target)
        command.name = self.spec.name
        for each in (command, *getattr(command, "commands", {}).values()):
            each.help = _join_lines(each.help)
        return command


def _join_lines(text: str | None) -> str | None:
    """Return a help text whose paragraphs are a line each: Typer would keep a docstring's lines.

    What is indented, such as an example, stays as it is.
    """
    if text is None:
        return None
    paragraphs = (
        part if part.startswith(" ") else " ".join(part.split("\n")) for part in text.split("\n\n")
    )
    return "\n\n".join(paragraphs)


class _PluginGroup(TyperGroup):
    """The group of all subcommands; `build` puts them in."""

    failed_plugins: tuple[str, ...] = ()

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Replace the listed command by the real one, once it is known which one is called."""
        wanted = args[0] if args else ""
        if wanted not in self.commands and (self.failed_plugins or wanted in _ELSEWHERE):
            ctx.fail(self._explain(wanted))
        name, command, rest = super().resolve_command(ctx, args)
        if isinstance(command, _LazyCommand):
            command = command.load()
        return name, command, rest

    def invoke(self, ctx: Any) -> Any:
        """Run the subcommand; of what is wrong with an argument say so once.

        Typer writes "Invalid value for '--format': Value error, 'yaml' is not one of …".
        """
        try:
            return super().invoke(ctx)
        except BadParameter as error:
            error.message = error.message.removeprefix("Value error, ")
            raise

    def _explain(self, wanted: str) -> str:
        if self.failed_plugins:
            names = ", ".join(self.failed_plugins)
            return (
                f"No such command '{wanted}'. It may belong to a plugin that failed to load: "
                f"{names} (see agenttrace plugins)."
            )
        distribution = _ELSEWHERE[wanted]
        if _is_installed(distribution):
            return (
                f"No such command '{wanted}'. {distribution} is installed, but AGENTTRACE_PLUGINS "
                "does not name its plugin."
            )
        return f"No such command '{wanted}'. It comes with: pip install {distribution}"


def _is_installed(distribution: str) -> bool:
    try:
        metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def build(manager: PluginManager) -> Any:
    """Return the root command with a line for every subcommand that a plugin registered."""
    app = typer.Typer(
        cls=_PluginGroup,
        name="agenttrace",
        help=_EXAMPLES,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    group = get_command(app)
    assert isinstance(group, _PluginGroup)
    for spec in manager.commands():
        group.add_command(_LazyCommand(spec))
    group.failed_plugins = tuple(sorted({failure.name for failure in manager.failures()}))
    return group


def _print_version(value: bool) -> None:  # noqa: FBT001 -- typer passes it by position
    if value:
        typer.echo(f"agenttrace {__version__}")
        raise typer.Exit


def _root(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            is_eager=True,
            callback=_print_version,
            help="Print the version and exit.",
        ),
    ] = False,
) -> None:
    del version  # its callback did it


def main(args: Sequence[str] | None = None) -> None:
    """Run the command and exit with its code; docs/cli.md lists them.

    A reader of standard output that goes away ends it quietly, an output that cannot be written
    with one line and code 4.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name must not fail where the encoding is poor
            stream.reconfigure(errors="backslashreplace")
    try:
        _run(args)
    except OSError as error:
        # Only a command that prints by itself gets here: ours end through `cli.output`.
        if error.errno not in _OUTPUT_ERRORS or error.filename is not None:
            raise
        end_without_reader(error)
    finally:
        flush_output()


def _run(args: Sequence[str] | None) -> None:
    settings = read_settings()
    try:
        command = build(PluginManager(settings=settings))
        command.main(args=None if args is None else list(args), prog_name="agenttrace")
    except AgentTraceError as error:
        warn(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
