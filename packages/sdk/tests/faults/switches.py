"""Protections of the recorder, each with a way to take it out of a child's own process.

A fault test proves nothing until it was seen failing without what it tests. Nothing of this is in
the product: the child patches its own copy, and a name that is no longer there is an error.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


SETTINGS: Final = {"spool": ("AGENTTRACE_SPOOL", "0"), "signals": ("AGENTTRACE_SIGNALS", "off")}
"""What a setting takes out."""


def turn_off(names: Iterable[str]) -> None:
    """Take these protections out, before the tracer is made."""
    for name in names:
        if name in EARLY:
            EARLY[name]()
        elif name not in LATE and name not in SETTINGS:
            every = sorted({*EARLY, *LATE, *SETTINGS})
            raise ValueError(f"no protection {name!r}; expected one of {every}")


def turn_off_late(names: Iterable[str]) -> None:
    """Take these out once the recorder has set its hooks."""
    for name in names:
        if name in LATE:
            LATE[name]()


def _replace(owner: Any, name: str, value: object) -> None:
    if not hasattr(owner, name):
        raise AttributeError(f"the recorder has no {name} any more: mend faults/switches.py")
    setattr(owner, name, value)


def _do_nothing(*_arguments: object, **_options: object) -> None:
    return None


def _drop_fork_reset() -> None:
    from agenttrace.pipeline import lifecycle

    _replace(lifecycle, "_reset_all", _do_nothing)


def _drop_finalizer() -> None:
    from agenttrace.pipeline import lifecycle

    _replace(lifecycle, "_finish_with_multiprocessing", _do_nothing)


def _drop_exit_hook() -> None:
    from agenttrace.pipeline import lifecycle

    _replace(lifecycle, "_end_process", _do_nothing)


def _drop_retry() -> None:
    from agenttrace.exporters import http
    from agenttrace.pipeline.export import ExportResult

    def give_up(self: Any, lines: list[bytes]) -> ExportResult:
        result = original(self, lines)
        if result.kind == "retry":
            return ExportResult.DELIVERED  # what a careless exporter makes of a failure
        return result

    original = http.APIExporter._send
    _replace(http.APIExporter, "_send", give_up)


def _drop_split() -> None:
    from agenttrace.exporters import http
    from agenttrace.pipeline.export import ExportResult

    def refuse(_self: Any, lines: list[bytes]) -> Any:
        return ExportResult.REJECTED(dict.fromkeys(range(len(lines)), "status 413"))

    _replace(http.APIExporter, "_send_halves", refuse)


def _drop_accounts() -> None:
    """Let a full queue drop without a count."""
    from agenttrace.pipeline import intake

    original = intake.Intake._put_under_pressure

    def put(self: Any, entry: Any) -> bool:
        before = self._refused.copy()
        is_idle = original(self, entry)
        self._refused = before
        return is_idle

    _replace(intake.Intake, "_put_under_pressure", put)


def _drop_lock() -> None:
    """Let every process take every file of the spool, whoever writes to it."""
    from agenttrace.pipeline.spool import segment

    _replace(segment, "lock_file", lambda _fd: True)


def _forbid_threads() -> None:
    """Let no thread start, as when the interpreter is going down."""

    def refuse(_self: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    _replace(threading.Thread, "start", refuse)


EARLY: Final[dict[str, Callable[[], None]]] = {
    "fork_reset": _drop_fork_reset,
    "finalizer": _drop_finalizer,
    "exit_hook": _drop_exit_hook,
    "retry": _drop_retry,
    "split": _drop_split,
    "accounts": _drop_accounts,
    "lock": _drop_lock,
}
LATE: Final[dict[str, Callable[[], None]]] = {"threads": _forbid_threads}
