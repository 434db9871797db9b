"""Programs that are started to be replayed or recorded, and what they leave behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from agenttrace.replay.errors import EXIT_NOT_REPLAYABLE
from agenttrace.replay.journal import prepare_folder, read_journals
from agenttrace.replay.outcomes import fold_lines
from agenttrace.replay.plans import Plan, list_new_runs, write_plan
from agenttrace.replay.policy import Policy
from agenttrace.replaying import REPLAY_VARIABLE
from agenttrace.trace import FileSource
from agenttrace.trace.sources import resolve_only_run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import FrameType

    from agenttrace.trace import RecordedRun

_FORWARDED: Final = ("SIGTERM", "SIGHUP")
_LED_BY: Final = (
    "mode",
    "live",
    "descend",
    "allow_effects",
    "max_live_calls",
    "max_live_cost",
    "on",
)


class Recordings(NamedTuple):
    """Files of one run each: the program has to begin the main ones, and may begin companions."""

    main: list[Path]
    companions: list[Path]


class Ended(NamedTuple):
    """A program that has ended: its own exit code, and the report, if any process replayed."""

    code: int
    reports: list[dict[str, Any]]

    @property
    def exit_code(self) -> int:
        """The code of the reports; the program's own when they have nothing to say."""
        if not self.reports:
            return self.code or EXIT_NOT_REPLAYABLE
        return max(report["exitCode"] for report in self.reports) or self.code


def replay_program(
    command: Sequence[str],
    recordings: Recordings,
    options: dict[str, Any],
    folder: Path,
    *,
    has_own_output: bool = True,
) -> Ended:
    """Run a command against recordings; it must begin a run for each of the main ones.

    The report comes by way of `folder`, and is whole whatever the program did and however it ended.
    `options` are those of `tracer.replay()`. Without `has_own_output`, what it prints goes to
    standard error.

    Raises:
        OSError: when the command cannot be started.

    """
    main, companions = (list(map(str, paths)) for paths in recordings)
    plan = Plan(main, options, companions=companions)
    code = _run(command, plan, folder, has_own_output=has_own_output)
    lines = read_journals(folder)
    if not lines:
        return Ended(code, [])
    policy = Policy(**{name: options[name] for name in _LED_BY if name in options})
    main_runs, companion_runs = ([_load(path) for path in paths] for paths in recordings)
    return Ended(code, [fold_lines(lines, main_runs, companion_runs, policy, code)])


def record_program(command: Sequence[str], path: Path) -> tuple[int, list[Path]]:
    """Run a command and record it beside what it does itself; return its code and the files.

    `path` is a folder that is made for it.

    Raises:
        OSError: when the command cannot be started.

    """
    path.mkdir()
    code = _run(command, Plan([], {}, records=True), path, has_own_output=False)
    return code, list_new_runs(path)


def _load(path: Path) -> RecordedRun:
    with FileSource(path) as file:
        return file.load_run(resolve_only_run(file))


def _run(command: Sequence[str], plan: Plan, folder: Path, *, has_own_output: bool) -> int:
    prepare_folder(folder)
    write_plan(folder, plan)
    environment = {**os.environ, REPLAY_VARIABLE: str(folder)}
    environment.pop("AGENTTRACE_DISABLED", None)
    sys.stdout.flush()
    process = subprocess.Popen(  # noqa: S603 -- the command is the user's own
        list(command),
        env=environment,
        stdout=None if has_own_output else sys.stderr.fileno(),
    )
    with process, _passing_signals(process):
        code = process.wait()
    return 128 - code if code < 0 else code


@contextmanager
def _passing_signals(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Let the program be ended by what would end this command, and wait for it.

    Ctrl-C reaches both by the terminal.
    """

    def send(number: int, _frame: FrameType | None) -> None:
        process.send_signal(number)

    before = {signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN)}
    for name in _FORWARDED:
        if hasattr(signal, name):
            number = getattr(signal, name)
            before[number] = signal.signal(number, send)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
