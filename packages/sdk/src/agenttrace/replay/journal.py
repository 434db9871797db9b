"""What a replayed process tells the command that started it: lines that are there at once.

A program may end itself at any moment, by `os._exit` or a signal, and may swallow what a replay
raises: what it did is known from these lines all the same. Each process writes a file of its own.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agenttrace.replay.errors import EXIT_DIVERGED, find_exit_code
from agenttrace.replay.kinds import TOLD_ONLY, Action, Divergence

if TYPE_CHECKING:
    from agenttrace.replay.report import Report
    from agenttrace.wire import RunStatus

_CLAIMS: Final = "claims"
_PATTERN: Final = "journal-*.jsonl"


class Journal:
    """The witness of one replay, in the folder that the command gave it. Safe on any thread."""

    def __init__(self, folder: str, report: Report) -> None:
        self._folder = Path(folder)
        self._report = report
        self._file: tuple[int, int] | None = None  # the process that opened it, its descriptor

    def begin(self) -> None:
        """Write down that this process takes part."""
        self._write({"began": True})

    def claim(self, run_id: str) -> bool:
        """Tell whether this process is the first that goes by a recorded run."""
        try:
            (self._folder / _CLAIMS / run_id).open("x").close()
        except FileExistsError:
            return False
        self._write({"claimed": run_id})
        return True

    def see(self, divergence: Divergence) -> None:
        """Write down a divergence, and with what the command ends for it."""
        self._write({"divergence": divergence.describe(), "exitCode": judge(divergence)})

    def end_run(self, source_id: str, status: RunStatus) -> None:
        """Write down how a run ended, and what there was so far."""
        self._write({"ended": source_id, "status": status.value})
        self.sum_up()

    def sum_up(self) -> None:
        """Write down everything that is counted."""
        report = self._report.describe()
        del report["divergences"]  # they are written as they come
        self._write({"report": report})

    def fail(self, message: str, exit_code: int) -> None:
        """Write down that the replay could not begin."""
        self._write({"error": message, "exitCode": exit_code})

    def _write(self, said: dict[str, Any]) -> None:
        # Not the time of day: a replay may hold it still, at another one in each process.
        line = json.dumps({"t_ns": time.monotonic_ns(), **said}) + "\n"
        process = os.getpid()
        if self._file is None or self._file[0] != process:  # a fork writes its own
            path = self._folder / f"journal-{process}.jsonl"
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            self._file = (process, os.open(path, flags, 0o600))
        os.write(self._file[1], line.encode())


def judge(divergence: Divergence) -> int:
    """Return the exit code that a divergence is worth by itself; 0 where it does not count."""
    if divergence.action is Action.RAISE:
        return find_exit_code(divergence)
    is_told = divergence.action is Action.SERVE or divergence.kind in TOLD_ONLY
    return 0 if is_told else EXIT_DIVERGED


def prepare_folder(folder: Path) -> None:
    """Make what journals need in a new folder."""
    (folder / _CLAIMS).mkdir()


def read_journals(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of all processes in the order in which they were written.

    A line that its process did not finish is left out.
    """
    lines = []
    for path in sorted(folder.glob(_PATTERN)):
        process = int(path.stem.rpartition("-")[2])
        whole = path.read_bytes().splitlines(keepends=True)
        lines += [
            {"process": process, **json.loads(text)} for text in whole if text.endswith(b"\n")
        ]
    return sorted(lines, key=lambda line: int(line["t_ns"]))
