"""Threads that find their parent: `threading.Thread` and `ThreadPoolExecutor`, opted in.

What runs in a thread, or as a job of a pool, is recorded in the run and under the span in which the
thread was started or the job was submitted. Only the tracer's own context goes along: the program's
context variables are what they would be without this.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from agenttrace.integrations.patches import Patch
from agenttrace.propagation import Propagated, is_pool_worker, take_spots

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace.recorder import Recorder
    from agenttrace.tracer import Tracer

__all__ = ["instrument", "uninstrument"]


def instrument(tracer: Tracer) -> None:
    """Let threads and pool jobs that start from now on continue this tracer's context."""
    for patch in _PATCHES:
        patch.add(tracer)


def uninstrument(tracer: Tracer) -> None:
    """Undo `instrument`; what has started already goes on as it was."""
    for patch in _PATCHES:
        patch.remove(tracer)


def _find_thread() -> type:
    from threading import Thread  # noqa: PLC0415 -- beside its twin

    return Thread


def _find_pool() -> type:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 -- 10 ms that most never pay

    return ThreadPoolExecutor


def _make_start(original: Callable[..., Any], patch: Patch) -> Callable[..., Any]:
    @wraps(original)
    def start(self: Any) -> Any:
        # A pool's own threads serve whoever comes: each job brings its place along.
        recorders = patch.recorders
        if recorders and not is_pool_worker(self.__dict__.get("_target")):
            bind_run(self, recorders)
        return original(self)

    return start


def bind_run(runner: Any, recorders: tuple[Recorder, ...]) -> None:
    """Let `runner.run()`, called once elsewhere, run at this place; then `run` is what it was."""
    with recorders[0].boundary("propagation"):
        if "run" not in runner.__dict__:
            runner.__dict__["run"] = Propagated(_Runner(runner), take_spots(recorders))


class _Runner:
    """Calls a thread's or process's own `run`, as if it had never been replaced."""

    __slots__ = ("_runner",)

    def __init__(self, runner: Any) -> None:
        self._runner = runner

    def __call__(self) -> Any:
        runner = self._runner
        runner.__dict__.pop("run", None)
        return runner.run()


def make_submit(original: Callable[..., Any], patch: Patch) -> Callable[..., Any]:
    """Return a pool's `submit` whose jobs run at the place where they were submitted."""

    @wraps(original)
    def submit(self: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        recorders = patch.recorders
        if recorders:
            with recorders[0].boundary("propagation"):
                fn = Propagated(fn, take_spots(recorders))
        return original(self, fn, *args, **kwargs)

    return submit


_PATCHES: Final = (
    Patch("start", _find_thread, _make_start),
    Patch("submit", _find_pool, make_submit),
)
