"""Which runs a command means by what they are: the options, and what they come to."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from time import time_ns
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple, TypeAlias

import typer

from agenttrace.trace.visible import write_time
from agenttrace.wire import RunStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace.trace.summary import RunSummary

StatusOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(help="COMPLETED, ERROR, INTERRUPTED or STARTED; may be repeated: any of them."),
]
NameOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(help="The run's name; * stands for anything. May be repeated: any of them."),
]
TagOption: TypeAlias = Annotated[
    list[str] | None, typer.Option(help="One of its tags. May be repeated: any of them.")
]
CorrelationOption: TypeAlias = Annotated[
    list[str] | None, typer.Option(help="Its correlation id. May be repeated: any of them.")
]
SinceOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="TIME", help="Started then or later: 30m, 2h, 7d ago, or 2026-01-31[T12:00]."
    ),
]
ErrorOption: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--has-error/--no-error", help="With or without the status ERROR in it or a span."
    ),
]

_NS_PER_S: Final = 1_000_000_000
_AGE: Final = re.compile(r"(\d{1,9})([smhdw])\Z")
_AGE_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_PATTERN: Final = frozenset("*?[")


class Wanted(NamedTuple):
    """What is asked of runs; what is empty or None is not asked for."""

    statuses: frozenset[str]
    names: tuple[str, ...]
    tags: frozenset[str]
    correlation_ids: frozenset[str]
    since_ns: int | None
    has_error: bool | None

    def takes(self, run: RunSummary) -> bool:
        """Tell whether a run is what is asked for."""
        return (
            (not self.statuses or run.status.value in self.statuses)
            and self.takes_name(run.name)
            and (not self.tags or not self.tags.isdisjoint(run.tags))
            and (not self.correlation_ids or run.correlation_id in self.correlation_ids)
            and (self.since_ns is None or run.start_ns >= self.since_ns)
            and (self.has_error is None or run.has_error is self.has_error)
        )

    def takes_name(self, name: str) -> bool:
        """Tell whether a run may have this name."""
        return not self.names or any(fnmatchcase(name, each) for each in self.names)

    @property
    def is_empty(self) -> bool:
        """Whether any run will do."""
        return not any(self[:4]) and self.since_ns is None and self.has_error is None

    def shape(self) -> dict[str, Any]:
        """Return it as GraphQL's `RunFilter`; patterns of names, which that has not, left out."""
        has_patterns = any(not _PATTERN.isdisjoint(name) for name in self.names)
        criteria = {
            "status": sorted(self.statuses),
            "name": [] if has_patterns else [*self.names],
            "tags": sorted(self.tags),
            "correlationId": sorted(self.correlation_ids),
            "startedAfter": None if self.since_ns is None else write_time(self.since_ns),
            "hasError": self.has_error,
        }
        return {key: value for key, value in criteria.items() if value is not None and value != []}


def read_wanted(  # noqa: PLR0913 -- an option each
    *,
    status: Sequence[str] | None,
    name: Sequence[str] | None,
    tag: Sequence[str] | None,
    correlation_id: Sequence[str] | None,
    since: str | None,
    has_error: bool | None,
) -> Wanted:
    """Return what the options come to.

    Raises:
        BadParameter: one of them cannot be meant.

    """
    return Wanted(
        statuses=_read_statuses(status or ()),
        names=tuple(name or ()),
        tags=frozenset(tag or ()),
        correlation_ids=frozenset(correlation_id or ()),
        since_ns=None if since is None else _read_since(since),
        has_error=has_error,
    )


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
