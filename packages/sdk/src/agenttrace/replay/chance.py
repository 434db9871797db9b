"""Chance held still: what `random`, numpy and `uuid` draw, from a seed that a run keeps.

Each lane (task or thread) draws from a source of its own, so that which of several draws first
makes no difference to any of them.
"""

from __future__ import annotations

import os
import random
import sys
import uuid
from contextlib import ExitStack
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from agenttrace.context import Lane

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agenttrace.recorder import Recorder

SEED_BITS: Final = 32  # as many as numpy takes

_SHARED: Final[Any] = vars(random)["_inst"]
"""What the functions of `random` draw from. Those in Python ask it for each draw."""
_OWN: Final = ("random", "getrandbits", "seed", "getstate", "setstate")
"""Functions of `random` that have its state in C: put in their place are those of the lane."""


class Chance:
    """The sources of all lanes. While it holds, functions of the modules draw from them.

    What a program took out of the modules before, as by `from random import random`, draws from
    one source for all lanes where it is written in C; as `from random import choice`, from the
    lane's.
    """

    def __init__(self, recorders: list[Recorder]) -> None:
        self._recorders = recorders
        self._seeds: dict[str, int] = {}
        self._last = ""  # the run that began last: also for what draws outside of all
        self._sources: dict[tuple[str, int], random.Random] = {}
        self._ids: dict[tuple[str, int], random.Random] = {}
        self._arrays: dict[tuple[str, int], Any] = {}
        self._blocks = ExitStack()
        self._shared_arrays: Any = None
        self._draws = False

    def begin(self, run_id: str, seed: int) -> None:
        """Begin a run that draws by this seed."""
        self._seeds[run_id] = seed
        self._last = run_id
        if self._draws:
            random.Random.seed(_SHARED, seed)
            self._hold_numpy()
            if self._shared_arrays is not None:
                self._shared_arrays.seed(seed)

    # What is put in the place of what

    def hold_random(self) -> None:
        """Let `random` and numpy draw by lane, until `let_go`."""
        self._draws = True
        before = random.getstate()
        self._blocks.callback(random.setstate, before)
        self._replace(random, {name: self._make_call(name) for name in _OWN})
        own = type(_SHARED)
        _SHARED.__class__ = _make_class(self.find_source)
        self._blocks.callback(setattr, _SHARED, "__class__", own)
        self._hold_numpy()

    def hold_ids(self) -> None:
        """Let `uuid` draw by lane, until `let_go`."""
        self._replace(uuid, {"os": _Os(self._draw_bytes)})

    def let_go(self) -> None:
        """Put everything back as it was."""
        self._blocks.close()
        self._draws = False
        self._shared_arrays = None

    def _hold_numpy(self) -> None:
        if self._shared_arrays is not None or "numpy" not in sys.modules:
            return
        numpy = import_module("numpy.random")  # numpy itself does so when it is asked for first
        shared = self._shared_arrays = numpy.random_sample.__self__
        self._blocks.callback(shared.set_state, shared.get_state())
        names = [n for n, value in vars(numpy).items() if getattr(value, "__self__", 0) is shared]
        self._replace(numpy, {name: self._make_array_call(name) for name in names})

    def _replace(self, module: Any, names: dict[str, object]) -> None:
        for name, value in names.items():
            self._blocks.callback(setattr, module, name, getattr(module, name))
            setattr(module, name, value)

    def _make_call(self, name: str) -> Callable[..., Any]:
        def draw(*args: Any, **kwargs: Any) -> Any:
            return getattr(self.find_source(), name)(*args, **kwargs)

        return draw

    def _make_array_call(self, name: str) -> Callable[..., Any]:
        def draw(*args: Any, **kwargs: Any) -> Any:
            return getattr(self._find_arrays(), name)(*args, **kwargs)

        return draw

    # Sources by lane

    def find_source(self) -> random.Random:
        """Return what this lane draws numbers from."""
        return self._find(self._sources)

    def _draw_bytes(self, count: int) -> bytes:
        return self._find(self._ids).randbytes(count)

    def _find(self, sources: dict[tuple[str, int], random.Random]) -> random.Random:
        key = find_lane(self._recorders) or (self._last, 0)
        found = sources.get(key)
        if found is None:
            seed = self._seeds.get(key[0], 0) ^ key[1] << SEED_BITS
            found = sources.setdefault(key, random.Random(seed))  # noqa: S311 -- to repeat
        return found

    def _find_arrays(self) -> Any:
        key = find_lane(self._recorders) or (self._last, 0)
        found = self._arrays.get(key)
        if found is None:
            seed, lane = self._seeds.get(key[0], 0), key[1]
            state = sys.modules["numpy.random"].RandomState([seed, lane] if lane else seed)
            found = self._arrays.setdefault(key, state)
        return found


def find_lane(recorders: Sequence[Recorder]) -> tuple[str, int] | None:
    """Return the run and lane that this thread or task is in; None outside of all runs.

    One that has started no span yet comes to its lane here.
    """
    for recorder in recorders:
        node = recorder.node.get()
        if node is None:
            continue
        run, lane = node.run, recorder.lane.get()
        if lane is None or lane.run is not run or not lane.is_current():
            lane = Lane(run, next(run.lanes))
            recorder.lane.set(lane)
        return run.run_id, lane.lane_id
    return None


def _make_class(find_source: Callable[[], Any]) -> type[random.Random]:
    """Return the class of a source that draws from those of the lanes."""

    class LaneRandom(random.Random):
        """Asks the lane's source for each draw."""

        def random(self) -> float:
            return float(find_source().random())

        def getrandbits(self, k: int, /) -> int:
            return int(find_source().getrandbits(k))

        @property
        def gauss_next(self) -> Any:  # what `gauss` has left over of a pair
            return find_source().gauss_next

        @gauss_next.setter
        def gauss_next(self, value: Any) -> None:
            find_source().gauss_next = value

    return LaneRandom


class _Os:
    """The module `os` to `uuid`: with random bytes of ours."""

    def __init__(self, urandom: Callable[[int], bytes]) -> None:
        self.urandom = urandom

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)
