"""Several processes that share the sockets and one PostgreSQL, and the one that minds them.

The parent binds the sockets, starts the workers, starts another one for each that dies, and ends
them all when it is told to. It serves nothing itself. A worker whose parent is gone ends, too.
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Final

from agenttrace_server.app import create_app
from agenttrace_server.errors import StartError
from agenttrace_server.local_token import LocalToken
from agenttrace_server.logs import configure_logs
from agenttrace_server.metrics import SHARED_FOLDER, forget_process
from agenttrace_server.serving import ENDED_AT_ONCE, STOP_TIMEOUT_S, GracefulServer

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.context import SpawnProcess
    from types import FrameType

    from agenttrace_server.app import Application
    from agenttrace_server.settings import Settings

# A batch of 1,000 spans makes some 20,000 objects that live for milliseconds: with Python's
# defaults a third of the time went into looking for garbage among them.
GC_THRESHOLDS: Final = (50_000, 50, 100)
SWITCH_INTERVAL_S: Final = 0.0005
"""After this a thread that works makes way for one that waits. With Python's 5 ms, a store that is
written or read beside requests waited so long at each of its statements."""
RESTART_S: Final = 1.0
"""A worker is not started more often than this in its place, however fast it dies."""
_GRACE_S: Final = 5
_STARTED: Final = ""
"""What a worker says once it listens; before that, why it cannot start."""
_AT_ONCE: Final = "at once"
"""What a worker is told at the second signal. Only that makes it cut what is under way: it gets the
first one twice where a service manager signals the whole group, as systemd does."""

_log = logging.getLogger(__name__)


def run_server(
    settings: Settings, bound: Sequence[socket.socket], *, on_start: Callable[[Application], None]
) -> None:
    """Serve on the sockets, in this process, until a signal comes.

    Raises:
        StartError: the store cannot be opened.

    """
    _make_server(settings, bound, on_start).run(sockets=list(bound))


def _make_server(
    settings: Settings,
    bound: Sequence[socket.socket],
    on_start: Callable[[Application], None],
    *,
    is_patient: bool = False,
) -> GracefulServer:
    # What is loaded now stays: collecting garbage in between costs a tenth of the start, and
    # looking through it again for ever costs pauses later.
    gc.disable()
    # Whoever bound the sockets has made the token.
    token = LocalToken.load(int(bound[0].getsockname()[1])) if settings.local_token else None
    application = create_app(settings, local_token=token)
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    gc.enable()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    return GracefulServer(
        application, on_start=lambda: on_start(application), is_patient=is_patient
    )


class Workers:
    """The workers of the sockets. `on_start` is called once, when all of them listen."""

    def __init__(
        self, settings: Settings, bound: Sequence[socket.socket], *, on_start: Callable[[], None]
    ) -> None:
        self._settings = settings
        self._bound = bound
        self._on_start = on_start
        self._context = multiprocessing.get_context("spawn")
        # Nothing is ever sent: it ends when this process does, however that happens.
        self._lifeline, self._held = self._context.Pipe(duplex=False)
        self._running: dict[SpawnProcess, Connection] = {}
        self._stopping = threading.Event()
        self._is_urgent = False
        """Whether a second signal has come."""

    def run(self) -> None:
        """Serve until a signal comes.

        Raises:
            StartError: the workers cannot start.

        """
        with _share_figures(), _hear_signals(self._stop) as woken:
            try:
                self._start(self._settings.workers)
                if self._wait_for_all(woken):
                    self._on_start()
                    self._mind(woken)
            finally:
                self._end_all()

    def _start(self, count: int) -> None:
        """Start so many workers, unless a signal comes."""
        for _ in range(count):
            if not self._stopping.is_set():
                self._start_one()

    def _start_one(self) -> None:
        here, there = self._context.Pipe()
        process = self._context.Process(
            target=_work,
            args=(self._settings, self._bound, there, self._lifeline),
            name="agenttrace-worker",
        )
        process.start()
        there.close()
        self._running[process] = here
        if self._stopping.is_set():  # the signal came before there was anybody to pass it on to
            _end(process)

    def _wait_for_all(self, woken: int) -> bool:
        """Return whether all have started; not, when a signal came first."""
        silent = set(self._running.values())
        while silent and not self._stopping.is_set():
            for ready in wait([*silent, woken]):
                # Whoever is told to end while it starts says nothing: that is no failure.
                if isinstance(ready, Connection) and not self._stopping.is_set():
                    silent.discard(ready)
                    _check_start(ready)
        return not self._stopping.is_set()

    def _mind(self, woken: int) -> None:
        """Replace workers that die, until a signal comes."""
        while not self._stopping.is_set():
            wait([*(process.sentinel for process in self._running), woken])
            dead = [process for process in self._running if not process.is_alive()]
            if self._stopping.is_set():
                return
            for process in dead:
                _log.error(
                    "worker %s ended (%s); another one starts",
                    process.pid,
                    _read_problem(self._running[process]) or f"code {process.exitcode}",
                )
                self._forget(process)
            wait([woken], RESTART_S)
            self._start(len(dead))

    def _stop(self) -> None:
        """End the workers; at the second call without waiting for what is under way."""
        is_again = self._is_urgent = self._stopping.is_set()
        self._stopping.set()
        for process, status in list(self._running.items()):
            if is_again:
                with suppress(OSError):  # it has ended
                    status.send(_AT_ONCE)
            else:
                _end(process)

    def _end_all(self) -> None:
        """End the workers; kill those that take longer than they may."""
        if not self._stopping.is_set():
            self._stop()
        # The last copies: once the workers have closed theirs, who connects anew is refused at
        # once, and does not wait for a server that will not come.
        for each in self._bound:
            each.close()
        deadline = time.monotonic() + STOP_TIMEOUT_S + _GRACE_S
        for process in list(self._running):
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                _log.error("worker %s did not stop; it is killed", process.pid)
                process.kill()
                process.join()
            self._forget(process)
        self._held.close()
        self._lifeline.close()
        if self._is_urgent:
            _log.warning(ENDED_AT_ONCE)

    def _forget(self, process: SpawnProcess) -> None:
        self._running.pop(process).close()
        if process.pid is not None:
            forget_process(process.pid)
        process.close()


def _end(process: SpawnProcess) -> None:
    if process.pid is not None and process.is_alive():
        with suppress(ProcessLookupError):  # it ended by itself, a moment ago
            os.kill(process.pid, signal.SIGTERM)


def _check_start(status: Connection) -> None:
    try:
        problem = status.recv()
    except EOFError:
        raise StartError("a worker ended while it started; the log says why") from None
    if problem != _STARTED:
        raise StartError(problem)


def _read_problem(status: Connection) -> str:
    """Return why a worker that is dead could not start; nothing, if it could."""
    try:
        return str(status.recv()) if status.poll() else ""
    except EOFError:
        return ""


@contextmanager
def _share_figures() -> Iterator[None]:
    """Give the workers that are started within a folder for the figures that they add up."""
    with tempfile.TemporaryDirectory(prefix="agenttrace-metrics-") as folder:
        os.environ[SHARED_FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[SHARED_FOLDER]


@contextmanager
def _hear_signals(stop: Callable[[], None]) -> Iterator[int]:
    """Call `stop` at each signal to end, and make the file that is given readable."""
    reader, writer = os.pipe()

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop()
        os.write(writer, b"!")

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield reader
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reader)
        os.close(writer)


def _work(
    settings: Settings, bound: Sequence[socket.socket], status: Connection, lifeline: Connection
) -> None:
    """Be a worker."""
    configure_logs(level=settings.chosen_log_level, is_json=settings.logs_json)
    os.setpgrp()  # a terminal's Ctrl+C goes to the parent, which ends the workers in order
    try:
        server = _make_server(settings, bound, lambda _: status.send(_STARTED), is_patient=True)
    except StartError as error:
        status.send(str(error))
        return

    threading.Thread(
        target=_watch_parent, args=(server, status, lifeline), name="agenttrace-parent", daemon=True
    ).start()
    server.run(sockets=list(bound))


def _watch_parent(server: GracefulServer, status: Connection, lifeline: Connection) -> None:
    """End the server when its parent has ended, or at once when it says so."""
    if status in wait([status, lifeline]):
        with suppress(EOFError):  # the parent has ended, too
            server.force_exit = status.recv() == _AT_ONCE
    server.should_exit = True
