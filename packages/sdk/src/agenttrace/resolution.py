"""The search for the exporter that the environment names: once, before the first record."""

from __future__ import annotations

import os
from _thread import RLock  # as functools has it: threading is not imported for this
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_WAIT_S: Final = 10.0
"""How long a thread waits for another one's search: that may wait, by an import, for this one."""
_MAX_FORK_WAIT_S: Final = 1.0


class Resolution:
    """What is still to be done before it is known whether a tracer records; done by one thread.

    The others that ask wait for it: what they began without would be lost. The thread that does it
    does not wait for itself, and records nothing of what it runs meanwhile.
    """

    __slots__ = ("__weakref__", "_is_running", "_lock", "_resolve", "is_pending")

    def __init__(self) -> None:
        self.is_pending = False
        self._is_running = False
        self._lock = RLock()
        self._resolve: Callable[[], None] | None = None

    def plan(self, resolve: Callable[[], None]) -> None:
        """Call `resolve` when somebody asks, in the stead of what was planned before."""
        if not self._is_running:  # else it is being done, and whoever asks is to wait for it
            self._resolve = resolve
            self.is_pending = True

    def run(self) -> bool:
        """Do what is planned, or wait until it is done; False when that took too long."""
        if not self._lock.acquire(timeout=MAX_WAIT_S):
            return False
        try:
            if not self._is_running and self.is_pending:
                self._do()
        finally:
            self._lock.release()
        return True

    def _do(self) -> None:
        self._is_running = True
        try:
            _watch_forks(self)
            if self._resolve is not None:
                self._resolve()
        finally:
            self._resolve = None
            self.is_pending = self._is_running = False

    def pause(self) -> bool:
        """Let no other thread be at it while the process forks; False when one cannot stop."""
        return self._lock.acquire(timeout=_MAX_FORK_WAIT_S)

    def resume(self) -> None:
        """Go on after a `pause` that succeeded."""
        self._lock.release()

    def begin_anew(self) -> None:
        """Be without the lock, in the child of a fork: the thread that has it is not there."""
        self._lock = RLock()
        self._is_running = False


_begun: Final[WeakSet[Resolution]] = WeakSet()
_paused: Final[list[Resolution]] = []
_stuck: Final[list[Resolution]] = []


class _Hooks:
    """Whether this process's forks are watched: from the first search on, never at import."""

    are_set = False


def _watch_forks(resolution: Resolution) -> None:
    if not _Hooks.are_set and hasattr(os, "register_at_fork"):
        _Hooks.are_set = True
        os.register_at_fork(
            before=_pause_all, after_in_parent=_resume_all, after_in_child=_renew_all
        )
    _begun.add(resolution)


def _pause_all() -> None:
    for each in list(_begun):
        if each.is_pending:
            (_paused if each.pause() else _stuck).append(each)


def _resume_all() -> None:
    _stuck.clear()
    while _paused:
        _paused.pop().resume()


def _renew_all() -> None:
    while _stuck:
        _stuck.pop().begin_anew()
    _resume_all()
