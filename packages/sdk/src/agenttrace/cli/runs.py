"""`agenttrace runs`: the runs of a recording, newest first."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from time import time_ns
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from agenttrace.cli.output import Screen, warn
from agenttrace.cli.shapes import print_json, shape_summary
from agenttrace.cli.sources import FileOption, JsonOption, open_source, report_problems
from agenttrace.trace.outline import mark_estimate
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

    from agenttrace.trace.summary import RunSummary

STATUS_STYLES: Final = {
    RunStatus.COMPLETED: "green",
    RunStatus.ERROR: "bold red",
    RunStatus.INTERRUPTED: "yellow",
    RunStatus.STARTED: "cyan",
}
_NS_PER_S: Final = 1_000_000_000
_AGE: Final = re.compile(r"(\d{1,9})([smhdw])\Z")
_AGE_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_RIGHT: Final = frozenset(
    {"DURATION", "SPANS", "LLM", "TOOLS", "ERRORS", "DROPPED", "TOKENS", "COST"}
)
# What a narrow terminal can do without, first to go first.
_SPARE: Final = (
    *("TAGS", "LLM", "TOOLS", "CORRELATION", "SPANS", "STARTED", "TOKENS"),
    *("ERRORS", "COST", "DURATION"),
)


_LONG_NAME: Final = 24
"""So much of a name is worth more than the other columns, in cells."""


class _Wanted(NamedTuple):
    statuses: frozenset[str]
    names: tuple[str, ...]
    tags: frozenset[str]
    correlation_ids: frozenset[str]
    since_ns: int | None
    has_error: bool | None

    def takes(self, run: RunSummary) -> bool:
        return (
            (not self.statuses or run.status.value in self.statuses)
            and (not self.names or any(fnmatchcase(run.name, name) for name in self.names))
            and (not self.tags or not self.tags.isdisjoint(run.tags))
            and (not self.correlation_ids or run.correlation_id in self.correlation_ids)
            and (self.since_ns is None or run.start_ns >= self.since_ns)
            and (self.has_error is None or run.has_error is self.has_error)
        )


def list_runs(  # noqa: PLR0913 -- an option each
    *,
    file: FileOption = None,
    status: Annotated[
        list[str] | None,
        typer.Option(
            help="COMPLETED, ERROR, INTERRUPTED or STARTED; may be repeated: any of them."
        ),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(help="The run's name; * stands for anything. May be repeated: any of them."),
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="One of its tags. May be repeated: any of them.")
    ] = None,
    correlation_id: Annotated[
        list[str] | None, typer.Option(help="Its correlation id. May be repeated: any of them.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Started then or later: 30m, 2h, 7d ago, or 2026-01-31[T12:00]."
        ),
    ] = None,
    has_error: Annotated[
        bool | None,
        typer.Option(
            "--has-error/--no-error", help="With or without the status ERROR in it or a span."
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, help="So many at most, the newest; 0 is all of them.")
    ] = 50,
    as_json: JsonOption = False,
) -> None:
    """List the runs of a recording, newest first.

    For example:

      agenttrace runs

      agenttrace runs -f old.jsonl --has-error --since 2h

      agenttrace runs --json | jq -r '.[].id'
    """
    wanted = _Wanted(
        statuses=_read_statuses(status or ()),
        names=tuple(name or ()),
        tags=frozenset(tag or ()),
        correlation_ids=frozenset(correlation_id or ()),
        since_ns=None if since is None else _read_since(since),
        has_error=has_error,
    )
    with open_source(file) as source:
        every = source.summarize_runs()
        found = [run for run in every if wanted.takes(run)]
        shown = found[:limit] if limit else found
        if as_json:
            print_json([shape_summary(run, run.totals) for run in shown])
        elif shown:
            _print_table(shown, shorten_ids([run.run_id for run in every]))
        else:
            warn(f"{source.name} holds no run" + (" like that" if every else ""))
        report_problems(source)
    if len(shown) < len(found):
        warn(f"{len(found) - len(shown)} more; --limit 0 shows all")


def _read_statuses(texts: Sequence[str]) -> frozenset[str]:
    for text in texts:
        if text.upper() not in RunStatus.__members__:
            names = ", ".join(RunStatus.__members__)
            raise typer.BadParameter(f"{text!r} is no status; expected one of {names}")
    return frozenset(text.upper() for text in texts)


def _read_since(text: str) -> int:
    age = _AGE.match(text.strip())
    try:
        if age is not None:
            past = timedelta(**{_AGE_UNITS[age[2]]: int(age[1])})
            return time_ns() - int(past.total_seconds()) * _NS_PER_S
        moment = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{text!r} is no time; expected one such as 2h, 7d, 2026-01-31 or 2026-01-31T12:00:00Z"
        ) from None
    moment = moment.astimezone() if moment.tzinfo is None else moment
    return int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * _NS_PER_S)


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
        "CORRELATION": show_text(correlation or "", max_chars=40),
        "TAGS": show_text(", ".join(run.tags), max_chars=40),
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
    return {"ID": "yellow", "NAME": "bold", "STARTED": "dim", "TAGS": "dim"}.get(title, "")
