"""Where a span belongs: the active node, the lane of control, and contexts from other processes."""

from __future__ import annotations

import re
import threading
from sys import modules
from typing import TYPE_CHECKING, Final
from weakref import ref

from agenttrace.semconv import PARENT_RUN_ID, PARENT_SPAN_ID

if TYPE_CHECKING:
    from asyncio import Task
    from collections.abc import Callable, Mapping, MutableMapping

    from agenttrace.retries import FailedCall
    from agenttrace.run import Run

TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"
BAGGAGE: Final = "baggage"
_PROPAGATED_HEADERS: Final = frozenset({TRACEPARENT, TRACESTATE, BAGGAGE})
CORRELATION_KEY: Final = "agenttrace.correlation_id"
_TRACEPARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})"
)
_MAX_CORRELATION_CHARS: Final = 128
_MAX_BAGGAGE_CHARS: Final = 8192  # the W3C limit
_MAX_TRACESTATE_CHARS: Final = 4096  # W3C asks for 512 to be passed on at least
_SAMPLED: Final = 0x01


class _Thread(threading.local):
    # An object of each thread's own. A thread's ident would not do: it is used again by others.
    def __init__(self) -> None:
        self.token = object()


_thread: Final = _Thread()


def renew_thread() -> None:
    """Make this thread another one than it was: the child of a fork is no lane of its parent's."""
    _thread.token = object()


def find_task() -> Task[object] | None:
    """Return the asyncio task that runs here, without importing asyncio for those who do not."""
    get_loop = _asyncio.get_loop or _asyncio.find()
    loop = None if get_loop is None else get_loop()
    return None if loop is None else _asyncio.get_task(loop)


class _Asyncio:
    """The two functions of asyncio's that tell what runs here, once it is imported."""

    def __init__(self) -> None:
        self.get_loop: Callable[[], object] | None = None
        self.get_task: Callable[[object], Task[object] | None] = _find_no_task

    def find(self) -> Callable[[], object] | None:
        """Return the loop's function; None while asyncio is not imported, or only in part."""
        tasks = modules.get("asyncio.tasks")
        if tasks is None or not hasattr(tasks, "current_task"):
            return None
        self.get_task = tasks.current_task
        self.get_loop = getattr(modules["asyncio.events"], "_get_running_loop", None)
        return self.get_loop


def _find_no_task(_loop: object) -> None:
    return None


_asyncio: Final = _Asyncio()


class Lane:
    """A logical thread of control of one run: the task or thread that starts spans in it."""

    __slots__ = ("_task", "_token", "lane_id", "run")

    def __init__(self, run: Run, lane_id: int) -> None:
        self.run = run
        self.lane_id = lane_id
        task = find_task()
        # A task is held weakly: its context holds this lane. Its id() is used again by others.
        self._task = None if task is None else ref(task)
        self._token = _thread.token if task is None else None

    def is_current(self) -> bool:
        """Tell whether the task or thread that runs here is the one this lane was made for."""
        task = find_task()
        if task is None:
            return self._token is _thread.token
        return self._task is not None and self._task() is task


class Place:
    """A place in a run that goes on in this process: under a span of another, or at the top."""

    __slots__ = ("failed_call", "id", "run")

    def __init__(self, run: Run, span_id: int) -> None:
        self.run = run
        self.id = span_id  # 0 is the top of the run
        self.failed_call: FailedCall | None = None

    @property
    def span_id(self) -> str | None:
        """16 hexadecimal digits; None at the top of the run."""
        return f"{self.id:016x}" if self.id else None


class RemoteContext:
    """What another process said of itself: its run, its span, and the workflow's correlation id.

    `is_sampled` is false when its traceparent says that the caller's trace is not recorded;
    `tracestate` is what tracing systems on the way want passed on.
    """

    __slots__ = ("correlation_id", "is_sampled", "run_id", "span_id", "tracestate")

    def __init__(
        self,
        *,
        run_id: str | None,
        span_id: str | None,
        correlation_id: str,
        is_sampled: bool = True,
        tracestate: str | None = None,
    ) -> None:
        self.run_id = run_id
        self.span_id = span_id
        self.correlation_id = correlation_id
        self.is_sampled = is_sampled
        self.tracestate = tracestate

    def __repr__(self) -> str:
        return (
            f"RemoteContext(run_id={self.run_id!r}, span_id={self.span_id!r}, "
            f"correlation_id={self.correlation_id!r})"
        )


