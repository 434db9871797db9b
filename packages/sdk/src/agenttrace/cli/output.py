"""What a command prints, and how it ends when nobody can take it.

Standard output is for what was asked for, standard error for everything else. Recorded text goes
through `agenttrace.trace.visible` before it comes here.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NoReturn, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

EXIT_DONE: Final = 0
EXIT_FAILED: Final = 1
EXIT_NO_DATA: Final = 4
EXIT_CANNOT_START: Final = 127
"""The program after `--` cannot be started: as shells, env and timeout say it."""
EXIT_INTERRUPTED: Final = 130


class Screen:
    """Standard output as people see it: colour and width in a terminal, plain text elsewhere.

    With `is_error` it is standard error.
    """

    def __init__(self, *, is_error: bool = False) -> None:
        # Piped output needs no rich, which takes 60 ms to import.
        stream = sys.stderr if is_error else sys.stdout
        console: Any = _make_console(stream) if _may_be_terminal(stream) else None
        self._is_error = is_error
        self._console = console
        self.is_terminal: bool = console is not None and console.is_terminal
        self.width: int | None = console.width if self.is_terminal else None

    def paint(self, text: str, style: str) -> str:
        """Return a text in a style such as `bold red`, with colours where they are shown."""
        if not self.is_terminal or not text or not style:
            return text
        before, after = self._find_codes(style)
        return f"{before}{text}{after}"

    def fit(self, line: str, *, taken: int = 0) -> str:
        """Return a line cut to what is left of the width once so many columns are taken."""
        from agenttrace.trace.visible import fit_cells, measure_cells  # noqa: PLC0415 -- as in warn

        if self.width is None or measure_cells(line) <= self.width - taken:
            return line
        return fit_cells(line, self.width - taken)

    def wrap(self, line: str, *, indent: int = 0, style: str = "") -> Iterator[str]:
        """Yield a line on as many lines as it takes; words stay whole, later lines are indented."""
        from agenttrace.trace.visible import wrap_cells  # noqa: PLC0415 -- as in warn

        for part in wrap_cells(line, self.width, indent=indent):
            yield self.paint(part, style)

    def write(self, lines: Iterable[str]) -> None:
        """Print lines."""
        for line in lines:
            if self._is_error:
                sys.stderr.write(f"{line}\n")
            else:
                write_text(f"{line}\n")

    @cache  # noqa: B019 -- one screen a command, and a dozen styles
    def _find_codes(self, style: str) -> tuple[str, str]:
        from rich.console import COLOR_SYSTEMS  # noqa: PLC0415 -- as in __init__
        from rich.style import Style  # noqa: PLC0415 -- as in __init__

        name = self._console.color_system
        system = None if name is None or self._console.no_color else COLOR_SYSTEMS[name]
        before, after = Style.parse(style).render("\0", color_system=system).split("\0")
        return before, after


def _may_be_terminal(stream: TextIO) -> bool:
    return stream.isatty() or bool(os.environ.get("FORCE_COLOR"))


def _make_console(stream: TextIO) -> Any:
    from rich.console import Console  # noqa: PLC0415 -- as in Screen.__init__

    return Console(file=stream, highlight=False)


def is_unicode() -> bool:
    """Tell whether standard output can show lines and dots."""
    return (sys.stdout.encoding or "").lower().startswith("utf")


def write_text(text: str) -> None:
    """Print to standard output; the command ends quietly when its reader has gone."""
    try:
        sys.stdout.write(text)
    except OSError as error:
        end_without_reader(error)


def write_bytes(data: bytes) -> None:
    """Print bytes as they are to standard output."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
    except OSError as error:
        end_without_reader(error)


def flush_output() -> None:
    """Bring everything that was printed to whoever reads it."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError) as error:  # ValueError: it is closed
        end_without_reader(error)


def end_without_reader(error: OSError | ValueError) -> NoReturn:
    """End the command: without a word when its reader has gone, else with one line.

    A reader that has gone, such as `head`, has what it wanted: that is no failure.
    """
    discard_output()
    if isinstance(error, BrokenPipeError):
        raise SystemExit(EXIT_DONE) from None
    reason = getattr(error, "strerror", None) or str(error)
    warn(f"cannot write the output: {reason}")
    raise SystemExit(EXIT_NO_DATA) from None


def discard_output() -> None:
    """Send what is still to be printed nowhere, so that the interpreter's end is quiet too."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError):  # no descriptor: nothing is printed at the end either
        pass


def warn(message: str) -> None:
    """Print one line to standard error, safe to look at."""
    from agenttrace.trace.visible import show_lines  # noqa: PLC0415 -- only who has to say sth.

    try:
        sys.stderr.write(f"agenttrace: {show_lines(message)}\n")
        sys.stderr.flush()
    except OSError:
        pass  # nobody to tell
