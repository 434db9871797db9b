"""Random trees of tasks, threads, pools and streams: each span is to be under its maker.

    python packages/sdk/tests/task_trees.py --trees 100000 --seed 1

Each tree is grown from a seed. Its nodes are spans; a node runs its children inline, in tasks (of a
TaskGroup, gathered, under a timeout), in threads, as jobs of pools, as streams that are consumed,
left early, closed from another task or forgotten, and cancels some at a random await. Each node is
given its parent's number by the program itself: that is the oracle.
"""

from __future__ import annotations

import argparse
import asyncio
import contextvars
import gc
import random
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from agenttrace import Tracer
from agenttrace.integrations import threads
from agenttrace.plugins import Exporter, ExportResult, Record
from agenttrace.settings import Settings
from agenttrace.wrappers import trace_llm, trace_tool

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator, Sequence

MAX_NODES: Final = 14
MAX_DEPTH: Final = 4


class Ledger(Exporter):
    """Compares each span with what the program says of it, and keeps nothing else."""

    def __init__(self) -> None:
        self.expected: dict[str, str] = {}  # a span's name, and its parent's; "" is the run
        self.started: dict[str, dict[str, Any]] = {}
        self.names: dict[str, str] = {}
        self.ended: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()

    def export(self, records: Sequence[Record]) -> ExportResult:
        """Take note of starts and ends."""
        for record in records:
            if record["type"] == "span":
                span: dict[str, Any] = dict(record)
                # A start whose end is there already may be left out: the end says it all.
                self.started.setdefault(span["name"], span)
                self.names[span["span_id"]] = span["name"]
                if span["status"] != "STARTED":
                    self.ended[span["name"]] += 1
                    self.statuses[span["status"]] += 1
        return ExportResult.DELIVERED

    def settle(self) -> tuple[int, list[str]]:
        """Return how many spans there were and what is wrong with them, and begin anew."""
        faults = []
        for name, span in self.started.items():
            parent = self.names.get(span.get("parent_span_id", ""), "")
            if self.expected.get(name) != parent:
                faults.append(f"{name} is under {parent!r}, not {self.expected.get(name)!r}")
            if self.ended[name] != 1:
                faults.append(f"{name} ended {self.ended[name]} times")
        count = len(self.started)
        for kept in (self.started, self.names, self.ended, self.expected):
            kept.clear()
        return count, faults


class Words:
    """A stream object whose items are made within its span."""

    def __init__(self, make: Callable[[], Iterator[int]]) -> None:
        self._iterator = make()

    def __iter__(self) -> Words:
        return self

    def __next__(self) -> int:
        return next(self._iterator)


class Tree:
    """One tree, grown from its seed."""

    def __init__(self, forest: Forest, seed: int) -> None:
        self._forest = forest
        self._seed = seed
        self._chance = random.Random(seed)
        self._count = 0
        self._lock = threading.Lock()

    def _name(self, parent: str) -> str | None:
        """Return the name of a new node under this one; None when the tree is full."""
        with self._lock:
            if self._count >= MAX_NODES:
                return None
            self._count += 1
            name = f"t{self._seed}n{self._count}"
            self._forest.ledger.expected[name] = parent
            return name

    def _pick(self, options: Sequence[Any]) -> Any:
        with self._lock:
            return self._chance.choice(options)

    async def grow(self) -> None:
        """Run it."""
        async with self._forest.tracer.run(f"t{self._seed}"):
            await self._node("", MAX_DEPTH)

    async def _node(self, parent: str, depth: int) -> None:
        name = self._name(parent)
        if name is None:
            return
        kind = self._pick((self._as_span, self._as_coroutine, self._as_returned))
        await kind(name, depth)

    async def _as_span(self, name: str, depth: int) -> None:
        async with self._forest.tracer.span(name):
            await self._children(name, depth)

    async def _as_coroutine(self, name: str, depth: int) -> None:
        await trace_tool(self._forest.tracer, name=name)(self._children)(name, depth)

    async def _as_returned(self, name: str, depth: int) -> None:
        def call() -> Awaitable[None]:
            return self._children(name, depth)

        await trace_tool(self._forest.tracer, name=name)(call)()

    async def _children(self, name: str, depth: int) -> None:
        await asyncio.sleep(0)
        if depth == 0:
            return
        for _ in range(self._pick((1, 2, 3))):
            await self._pick(_WAYS)(self, name, depth - 1)

    # Ways to run children

    async def _inline(self, parent: str, depth: int) -> None:
        await self._node(parent, depth)

    async def _gathered(self, parent: str, depth: int) -> None:
        nodes = [self._node(parent, depth) for _ in range(self._pick((1, 2)))]
        await asyncio.gather(*nodes, return_exceptions=True)

    async def _grouped(self, parent: str, depth: int) -> None:
        with suppress(ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                group.create_task(self._node(parent, depth))
                group.create_task(self._node(parent, depth))
                if self._pick((True, False)):
                    group.create_task(self._failing())

    async def _failing(self) -> None:
        await asyncio.sleep(0)
        raise ValueError

    async def _cancelled(self, parent: str, depth: int) -> None:
        task = asyncio.create_task(self._node(parent, depth))
        for _ in range(self._pick((0, 1, 2, 3))):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _timed_out(self, parent: str, depth: int) -> None:
        with suppress(TimeoutError):
            if self._pick((True, False)):
                async with asyncio.timeout(0):
                    await self._node(parent, depth)
            else:
                await asyncio.wait_for(self._node(parent, depth), 0.0001)

    async def _in_thread(self, parent: str, _depth: int) -> None:
        await asyncio.to_thread(self._leaf, parent)

    async def _in_pool(self, parent: str, _depth: int) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._forest.pool, self._leaf, parent)

    async def _carried(self, parent: str, _depth: int) -> None:
        carried = self._forest.tracer.propagate(self._leaf)
        await asyncio.wrap_future(
            contextvars.Context().run(self._forest.bare.submit, carried, parent)
        )

    async def _in_copy(self, parent: str, _depth: int) -> None:
        contextvars.copy_context().run(self._leaf, parent)

    async def _streamed(self, parent: str, _depth: int) -> None:
        self._stream(parent)

    async def _async_streamed(self, parent: str, depth: int) -> None:
        name = self._name(parent)
        if name is None:
            return
        stream = self._pick((self._make_async, self._make_returned_async))(name, depth)
        limit = self._pick((0, 1, 9))
        async for _ in stream:
            limit -= 1
            if limit < 0:
                break
        end = self._pick(("here", "elsewhere", "forget"))
        if end == "here":
            await stream.aclose()
        elif end == "elsewhere":
            await asyncio.create_task(_close(stream))

    # Streams and leaves

    def _make_async(self, name: str, depth: int) -> AsyncGenerator[int, None]:
        return trace_llm(self._forest.tracer, name=name)(self._chunks_async)(name, depth)

    def _make_returned_async(self, name: str, depth: int) -> AsyncGenerator[int, None]:
        def call() -> AsyncGenerator[int, None]:
            return self._chunks_async(name, depth)

        return trace_llm(self._forest.tracer, name=name)(call)()

    async def _chunks_async(self, name: str, depth: int) -> AsyncGenerator[int, None]:
        try:
            yield 1
            await self._node(name, min(depth, 1))
            yield 2
        finally:
            self._leaf(name)

    def _leaf(self, parent: str) -> None:
        name = self._name(parent)
        if name is None:
            return
        with self._forest.tracer.span(name):
            if self._pick((True, False)):
                self._stream(name)

    def _stream(self, parent: str) -> None:
        name = self._name(parent)
        if name is None:
            return

        def chunks() -> Generator[int, None, None]:
            yield 1
            self._leaf(name)
            yield 2

        function: Any = chunks  # its __call__ is known to Python, not to the type checker
        makers: tuple[Callable[[], Any], ...] = (chunks, function.__call__, lambda: Words(chunks))
        make = self._pick(makers)
        stream = trace_llm(self._forest.tracer, name=name)(make)()
        limit = self._pick((0, 1, 9))
        for _ in stream:
            limit -= 1
            self._inside_consumer(parent)
            if limit < 0:
                break

    def _inside_consumer(self, parent: str) -> None:
        name = self._name(parent)
        if name is not None:
            with self._forest.tracer.span(name):
                pass