def write_headers(  # noqa: PLR0913 -- what the headers say, each by its name
    headers: MutableMapping[str, str],
    *,
    run_id: str,
    span_id: str,
    correlation_id: str,
    is_sampled: bool = True,
    tracestate: str | None = None,
) -> None:
    """Set `traceparent`, and the correlation id as a member of `baggage` beside what is there.

    A `tracestate` belongs to its traceparent: what stands there is replaced or removed with it.
    """
    from urllib.parse import quote  # noqa: PLC0415 -- 6 ms that only distributed programs pay

    # Header names are the same in any case: two of them would be sent as two headers.
    for name in [name for name in headers if name.lower() in (TRACEPARENT, TRACESTATE)]:
        del headers[name]
    headers[TRACEPARENT] = f"00-{run_id}-{span_id}-{_SAMPLED if is_sampled else 0:02x}"
    if tracestate:
        headers[TRACESTATE] = tracestate
    key = next((name for name in headers if name.lower() == BAGGAGE), BAGGAGE)
    others = [
        member.strip()
        for member in headers.get(key, "").split(",")
        if member.strip() and member.split("=", 1)[0].strip() != CORRELATION_KEY
    ]
    mine = f"{CORRELATION_KEY}={quote(correlation_id, safe='')}"
    headers[key] = ",".join([*others, mine])


def write_environment(
    variables: Mapping[str, str], inject: Callable[[MutableMapping[str, str]], None]
) -> dict[str, str]:
    """Return the variables with what `inject` writes into headers, in upper case."""
    headers = {k.lower(): v for k, v in variables.items() if k.lower() in _PROPAGATED_HEADERS}
    others = {k: v for k, v in variables.items() if k.lower() not in _PROPAGATED_HEADERS}
    inject(headers)
    return {**others, **{name.upper(): value for name, value in headers.items()}}


def read_headers(headers: Mapping[str, str]) -> RemoteContext | None:
    """Return the context these headers carry; None when they carry none that is well-formed."""
    found = {name.lower(): value for name, value in headers.items()}
    parent = _TRACEPARENT.fullmatch(found.get(TRACEPARENT, "").strip())
    correlation_id = _read_correlation(found.get(BAGGAGE, ""))
    if parent is None:
        if correlation_id is None:
            return None
        return RemoteContext(run_id=None, span_id=None, correlation_id=correlation_id)
    run_id, span_id, flags = parent.group(1, 2, 3)
    # A sender without a correlation id is joined by its run's id: that is what the two share.
    return RemoteContext(
        run_id=run_id,
        span_id=span_id,
        correlation_id=correlation_id or run_id,
        is_sampled=bool(int(flags, 16) & _SAMPLED),
        tracestate=_read_tracestate(found.get(TRACESTATE, "")),
    )


def _read_tracestate(text: str) -> str | None:
    text = text.strip()
    is_fit = text.isascii() and text.isprintable() and len(text) <= _MAX_TRACESTATE_CHARS
    return text if text and is_fit else None


def _read_correlation(baggage: str) -> str | None:
    from urllib.parse import unquote  # noqa: PLC0415 -- as in write_headers

    for member in baggage[:_MAX_BAGGAGE_CHARS].split(","):
        name, _, value = member.partition("=")
        if name.strip() == CORRELATION_KEY:
            text = unquote(value.partition(";")[0].strip())
            return text if 0 < len(text) <= _MAX_CORRELATION_CHARS and "\x00" not in text else None
    return None


def describe_parent(parent: RemoteContext | None) -> dict[str, object]:
    """Return the attributes that name the run and span of another process; none without one."""
    if parent is None or parent.run_id is None:
        return {}
    return {PARENT_RUN_ID: parent.run_id, PARENT_SPAN_ID: parent.span_id}
