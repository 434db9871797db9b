"""Loaders, named `<what>_by_<key>`: what the items of a list ask for one by one is read at once.

They gather but do not remember: over a WebSocket a context lives for hours, and a span that was
running has ended since.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias, TypeVar

from strawberry.dataloader import DataLoader

from agenttrace_server.records import Event, Page, Payload, Span
from agenttrace_server.services.annotations import AnnotationService
from agenttrace_server.services.runs import RunService, SpanKey
from agenttrace_server.services.search import SearchService, TextQuery, make_snippet

MAX_TEXT_BYTES: Final = 64 * 1024 * 1024
"""Of recorded texts in an answer: one may have 16 MiB, and a page has up to 200 spans."""

PayloadKey: TypeAlias = tuple[str, str, str]
"""Run id, span id (empty for the run's own), kind."""

PartKey: TypeAlias = tuple[SpanKey, int, str | None]
"""Of which span (or run: an empty span id), `first`, `after`."""

K = TypeVar("K")
V = TypeVar("V")


class Loaders:
    """The loaders of one context."""

    def __init__(
        self, runs: RunService, annotations: AnnotationService, search: SearchService
    ) -> None:
        self._runs = runs
        self.run_by_id = _make_loader(runs.get_runs)
        self.span_by_key = _make_loader(runs.get_spans)
        self.payload_by_key = _make_loader(self._get_payloads)
        self.texts_left_bytes = MAX_TEXT_BYTES
        """What this answer may still have of recorded texts."""
        self._texts_turn = asyncio.Lock()
        self.model_usage_by_run = _make_loader(runs.list_model_usage)
        self.forks_by_run = _make_loader(runs.list_forks)
        self.annotations_by_owner = _make_loader(annotations.list_annotations)
        self._texts_by_span = _make_loader(search.get_texts)
        self.events_by_part: DataLoader[PartKey, Page[Event]] = DataLoader(
            self._load_events, cache=False
        )
        self.children_by_part: DataLoader[PartKey, Page[Span]] = DataLoader(
            self._load_children, cache=False
        )

    def begin_answer(self) -> None:
        """Take note that another answer begins: each event of a subscription is one."""
        self.texts_left_bytes = MAX_TEXT_BYTES

    async def load_snippet(self, span: Span, query: TextQuery) -> str | None:
        """Return the part of a span's texts that was searched for."""
        texts = await self._texts_by_span.load((span.run_id, span.span_id))
        return make_snippet(texts or (), query)

    async def _get_payloads(self, keys: list[PayloadKey]) -> dict[PayloadKey, Payload]:
        async with self._texts_turn:  # one after the other: each must know what is left
            found = await self._runs.get_payloads(keys, limit_bytes=self.texts_left_bytes)
            self.texts_left_bytes -= sum(payload.size_bytes for payload in found.values())
        return found

    async def _load_events(self, parts: list[PartKey]) -> list[Page[Event]]:
        return await _load_parts(parts, self._runs.list_events)

    async def _load_children(self, parts: list[PartKey]) -> list[Page[Span]]:
        return await _load_parts(parts, self._runs.list_children)


def _make_loader(read: Callable[[list[K]], Awaitable[dict[K, V]]]) -> DataLoader[K, V | None]:
    async def load(keys: list[K]) -> list[V | None]:
        found = await read(list(dict.fromkeys(keys)))
        return [found.get(key) for key in keys]

    return DataLoader(load, cache=False)


async def _load_parts(
    parts: list[PartKey], read: Callable[..., Awaitable[dict[SpanKey, V]]]
) -> list[V]:
    """Read the parts, in one go for each distinct pair of `first` and `after`."""
    owners: dict[tuple[int, str | None], list[SpanKey]] = defaultdict(list)
    for owner, first, after in parts:
        owners[first, after].append(owner)
    found: dict[PartKey, V] = {}
    for (first, after), wanted in owners.items():
        pages = await read(list(dict.fromkeys(wanted)), first=first, after=after)
        found.update({(owner, first, after): page for owner, page in pages.items()})
    return [found[part] for part in parts]
