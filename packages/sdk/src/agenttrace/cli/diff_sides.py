"""What each side of a comparison is: one run, several, or a baseline."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from agenttrace.cli.run_groups import find_runs
from agenttrace.diff.baselines import Baseline, is_baseline, read_baseline
from agenttrace.trace.sources import RecordingError
from agenttrace.trace.visible import show_count

if TYPE_CHECKING:
    from collections.abc import Iterable

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


class LoadedRun(NamedTuple):
    """The one run of a side, and how many lines that may be of it could not be read."""

    run: RecordedRun
    lost_lines: int


def load_runs(base: DiffSide, head: DiffSide) -> tuple[LoadedRun, LoadedRun]:
    """Return the runs of two sides that are one run each.

    A line that does not even say its run counts where the source holds no run but these two.
    """
    compared = {run_id for side in (base, head) for _, run_id in side.runs}
    return _load_run(base, compared), _load_run(head, compared)


def _load_run(side: DiffSide, compared: set[str]) -> LoadedRun:
    ((source, run_id),) = side.runs
    before = len(source.problems)
    run = source.load_run(run_id)
    own = len(source.problems) - before
    if len(source.problems) > own and {each.run_id for each in source.list_heads()} <= compared:
        own = len(source.problems)
    return LoadedRun(run, own)


def describe_lost_lines(runs: Iterable[tuple[RunSource, str]]) -> list[str]:
    """Return a sentence for each source of a group, once read, of which lines could not be.

    Each line counts, whatever run it may be of: it may have made that run one of the group.
    """
    sources = {id(source): source for source, _ in runs}.values()
    return [
        f"{source.name}: {show_count(len(source.problems), 'line')} cannot be read; what stood "
        "there is missing"
        for source in sources
        if source.problems
    ]


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
