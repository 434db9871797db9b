"""The ends of a process and its forks, for all tracers: set up with the first exporter."""

from __future__ import annotations

import atexit
import os
import sys
from time import monotonic
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

if TYPE_CHECKING:
    from agenttrace.pipeline.hub import Hub

_hubs: WeakSet[Hub] = WeakSet()


class _Hooks:
    """Whether this process's hooks are set: with the first exporter, never at import."""

    are_set = False
    are_set_for_children = False
    is_interrupted = False  # by Ctrl-C, while it waited for records to be delivered
    deadline: float | None = None  # of the end of the process, once that began


_hooks = _Hooks()


def register(hub: Hub) -> None:
    """Shut `hub` down with the process, and begin it anew in the child of a fork."""
    if not _hooks.are_set:
        _hooks.are_set = True
        atexit.register(_end_process)
        _finish_with_multiprocessing()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=_pause_all, after_in_parent=_resume_all, after_in_child=_reset_all
            )
    _hubs.add(hub)


def note_interrupt() -> None:
    """Take note that the user has no patience: the end of the process waits no more."""
    _hooks.is_interrupted = True


def shut_down_all(*, timeout_s: float) -> None:
    """Shut every tracer down within one deadline: it is the process that ends."""
    hubs = list(_hubs)
    deadline = monotonic() + timeout_s
    # All begin before any is waited for.
    for hub in hubs:
        hub.begin_shutdown()
    for hub in hubs:
        hub.hand_over(deadline)
    for hub in hubs:
        hub.end_shutdown(deadline)


def flush_all(*, timeout_s: float) -> None:
    """Flush every tracer within one deadline; each goes on afterwards."""
    deadline = monotonic() + timeout_s
    for hub in list(_hubs):
        hub.flush(timeout_s=max(0.0, deadline - monotonic()))


def is_any_owned() -> bool:
    """Tell whether the caller's thread was interrupted while it put a record into a queue."""
    return any(hub.is_owned for hub in list(_hubs))


def _end_process() -> None:
    limit_s = max((hub.exit_timeout_s for hub in list(_hubs)), default=0.0)
    if _hooks.deadline is None:  # a spawned process ends here twice, by a finalizer and by atexit
        _hooks.deadline = monotonic() + limit_s
    left_s = max(0.0, _hooks.deadline - monotonic())
    try:
        shut_down_all(timeout_s=_INTERRUPTED_EXIT_S if _hooks.is_interrupted else left_s)
    except KeyboardInterrupt:  # no traceback at the very end: what is not delivered is spooled
        return


_INTERRUPTED_EXIT_S: Final = 0.2
_MAX_PAUSE_S: Final = 1.0
_paused: list[Hub] = []


def _pause_all() -> None:
    deadline = monotonic() + _MAX_PAUSE_S
    _paused[:] = [hub for hub in _hubs if hub.pause(max(0.0, deadline - monotonic()))]


def _resume_all() -> None:
    while _paused:
        _paused.pop().resume()


def _reset_all() -> None:
    _paused.clear()
    _hooks.deadline = None
    for hub in list(_hubs):
        hub.reset_after_fork()
    _finish_with_multiprocessing()


def _finish_with_multiprocessing() -> None:
    # Processes that multiprocessing forked end by os._exit, which skips atexit but not finalizers.
    # A child forgets those that it has by the time it begins; what is registered here runs then.
    util = sys.modules.get("multiprocessing.util")
    if util is not None and not _hooks.are_set_for_children:
        _hooks.are_set_for_children = True
        util.register_after_fork(_hooks, lambda _: _add_finalizer())
        if sys.modules["multiprocessing.process"].parent_process() is not None:
            _add_finalizer()  # this is such a child: its first exporter came after its beginning


def _add_finalizer() -> None:
    util = sys.modules["multiprocessing.util"]
    util.Finalize(None, _end_process, exitpriority=10)