async def _close(stream: AsyncGenerator[int, None]) -> None:
    await stream.aclose()


_WAYS: Final = (
    Tree._inline,
    Tree._gathered,
    Tree._grouped,
    Tree._cancelled,
    Tree._timed_out,
    Tree._in_thread,
    Tree._in_pool,
    Tree._carried,
    Tree._in_copy,
    Tree._streamed,
    Tree._async_streamed,
)


class Forest:
    """Many trees under one tracer."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.tracer = Tracer(
            exporter=self.ledger,
            settings=Settings(queue_max_records=1_000_000, queue_max_bytes=2**31),
            resource={},
        )
        self.pool = ThreadPoolExecutor(2)
        self.bare = ThreadPoolExecutor(1)

    def grow(self, seeds: range) -> tuple[int, list[str]]:
        """Grow a tree of each seed, several at once, and return spans and faults."""
        threads.instrument(self.tracer)
        try:
            asyncio.run(self._grow(seeds))
        finally:
            threads.uninstrument(self.tracer)
        gc.collect()
        assert self.tracer.flush(timeout_s=120)
        return self.ledger.settle()

    async def _grow(self, seeds: range) -> None:
        gate = asyncio.Semaphore(8)

        async def grow(seed: int) -> None:
            async with gate:
                await Tree(self, seed).grow()

        await asyncio.gather(*(grow(seed) for seed in seeds))

    def stop(self) -> dict[str, int]:
        """End it and return what went wrong inside."""
        self.pool.shutdown()
        self.bare.shutdown()
        self.tracer.shutdown(timeout_s=10)
        return dict(self.tracer.stats().errors)


def grow_forest(trees: int, seed: int, *, batch: int = 500) -> tuple[int, list[str], Forest]:
    """Grow so many trees from consecutive seeds; return spans, faults and the forest."""
    forest = Forest()
    spans, faults = 0, []
    for start in range(seed, seed + trees, batch):
        count, found = forest.grow(range(start, min(start + batch, seed + trees)))
        spans += count
        faults += found
    return spans, faults, forest


def main() -> None:
    """Grow as many trees as the command line says, and print what there was."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trees", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    began = time.perf_counter()
    spans, faults, forest = grow_forest(arguments.trees, arguments.seed)
    errors = forest.stop()
    took = time.perf_counter() - began
    sys.stdout.write(
        f"{arguments.trees} trees, {spans} spans, {len(faults)} faults, {took:.0f} s; "
        f"{dict(forest.ledger.statuses)}; errors inside: {errors}\n"
    )
    for fault in faults[:10]:
        sys.stdout.write(f"  {fault}\n")
    sys.exit(bool(faults or errors))


if __name__ == "__main__":
    main()
