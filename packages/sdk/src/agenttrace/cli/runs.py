"""`agenttrace runs`: the runs of a recording, newest first."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from agenttrace.cli.filters import (
    CorrelationOption,
    ErrorOption,
    NameOption,
    SinceOption,
    StatusOption,
    TagOption,
    read_wanted,
)
from agenttrace.cli.output import Screen, warn
from agenttrace.cli.shapes import print_json, shape_summary
from agenttrace.cli.sources import FileOption, JsonOption, open_source, report_problems
from agenttrace.trace.files import FileSource
from agenttrace.trace.outline import mark_estimate, write_annotations
from agenttrace.trace.sources import shorten_ids
from agenttrace.trace.visible import (
    fit_cells,
    measure_cells,
    show_duration,
    show_text,
    show_time,
    show_usd,
)
from agenttrace.wire import RunStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace.cli.filters import Wanted
    from agenttrace.cli.server import ServerSource
    from agenttrace.trace.summary import RunSummary

STATUS_STYLES: Final = {
    RunStatus.COMPLETED: "green",
    RunStatus.ERROR: "bold red",
    RunStatus.INTERRUPTED: "yellow",
    RunStatus.STARTED: "cyan",
}
_RIGHT: Final = frozenset(
    {"DURATION", "SPANS", "LLM", "TOOLS", "ERRORS", "DROPPED", "TOKENS", "COST", "PAID"}
)
# What a narrow terminal can do without, first to go first.
_SPARE: Final = (
    *("ANNOTATIONS", "TAGS", "LLM", "TOOLS", "CORRELATION", "SPANS", "STARTED", "TOKENS"),
    *("ERRORS", "PAID", "COST", "DURATION"),
)


_SERVER_ID_CHARS: Final = 16
_LONG_NAME: Final = 24
"""So much of a name is worth more than the other columns, in cells."""


class _Listing(NamedTuple):
    """What of the runs is shown; `rest` says that there are more, `ids` how each is called."""

    shown: list[RunSummary]
    rest: str
    ids: dict[str, str]
    is_empty: bool
    """Whether there is no run at all, as far as is known."""


def list_runs(  # noqa: PLR0913 -- an option each
    *,
    file: FileOption = None,
    status: StatusOption = None,
    name: NameOption = None,
    tag: TagOption = None,
    correlation_id: CorrelationOption = None,
    since: SinceOption = None,
    has_error: ErrorOption = None,
    limit: Annotated[
        int, typer.Option(min=0, help="So many at most, the newest; 0 is all of them.")
    ] = 50,
    as_json: JsonOption = False,
) -> None:
    """List the runs of a recording or a server, newest first.

    For example:

      agenttrace runs

      agenttrace runs -f old.jsonl --has-error --since 2h

      agenttrace runs --from http://localhost:8000/api --status INTERRUPTED

      agenttrace runs --json | jq -r '.[].id'
    """
    wanted = read_wanted(
        status=status,
        name=name,
        tag=tag,
        correlation_id=correlation_id,
        since=since,
        has_error=has_error,
    )
    with open_source(file) as source:
        if isinstance(source, FileSource):
            listing = _list_file(source, wanted, limit)
        else:
            listing = _list_server(source, wanted, limit)
        if as_json:
            print_json([shape_summary(run, run.totals) for run in listing.shown])
        elif listing.shown:
            _print_table(listing.shown, listing.ids)
        else:
            warn(f"{source.name} holds no run" + ("" if listing.is_empty else " like that"))
        report_problems(source)
    if listing.rest:
        warn(f"{listing.rest}; --limit 0 shows all")


def _list_file(source: FileSource, wanted: Wanted, limit: int) -> _Listing:
    every = source.summarize_runs()
    found = [run for run in every if wanted.takes(run)]
    shown = found[:limit] if limit else found
    rest = f"{len(found) - len(shown)} more" if len(shown) < len(found) else ""
    return _Listing(shown, rest, shorten_ids([run.run_id for run in every]), not every)


def _list_server(source: ServerSource, wanted: Wanted, limit: int) -> _Listing:
    # One more than is shown, to know whether there is more: to count them all takes longer.
    found = list(islice(source.iterate_summaries(wanted), limit + 1 if limit else None))
    shown = found[:limit] if limit else found
    # Runs of one moment that are not in the list have ids that begin like those that are.
    ids = shorten_ids([run.run_id for run in shown], shortest=_SERVER_ID_CHARS)
    return _Listing(
        shown, "there are more" if len(shown) < len(found) else "", ids, wanted.is_empty
    )


def _print_table(runs: Sequence[RunSummary], ids: dict[str, str]) -> None:
    screen = Screen()
    rows = [_make_cells(run, ids[run.run_id]) for run in runs]
    columns = {
        title: max(len(title), *(measure_cells(row[title]) for row in rows))
        for title in rows[0]
        if title in {"ID", "NAME", "STATUS"} or any(row[title] for row in rows)
    }
    _narrow(columns, screen.width)
    head = "  ".join(_place(title, title, width) for title, width in columns.items())
    screen.write([screen.paint(head.rstrip(), "bold")])
    for run, row in zip(runs, rows, strict=True):
        cells = []
        for title, width in columns.items():
            cells.append(screen.paint(_place(title, row[title], width), _find_style(title, run)))
        screen.write(["  ".join(cells).rstrip()])


def _make_cells(run: RunSummary, short_id: str) -> dict[str, str]:
    totals = run.totals
    tokens = "" if totals.total_tokens is None else f"{totals.total_tokens:,}"
    cost = "" if totals.cost_usd is None else show_usd(totals.cost_usd)
    billed = totals.billed_usd
    paid = "" if billed is None or billed == totals.cost_usd else show_usd(billed)
    correlation = "" if run.correlation_id in (None, run.run_id) else run.correlation_id
    return {
        "ID": short_id,
        "STARTED": show_time(run.start_ns),
        "NAME": show_text(run.name, max_chars=60),
        "STATUS": run.status.value,
        "DURATION": "" if run.duration_ns is None else show_duration(run.duration_ns),
        "SPANS": f"{totals.spans:,}",
        "LLM": f"{totals.llm_calls:,}",
        "TOOLS": f"{totals.tool_calls:,}",
        "ERRORS": f"{totals.errors:,}",
        "DROPPED": f"{sum(run.dropped.values()):,}" if run.dropped else "",
        "TOKENS": mark_estimate(tokens, totals) if tokens else "",
        "COST": mark_estimate(cost, totals) if cost else "",
        "PAID": paid,
        "CORRELATION": show_text(correlation or "", max_chars=40),
        "TAGS": show_text(", ".join(run.tags), max_chars=40),
        "ANNOTATIONS": write_annotations(run.annotations),
    }


def _narrow(columns: dict[str, int], width: int | None) -> None:
    """Cut long names for a terminal; take out what it still has no room for."""
    if width is None:
        return
    name = columns["NAME"]
    columns["NAME"] = min(name, _LONG_NAME)
    for title in _SPARE:
        if _measure(columns) <= width:
            break
        columns.pop(title, None)
    columns["NAME"] = min(name, max(8, columns["NAME"] + width - _measure(columns)))


def _measure(columns: dict[str, int]) -> int:
    return sum(columns.values()) + 2 * (len(columns) - 1)


def _place(title: str, text: str, width: int) -> str:
    return text.rjust(width) if title in _RIGHT else fit_cells(text, width)


def _find_style(title: str, run: RunSummary) -> str:
    if title == "STATUS":
        return STATUS_STYLES[run.status]
    if title == "DROPPED":
        return "yellow"
    if title == "ERRORS":
        return "red" if run.totals.errors else "dim"
    return {
        "ID": "yellow",
        "NAME": "bold",
        "STARTED": "dim",
        "TAGS": "dim",
        "ANNOTATIONS": "dim",
    }.get(title, "")
