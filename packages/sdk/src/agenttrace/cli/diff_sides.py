"""What each side of a comparison is: one run, several, or a baseline."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agenttrace.cli.run_groups import find_runs
from agenttrace.diff.baselines import Baseline, is_baseline, read_baseline
from agenttrace.trace.sources import RecordingError

if TYPE_CHECKING:
    from agenttrace.cli.sources import RunFinder
    from agenttrace.trace.run import RecordedRun
    from agenttrace.trace.sources import RunSource

_MAX_BASELINE_BYTES: Final = 16 * 1024 * 1024
_BEGINNING: Final = 256


@dataclass(frozen=True, slots=True)
class DiffSide:
    """A side, as it was named: its runs, oldest first, or a baseline and no run."""

    name: str
    runs: tuple[tuple[RunSource, str], ...]
    baseline: Baseline | None = None

    @property
    def is_single(self) -> bool:
        """Whether it is one run."""
        return len(self.runs) == 1


def find_side(finder: RunFinder, text: str) -> DiffSide:
    """Return what an argument means.

    Raises:
        BaselineError: it is a baseline that cannot be read.
        RecordingError: the source cannot be read.
        RunNotFoundError: there is no such run.

    """
    baseline = _find_baseline(text)
    if baseline is not None:
        return DiffSide(text, (), baseline)
    return DiffSide(text, tuple(find_runs(finder, text)))


def load_side(side: DiffSide) -> tuple[RecordedRun, bool]:
    """Return the one run of a side, and whether lines of it could not be read.

    A line that does not even say its run counts where the source holds no other run.
    """
    ((source, run_id),) = side.runs
    before = len(source.problems)
    run = source.load_run(run_id)
    is_lost = len(source.problems) > before
    return run, is_lost or (bool(source.problems) and len(source.list_heads()) == 1)


def _find_baseline(text: str) -> Baseline | None:
    path = Path(text).expanduser()
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            beginning = file.read(_BEGINNING)
            if not is_baseline(beginning.decode("utf-8", "replace")):
                return None
            data = beginning + file.read(_MAX_BASELINE_BYTES)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        if isinstance(error, ValueError):
            return None
        raise RecordingError(f"cannot read {text}: {error.strerror or error}") from error
    return read_baseline(data.decode("utf-8", "replace"), name=text)
