"""Context propagation: a function that runs elsewhere, in the run and under the span of its making.

On another thread that is the very run. In another process a run of the same id goes on there, which
counts in a range of its own and whose end stays with the process that began it.
"""

from __future__ import annotations

import os
from itertools import count
from sys import modules
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import WeakSet

from agenttrace.context import Place
from agenttrace.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextvars import Token

    from agenttrace.context import Lane
    from agenttrace.recorder import Node, Recorder

_recorders: Final[WeakSet[Recorder]] = WeakSet()
_numbers: Final = count()
_MAX_JOINED_RUNS: Final = 1024


def register(recorder: Recorder) -> tuple[str, int]:
    """Make a recorder known to functions that come from other processes; return key and number.

    A fork has its parent's recorders, and finds them by their keys. A process that was started anew
    imports the program's modules again, and has a recorder of the same number there.
    """
    _recorders.add(recorder)
    return os.urandom(8).hex(), next(_numbers)


class Origin(NamedTuple):
    """Where a function was bound, as another process is told. `span_id` 0 is the run's top."""

    key: str
    number: int
    run_id: str | None = None  # outside of a run
    name: str = ""
    correlation_id: str | None = None
    span_id: int = 0
    seq: int = 0
    recording: bool = False


Spot = tuple["Recorder", "Node | None"]


class Propagated:
    """A callable that calls `function` where it was bound. Can be pickled if the function can."""

    __slots__ = ("__weakref__", "_function", "_spots")

    def __init__(self, function: Callable[..., Any], spots: tuple[Spot, ...]) -> None:
        self._function = function
        self._spots = spots

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function in its context; the context here is what it was afterwards."""
        tokens = [_enter(*spot) for spot in self._spots]
        try:
            return self._function(*args, **kwargs)
        finally:
            for (recorder, _), entered in zip(self._spots, tokens, strict=True):
                _leave(recorder, entered)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return restore, (self._function, [describe(*spot) for spot in self._spots])

    def __repr__(self) -> str:
        return f"<propagated {self._function!r}>"


def take_spots(recorders: Iterable[Recorder]) -> tuple[Spot, ...]:
    """Return where each of these recorders is in the current context."""
    return tuple((recorder, recorder.node.get()) for recorder in recorders)


def _enter(
    recorder: Recorder, node: Node | None
) -> tuple[Token[Node | None], Token[Lane | None]] | None:
    with recorder.boundary("propagation"):
        return recorder.node.set(node), recorder.lane.set(None)
    return None


def _leave(
    recorder: Recorder, entered: tuple[Token[Node | None], Token[Lane | None]] | None
) -> None:
    with recorder.boundary("propagation"):
        if entered is not None:
            recorder.node.reset(entered[0])
            recorder.lane.reset(entered[1])


def describe(recorder: Recorder, node: Node | None) -> Origin | None:
    """Return what another process is told of a node, and be it that there is none."""
    with recorder.boundary("propagation"):
        key, number = recorder.key, recorder.number
        if node is None:
            return Origin(key, number)
        run = node.run
        return Origin(
            key,
            number,
            run_id=run.run_id,
            name=run.name,
            correlation_id=run.correlation_id,
            span_id=0 if node is run else node.id,  # type: ignore[union-attr]  # a node is its run or has an id
            seq=next(run.seqs),
            recording=run.recording,
        )
    return None


def restore(function: Callable[..., Any], origins: list[Origin | None]) -> Callable[..., Any]:
    """Return `function`, bound in this process to where it was bound in the other."""
    spots: list[Spot] = []
    for origin in origins:
        recorder = None if origin is None else _find_recorder(origin)
        if origin is not None and recorder is not None:
            with recorder.boundary("propagation"):
                spots.append((recorder, _find_place(recorder, origin)))
    return Propagated(function, tuple(spots))


def _find_recorder(origin: Origin) -> Recorder | None:
    known = list(_recorders)
    for recorder in known:
        if recorder.key == origin.key:
            return recorder
    for recorder in known:
        if recorder.number == origin.number:
            return recorder
    return known[0] if len(known) == 1 else None


def _find_place(recorder: Recorder, origin: Origin) -> Place | None:
    if origin.run_id is None:  # here it is in none either, also not in one inherited by a fork
        return None
    known = recorder.joined_runs.get(origin.run_id)
    if known is None:  # a fork may have the very run
        known = next((r for r in list(recorder.open_runs) if r.run_id == origin.run_id), None)
    run = _join(recorder, origin, origin.run_id) if known is None else known
    return Place(run, origin.span_id)


def _join(recorder: Recorder, origin: Origin, run_id: str) -> Run:
    is_recording = origin.recording and recorder.is_recording()
    run = Run(recorder, origin.name, run_id, recording=is_recording)
    run.correlation_id = origin.correlation_id
    run.owns_end = False
    run.count_apart(os.getpid(), origin.seq)
    # Kept for as long as may be: were it made anew, its counters would begin again.
    if len(recorder.joined_runs) >= _MAX_JOINED_RUNS:
        del recorder.joined_runs[next(iter(recorder.joined_runs))]
    recorder.joined_runs[run_id] = run
    recorder.open_runs.add(run)
    return run


def is_pool_worker(target: object) -> bool:
    """Tell whether this is what a pool's own threads or processes run: they serve every caller."""
    for module, name in _POOL_WORKERS:
        if target is not None and target is getattr(modules.get(module), name, None):
            return True
    return False


_POOL_WORKERS: Final = (
    ("concurrent.futures.thread", "_worker"),
    ("concurrent.futures.process", "_process_worker"),
    ("multiprocessing.pool", "worker"),
)
