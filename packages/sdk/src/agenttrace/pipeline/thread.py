"""A thread that is there when there is work, and there again when it died."""

from __future__ import annotations

import threading
from time import sleep
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace.guard import Guard

MAX_RESTART_PAUSE_S: Final = 1.0
_FIRST_RESTART_PAUSE_S: Final = 0.001


class Supervised:
    """Runs `work` on a daemon thread. When `work` raises, `on_death` hears it and a new one begins.

    The first replacement begins at once and each further one that gets nothing done a little later,
    up to a second. `work` returns when there is nothing more to do for good.
    """

    def __init__(
        self,
        name: str,
        *,
        work: Callable[[], None],
        on_death: Callable[[BaseException], bool],
        guard: Guard,
    ) -> None:
        """`on_death` returns whether a new thread is to take over; it must not raise."""
        self._name = name
        self._work = work
        self._on_death = on_death
        self._guard = guard
        self.restarts = 0
        self.reset()

    def reset(self) -> None:
        """Begin anew in the child of a fork: no thread, fresh lock."""
        self._lock = threading.Lock()
        self.thread: threading.Thread | None = None
        self.is_running = False
        self._has_died = False
        self._pause_s = 0.0

    @property
    def is_current(self) -> bool:
        """Whether the caller is on this thread."""
        return threading.current_thread() is self.thread

    def start(self) -> bool:
        """Start the thread unless it runs; False when there is none to be had."""
        with self._lock:
            if not self.is_running:
                self._begin()
            return self.is_running

    def _begin(self) -> None:
        thread = threading.Thread(target=self._run, name=f"agenttrace-{self._name}", daemon=True)
        previous, self.thread = self.thread, thread
        self.is_running = True
        replaces, self._has_died = self._has_died, False
        self.restarts += replaces
        try:
            thread.start()
        except RuntimeError:  # the interpreter is going down, or there are no threads
            self.is_running = False
            self.thread = previous
            self._has_died = replaces
            self.restarts -= replaces
            self._guard.warn("start_worker", "no thread can be started; records wait for the end")

    def work_here(self) -> None:
        """Do the work on the caller's thread: the end of the program, which has no other left."""
        with self._lock:
            if self.is_running:
                return
            self.is_running = True
            self.thread = threading.current_thread()
        self._run()
        self.thread = None

    def note_progress(self) -> None:
        """Take note that the thread got something done: a later death is a new story."""
        self._pause_s = 0.0

    def _run(self) -> None:
        goes_on = False
        try:
            if self._pause_s > _FIRST_RESTART_PAUSE_S:
                sleep(self._pause_s)
            self._work()
        except BaseException as error:  # noqa: BLE001 -- the supervisor: whatever ends the thread is heard
            self._has_died = True
            goes_on = self._on_death(error)
            self._pause_s = min(2 * self._pause_s + _FIRST_RESTART_PAUSE_S, MAX_RESTART_PAUSE_S)
        finally:
            with self._lock:
                if self.thread is threading.current_thread():
                    self.is_running = False
                    if goes_on:
                        self._begin()
