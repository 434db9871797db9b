"""Loaders, named `<what>_by_<key>`: what the items of a list ask for one by one is read at once.

They gather but do not remember: over a WebSocket a context lives for hours, and a span that was
running has ended since.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, TypeAlias, TypeVar

from strawberry.dataloader import DataLoader

from agenttrace_server.errors import InvalidArgumentError
from agenttrace_server.records import Annotation, Event, Page, PayloadHead, Run, Span
from agenttrace_server.services.access import AccessService
from agenttrace_server.services.annotations import AnnotationService
from agenttrace_server.services.runs import RunService, SpanKey
from agenttrace_server.services.search import SearchService, TextQuery, make_snippet
from agenttrace_server.services.usage import UsageService

MAX_TEXT_BYTES: Final = 64 * 1024 * 1024
"""Of recorded texts in an answer: one may have 16 MiB, and a page has up to 200 spans."""

MAX_REPLAYS: Final = 4
"""Runs of an answer whose steps are read: all spans of each."""

MAX_COMPARISONS: Final = 4
"""Of runs or groups of runs in an answer: each may take seconds, and two are made at a time."""

PayloadKey: TypeAlias = tuple[str, str, str]
"""Run id, span id (empty for the run's own), kind."""

PartKey: TypeAlias = tuple[SpanKey, int, str | None]
"""Of which span (or run: an empty span id), `first`, `after`."""

K = TypeVar("K")
V = TypeVar("V")


class Loaders:
    """The loaders of one context."""

    def __init__(  # noqa: PLR0913, PLR0917 -- a service for each kind of thing, and whose
        self,
        runs: RunService,
        annotations: AnnotationService,
        search: SearchService,
        usage: UsageService,
        access: AccessService,
        project_id: str,
    ) -> None:
        self._runs = runs
        self._keep_own = partial(access.keep_own, project_id)
        self._annotations = annotations
        self.run_by_id = _make_loader(self._get_runs)
        self.span_by_key = _make_loader(self._get_spans)
        self.head_by_key = _make_loader(runs.get_heads)
        self.body_by_key = _make_loader(runs.get_body_heads)
        self.texts_left_bytes = MAX_TEXT_BYTES
        """What this answer may still have of recorded texts."""
        self.replays_left = MAX_REPLAYS
        self.comparisons_left = MAX_COMPARISONS
        self._text_by_head: DataLoader[PayloadHead, str] = DataLoader(self._load_texts, cache=False)
        self._beginning_by_head: DataLoader[tuple[PayloadHead, int], str] = DataLoader(
            self._load_beginnings, cache=False
        )
        self.model_usage_by_run = _make_loader(runs.list_model_usage)
        self.forks_by_run = _make_loader(partial(runs.list_forks, project_id))
        self.billed_by_run = _make_loader(usage.get_billed)
        self.billed_by_correlation = _make_loader(partial(usage.get_billed_workflows, project_id))
        self.workflow_by_correlation = _make_loader(partial(usage.get_workflows, project_id))
        self.model_usage_by_correlation = _make_loader(
            partial(usage.list_workflow_usage, project_id)
        )
        self.annotations_by_owner = _make_loader(self._get_annotations)
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
        self.replays_left = MAX_REPLAYS
        self.comparisons_left = MAX_COMPARISONS

    def take_comparison(self) -> None:
        """Take note of a comparison that is asked for, before it is made.

        Raises:
            InvalidArgumentError: the answer would have too many.

        """
        if not self.comparisons_left:
            raise InvalidArgumentError(
                f"an answer has at most {MAX_COMPARISONS} comparisons; ask for fewer at once"
            )
        self.comparisons_left -= 1

    def take_replay(self) -> None:
        """Take note of a run whose steps are asked for, before they are read.

        Raises:
            InvalidArgumentError: the answer would have those of too many.

        """
        if not self.replays_left:
            raise InvalidArgumentError(
                f"an answer has the steps of at most {MAX_REPLAYS} runs; ask for `replay` of one"
            )
        self.replays_left -= 1

    async def load_snippet(self, span: Span, query: TextQuery) -> str | None:
        """Return the part of a span's texts that was searched for."""
        texts = await self._texts_by_span.load((span.run_id, span.span_id))
        return make_snippet(texts or (), query)

    async def load_text(self, head: PayloadHead) -> str:
        """Return a text, whole.

        Raises:
            InvalidArgumentError: the answer would have more of texts than it may have.
            GoneError: the run was deleted meanwhile.

        """
        if head.value_json is None:
            return await self._text_by_head.load(head)
        self.take_bytes(head.size_bytes)
        return head.value_json

    async def load_beginning(self, head: PayloadHead, *, max_bytes: int) -> str:
        """Return a text's beginning: at most so many bytes, cut between characters.

        Raises:
            InvalidArgumentError: the answer would have more of texts than it may have.
            GoneError: the run was deleted meanwhile.

        """
        return await self._beginning_by_head.load((head, max_bytes))

    def take_bytes(self, size_bytes: int, what: str = "texts") -> None:
        """Take note of texts before they are read.

        Raises:
            InvalidArgumentError: the answer would have more of texts than it may have.

        """
        if size_bytes > self.texts_left_bytes:
            raise InvalidArgumentError(
                f"the {what} that are asked for have {size_bytes} bytes, of which an answer has at "
                f"most {self.texts_left_bytes} left; ask for less at once: fewer spans, or fewer "
                "of their values"
            )
        self.texts_left_bytes -= size_bytes

    async def _get_runs(self, run_ids: list[str]) -> dict[str, Run]:
        """Return those of these runs that there are, in the project."""
        own = await self._keep_own(run_ids)
        return await self._runs.get_runs([i for i in run_ids if i in own]) if own else {}

    async def _get_spans(self, keys: list[SpanKey]) -> dict[SpanKey, Span]:
        """Return those of these spans that there are, in the project."""
        own = await self._keep_own([run_id for run_id, _ in keys])
        return await self._runs.get_spans([key for key in keys if key[0] in own]) if own else {}

    async def _get_annotations(
        self, owners: list[SpanKey]
    ) -> dict[SpanKey, tuple[Annotation, ...]]:
        self.take_bytes(await self._annotations.measure_annotations(owners), "annotations")
        return await self._annotations.list_annotations(owners)

    async def _load_texts(self, heads: list[PayloadHead]) -> list[str]:
        # Of what is asked for twice, as `json` and `value`, there is one head.
        once = {id(head): head for head in heads}
        self.take_bytes(sum(head.size_bytes for head in once.values()))
        texts = dict(zip(once, await self._runs.get_texts([*once.values()]), strict=True))
        return [texts[id(head)] for head in heads]

    async def _load_beginnings(self, keys: list[tuple[PayloadHead, int]]) -> list[str]:
        self.take_bytes(sum(min(head.size_bytes, max_bytes) for head, max_bytes in keys))
        found: list[str] = [""] * len(keys)
        for max_bytes in {max_bytes for _, max_bytes in keys}:
            places = [place for place, key in enumerate(keys) if key[1] == max_bytes]
            heads = [keys[place][0] for place in places]
            texts = await self._runs.get_beginnings(heads, max_bytes=max_bytes)
            for place, text in zip(places, texts, strict=True):
                found[place] = text
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
