"""Finding the steps where breakpoints hold, forward and backward.

A search does no reading: it says which texts it needs and is given them. So a file and a server
search by the same code, the one at once, the other with a statement for many texts.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from agenttrace.steps.breakpoints import Breakpoint, settle
from agenttrace.steps.texts import TextKey
from agenttrace.trace.timeline import MomentKind
from agenttrace.wire import SpanType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from agenttrace.steps.timeline import StepTimeline

_T = TypeVar("_T")

TEXTS_A_TURN: Final = 64
"""Texts that are asked for at once. Whoever answers may give fewer, from the first on."""

STEPS_A_LOOK: Final = 256


@dataclass(frozen=True, slots=True)
class Hit:
    """A step where a breakpoint holds."""

    index: int
    breakpoint: Breakpoint


@dataclass(frozen=True, slots=True)
class Wanted:
    """Texts that a search needs to go on; nothing is left to be found before step `index`."""

    keys: Sequence[TextKey]
    index: int


Given: TypeAlias = "Sequence[str | None]"
Search: TypeAlias = Generator[Wanted, Given, "Hit | None"]
Locating: TypeAlias = Generator[Wanted, Given, "frozenset[int]"]


def search(
    timeline: StepTimeline,
    breakpoints: Sequence[Breakpoint],
    *,
    start: int,
    backward: bool = False,
    look: Callable[[int], None] = lambda _index: None,
) -> Search:
    """Find the next step after `start` (before it, backward) where a breakpoint holds.

    `start` may be -1, and one beyond the last. Returns None where there is none. `look` is called
    now and then with the step before which nothing is left to be found; it may raise to end it.
    """
    ready: list[Breakpoint] = []
    for each in breakpoints:
        found = (yield from locate(timeline, each)) if each.watch is not None else None
        ready.append(each if found is None else settle(each, found))
    indexes = range(start - 1, -1, -1) if backward else range(start + 1, len(timeline))
    return (yield from _search(timeline, ready, indexes, look))


def locate(timeline: StepTimeline, watch: Breakpoint) -> Locating:
    """Find the steps of a watch: at most two, in the whole run."""
    assert watch.watch is not None
    pattern = watch.watch.pattern
    outputs = {MomentKind.END, MomentKind.CHUNK}
    first = yield from _find_text(timeline, range(len(timeline)), pattern.occurs_in, outputs)
    if first is None:
        return frozenset()
    rest = [
        index
        for index in range(first + 1, len(timeline))
        if (span := timeline.moment(index).span) and span.span_type is SpanType.LLM_CALL
    ]
    given = yield from _find_text(timeline, rest, pattern.occurs_in, {MomentKind.START})
    return frozenset({first} if given is None else {first, given})


def run_search(search_: Generator[Wanted, Given, _T], read: Callable[[TextKey], str | None]) -> _T:
    """Return what a search finds in texts that are at hand."""
    try:
        wanted = next(search_)
        while True:
            # One at a time: a text may have 16 MiB, and the first may be all that is needed.
            wanted = search_.send([read(wanted.keys[0])])
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]  # StopIteration knows no types


def _search(
    timeline: StepTimeline,
    breakpoints: Sequence[Breakpoint],
    indexes: Iterable[int],
    look: Callable[[int], None],
) -> Search:
    waiting: list[_Question] = []
    count = 0
    for place, index in enumerate(indexes):
        if place % STEPS_A_LOOK == 0:
            look(waiting[0].index if waiting else index)
        for question in _ask(timeline, breakpoints, index):
            waiting.append(question)
            count += len(question.keys)
            if question.keys and count < TEXTS_A_TURN:
                continue
            # A question that needs no text is answered, so that all before it must be.
            hit = yield from _answer(waiting, look)
            if hit is not None:
                return hit
            waiting, count = [], 0
    return (yield from _answer(waiting, look))


@dataclass(frozen=True, slots=True)
class _Question:
    index: int
    breakpoint: Breakpoint
    keys: Sequence[TextKey]
    counts: Sequence[int]


def _ask(
    timeline: StepTimeline, breakpoints: Sequence[Breakpoint], index: int
) -> Iterator[_Question]:
    """Yield what has to be known of a step, of each breakpoint that may hold there."""
    kind = timeline.moment(index).kind
    for each in breakpoints:
        if kind in each.phases and all(part.takes(timeline, index) for part in each.criteria):
            texts = [part.list_texts(timeline, index) for part in each.criteria]
            keys = [key for listed in texts for key in listed]
            yield _Question(index, each, keys, [len(listed) for listed in texts])


def _answer(questions: Sequence[_Question], look: Callable[[int], None]) -> Search:
    keys = [*dict.fromkeys(key for question in questions for key in question.keys)]
    known: dict[TextKey, str | None] = {}
    for question in questions:
        while any(key not in known for key in question.keys):
            # Texts that no later question asks for again are let go of.
            known = {key: known[key] for key in question.keys if key in known}
            rest = [key for key in keys if key not in known]
            rest = rest[rest.index(next(key for key in question.keys if key not in known)) :]
            given = yield Wanted(rest, question.index)
            assert given
            known.update(zip(rest, given, strict=False))
        look(question.index)
        if _holds(question, known):
            return Hit(question.index, question.breakpoint)
    return None


def _holds(question: _Question, known: dict[TextKey, str | None]) -> bool:
    at = 0
    for criterion, count in zip(question.breakpoint.criteria, question.counts, strict=True):
        texts = [known[key] for key in question.keys[at : at + count]]
        at += count
        if not criterion.matches(texts):
            return False
    return True


def _find_text(
    timeline: StepTimeline,
    indexes: Iterable[int],
    occurs: Callable[[str], bool],
    phases: set[MomentKind],
) -> Generator[Wanted, Given, int | None]:
    """Find the first of these steps at which a text appears that is wanted."""
    waiting: list[tuple[int, TextKey]] = []
    for index in indexes:
        key = _name_text(timeline, index, phases)
        if key is not None:
            waiting.append((index, key))
        if len(waiting) >= TEXTS_A_TURN:
            found = yield from _look(waiting, occurs)
            if found is not None:
                return found
            waiting = []
    return (yield from _look(waiting, occurs))


def _name_text(timeline: StepTimeline, index: int, phases: set[MomentKind]) -> TextKey | None:
    moment = timeline.moment(index)
    if moment.kind not in phases:
        return None
    if moment.event is not None:
        return TextKey("body", seq=moment.event.seq)
    if moment.span is None:
        return None
    kind = "input" if moment.kind is MomentKind.START else "output"
    return TextKey(kind, moment.span.span_id)  # type: ignore[arg-type]  # one of two literals


def _look(
    waiting: Sequence[tuple[int, TextKey]], occurs: Callable[[str], bool]
) -> Generator[Wanted, Given, int | None]:
    at = 0
    while at < len(waiting):
        given = yield Wanted([key for _, key in waiting[at:]], waiting[at][0])
        assert given
        for text in given:
            if text is not None and occurs(text):
                return waiting[at][0]
            at += 1
    return None
