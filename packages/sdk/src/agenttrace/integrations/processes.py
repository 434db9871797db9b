"""Processes that find their parent: `multiprocessing.Process` and `ProcessPoolExecutor`, opted in.

For fork, spawn and forkserver. The tracer of the other process continues the run in which the
process was started or the job was submitted: same run id, the submitting span as parent, `seq` and
`lane` in a range of its own. A process that is started anew imports the program's modules again; it
records if they make the tracer and its exporter at import, in the same order as here.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from agenttrace.integrations.patches import Patch
from agenttrace.integrations.threads import bind_run, make_submit
from agenttrace.propagation import is_pool_worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace.tracer import Tracer

__all__ = ["instrument", "uninstrument"]


def instrument(tracer: Tracer) -> None:
    """Let processes and pool jobs that start from now on continue this tracer's runs."""
    for patch in _PATCHES:
        patch.add(tracer)


def uninstrument(tracer: Tracer) -> None:
    """Undo `instrument`; what has started already goes on as it was."""
    for patch in _PATCHES:
        patch.remove(tracer)


def _find_process() -> type:
    from multiprocessing.process import BaseProcess  # noqa: PLC0415 -- most programs never need it

    return BaseProcess


def _find_pool() -> type:
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415 -- as above

    return ProcessPoolExecutor


def _make_start(original: Callable[..., Any], patch: Patch) -> Callable[..., Any]:
    @wraps(original)
    def start(self: Any) -> Any:
        recorders = patch.recorders
        is_bound = bool(recorders) and not is_pool_worker(self.__dict__.get("_target"))
        if is_bound:
            bind_run(self, recorders)
        try:
            return original(self)
        finally:
            if is_bound:  # it was meant for the child, which has its own copy by now
                self.__dict__.pop("run", None)

    return start


_PATCHES: Final = (
    Patch("start", _find_process, _make_start),
    Patch("submit", _find_pool, make_submit),
)
