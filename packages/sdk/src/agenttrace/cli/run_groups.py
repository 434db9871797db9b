"""Which runs an argument means that may mean several: a file, a run, or a query."""

from __future__ import annotations

import shlex
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

import typer

from agenttrace.cli.filters import Wanted, read_wanted
from agenttrace.diff.groups.measures import measure_run
from agenttrace.trace.files import FileSource
from agenttrace.trace.sources import RunNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agenttrace.cli.sources import RunFinder
    from agenttrace.diff.groups.measures import RunMeasures
    from agenttrace.trace.sources import RunSource

QUERY_HELP: Final = (
    "A run id, 'last', a JSONL file with one run or many, FILE:RUN, or a query such as "
    "'tag:main last:20': tag, name, status, correlation, since, error and last."
)
MAX_RUNS: Final = 200
"""The newest that a query means when it does not say `last`."""

_KEYS: Final = frozenset({"tag", "name", "status", "correlation", "since", "error", "last"})
_YES_OR_NO: Final = {"yes": True, "no": False}


class RunQuery(NamedTuple):
    """What a query asks for: runs that are so, the newest `last` of them."""

    wanted: Wanted
    last: int


def read_query(text: str) -> RunQuery | None:
    """Return what a query says; None when the text is none: a run or a file.

    Raises:
        BadParameter: it is one, and cannot be meant.

    """
    try:
        words = shlex.split(text)
    except ValueError:  # a quote that is not closed
        return None
    pairs = [word.partition(":") for word in words]
    if not pairs or any(key not in _KEYS or not value for key, _, value in pairs):
        return None
    said: dict[str, list[str]] = {}
    for key, _, value in pairs:
        said.setdefault(key, []).append(value)
    for key in ("since", "error", "last"):
        if len(said.get(key, ())) > 1:
            raise typer.BadParameter(f"{text!r} says {key} twice")
    wanted = read_wanted(
        status=said.get("status"),
        name=said.get("name"),
        tag=said.get("tag"),
        correlation_id=said.get("correlation"),
        since=said.get("since", [None])[0],
        has_error=_read_error(said),
    )
    return RunQuery(wanted, _read_last(said))


def find_runs(finder: RunFinder, text: str) -> list[tuple[RunSource, str]]:
    """Return the runs that an argument means, oldest first, at least one.

    Raises:
        RecordingError: when the source cannot be read.
        RunNotFoundError: when there is none.

    """
    query = read_query(text)
    if query is None:
        return finder.find_all(text)
    source = finder.open()
    found: list[tuple[RunSource, str]] = [
        (source, run_id) for run_id in islice(_iterate_ids(source, query.wanted), query.last)
    ]
    if not found:
        raise RunNotFoundError(f"{source.name} holds no run that is {text}")
    return found[::-1]


def measure_runs(
    runs: list[tuple[RunSource, str]], *, case_key: str | None
) -> Iterator[RunMeasures]:
    """Yield the measures of runs, one at a time: no two of them are in memory at once."""
    for source, run_id in runs:
        yield measure_run(source.load_run(run_id), case_key=case_key)


def _iterate_ids(source: RunSource, wanted: Wanted) -> Iterator[str]:
    if isinstance(source, FileSource):
        if wanted.is_empty:
            yield from (head.run_id for head in source.list_heads())
        else:
            yield from (run.run_id for run in source.summarize_runs() if wanted.takes(run))
        return
    from agenttrace.cli.server import ServerSource  # noqa: PLC0415 -- files need no HTTP client

    assert isinstance(source, ServerSource)
    yield from (head.run_id for head in source.iterate_heads(wanted))


def _read_error(said: dict[str, list[str]]) -> bool | None:
    if "error" not in said:
        return None
    (text,) = said["error"]
    if text not in _YES_OR_NO:
        raise typer.BadParameter(f"error:{text} cannot be meant; expected error:yes or error:no")
    return _YES_OR_NO[text]


def _read_last(said: dict[str, list[str]]) -> int:
    if "last" not in said:
        return MAX_RUNS
    (text,) = said["last"]
    if not text.isdecimal() or not 1 <= int(text) <= 10_000:  # noqa: PLR2004 -- named beside it
        raise typer.BadParameter(f"last:{text} cannot be meant; expected 1 to 10,000")
    return int(text)
