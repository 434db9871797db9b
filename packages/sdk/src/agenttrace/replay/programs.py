"""Programs that are started to be replayed or recorded, and what they leave behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from agenttrace.replay.activation import VARIABLE
from agenttrace.replay.errors import EXIT_NOT_REPLAYABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

_SITE: Final = str(Path(__file__).parent / "site")
_PACKAGE_FOLDER: Final = str(Path(__file__).parents[2])


class Ended(NamedTuple):
    """A program that has ended: its own exit code, and a report of each process that replayed."""

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
    recordings: Sequence[Path],
    options: dict[str, Any],
    folder: Path,
    *,
    has_own_output: bool = True,
) -> Ended:
    """Run a command against recordings, the first of which it must begin a run for.

    Its reports come by way of `folder`.

    `options` are those of `tracer.replay()`. Without `has_own_output`, what it prints goes to
    standard error.

    Raises:
        OSError: when the command cannot be started.

    """
    reports = folder / "reports"
    reports.mkdir()
    main, *companions = map(str, recordings)
    plan = {
        "recordings": [main],
        "options": {**options, "companions": companions},
        "reports": str(reports),
    }
    code = _run(command, plan, has_own_output=has_own_output)
    return Ended(code, [json.loads(path.read_text()) for path in sorted(reports.glob("*.json"))])


def record_program(command: Sequence[str], path: Path) -> tuple[int, list[Path]]:
    """Run a command and record it beside what it does itself; return its code and the files.

    Raises:
        OSError: when the command cannot be started.

    """
    code = _run(command, {"record": str(path)}, has_own_output=False)
    return code, sorted(path.parent.glob(f"{path.name}.*.jsonl"))


def _run(command: Sequence[str], plan: dict[str, Any], *, has_own_output: bool) -> int:
    search_path = [_SITE, *filter(None, [os.environ.get("PYTHONPATH")]), _PACKAGE_FOLDER]
    environment = {
        **os.environ,
        VARIABLE: json.dumps(plan),
        "PYTHONPATH": os.pathsep.join(search_path),
    }
    sys.stdout.flush()
    done = subprocess.run(  # noqa: S603 -- the command is the user's own
        list(command),
        env=environment,
        stdout=None if has_own_output else sys.stderr.fileno(),
        check=False,
    )
    return 128 - done.returncode if done.returncode < 0 else done.returncode
