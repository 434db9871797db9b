"""SIGTERM and SIGHUP: what was recorded is brought to safety, then they do what they always did."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Final

from agenttrace.pipeline import lifecycle

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    Previous = Callable[[int, FrameType | None], object] | int | None

FLUSH_S: Final = 2.0
_GRACE_S: Final = 0.2
_NAMES: Final = ("SIGTERM", "SIGHUP")


def install(mode: str) -> None:
    """Handle the signals that end a program: `auto` where nothing else does, `chain`, or `off`.

    `chain` also goes before a handler that the program has set. A signal that is ignored stays so.
    Python takes handlers on the main thread only; on another this does nothing.
    """
    if mode == "off" or threading.current_thread() is not threading.main_thread():
        return
    for name in _NAMES:
        number: signal.Signals | None = getattr(signal, name, None)
        if number is None or number in _handlers:
            continue
        previous = signal.getsignal(number)
        is_ours = previous is signal.SIG_DFL or (mode == "chain" and callable(previous))
        if is_ours:
            handler = _Handler(previous)
            try:
                signal.signal(number, handler)
            except ValueError:  # not the main interpreter
                return
            _handlers[number] = handler
    _Forks.follow()


class _Forks:
    """Holds these signals back during a fork, so that a child gets one sent as it begins.

    CPython forgets in the child which Python handlers are due (`PyOS_AfterFork_Child`): a signal
    that came before that would do nothing, where without a handler it ends the child. A pool's
    idle worker, terminated before it first ran, would be waited for without end.
    """

    _is_followed = False
    _held = threading.local()

    @classmethod
    def follow(cls) -> None:
        can_hold = hasattr(os, "register_at_fork") and hasattr(signal, "pthread_sigmask")
        if _handlers and can_hold and not cls._is_followed:
            cls._is_followed = True
            os.register_at_fork(
                before=cls._hold, after_in_parent=cls._release, after_in_child=cls._release
            )

    @classmethod
    def _hold(cls) -> None:
        cls._held.before = signal.pthread_sigmask(signal.SIG_BLOCK, _handlers)

    @classmethod
    def _release(cls) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, cls._held.before)


class _Handler:
    """Flushes on a thread of its own, since the main thread may hold a lock that a flush needs."""

    def __init__(self, previous: Previous) -> None:
        self._previous = previous
        self._thread: threading.Thread | None = None
        self._is_deferred = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self._thread is None:
            # Interrupted within the queue, the program goes on till it is out of it; then the
            # signal comes again.
            self._is_deferred = lifecycle.is_any_owned()
            self._thread = threading.Thread(
                target=self._flush, args=(number,), name="agenttrace-signal", daemon=True
            )
            try:
                self._thread.start()
            except RuntimeError:  # no thread to be had
                self._is_deferred = False
            if self._is_deferred:
                return
            if self._thread.is_alive():
                self._thread.join(FLUSH_S + _GRACE_S)
        self._thread = None
        self._go_on(number, frame)

    def _flush(self, number: int) -> None:
        try:
            if callable(self._previous):  # the program may have much to say before it ends
                lifecycle.flush_all(timeout_s=FLUSH_S)
            else:
                lifecycle.shut_down_all(timeout_s=FLUSH_S)
        finally:
            if self._is_deferred:
                os.kill(os.getpid(), number)

    def _go_on(self, number: int, frame: FrameType | None) -> None:
        previous = self._previous
        if callable(previous):
            previous(number, frame)
            return
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


_handlers: dict[int, _Handler] = {}
