"""What a command asks of the programs that it starts, in the folder that they share."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from agenttrace.replay.errors import NotReplayableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PLAN: Final = "plan.json"
_NEW_RUNS: Final = "new-*.jsonl"


class Plan(NamedTuple):
    """Replay by these recordings, a file each; or, with `records`, record what is done.

    The program has to begin a run for each of `recordings`, and may for each of `companions`.
    `options` are those of `tracer.replay()`.
    """

    recordings: list[str]
    options: dict[str, Any]
    records: bool = False
    companions: Sequence[str] = ()


def write_plan(folder: Path, plan: Plan) -> None:
    """Put a plan into a folder."""
    (folder / _PLAN).write_text(json.dumps(plan._asdict()))


def read_plan(folder: str) -> Plan:
    """Return the plan of a folder.

    Raises:
        NotReplayableError: there is none: the command that started this process has ended.

    """
    try:
        return Plan(**json.loads((Path(folder) / _PLAN).read_bytes()))
    except FileNotFoundError as error:
        raise NotReplayableError(
            f"there is no plan in {folder}: the agenttrace command that started this has ended"
        ) from error


def name_new_runs(folder: str) -> Path:
    """Return the file for what this process records."""
    return Path(folder) / f"new-{os.getpid()}.jsonl"


def read_new_runs(folder: Path) -> Iterator[bytes]:
    """Yield the lines of what processes have recorded; one that its process did not finish is not.

    A process that is killed may leave such a line.
    """
    for path in list_new_runs(folder):
        with path.open("rb") as file:
            yield from (line for line in file if line.endswith(b"\n"))


def list_new_runs(folder: Path) -> list[Path]:
    """Return the files of what processes have recorded."""
    return sorted(folder.glob(_NEW_RUNS))
