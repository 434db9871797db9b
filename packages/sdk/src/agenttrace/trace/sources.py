"""Where recorded runs come from, and which of them is meant: one interface for all readers."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple, Protocol

from agenttrace.errors import AgentTraceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agenttrace.trace.reading import Problem
    from agenttrace.trace.run import RecordedRun

LAST: Final = "last"
"""Stands for the run that started last."""

MIN_PREFIX: Final = 4
"""The shortest prefix of a run id that may stand for it."""

_SHOWN: Final = 5
_PREFIX: Final = re.compile(r"[0-9a-f]+\Z")


class RecordingError(AgentTraceError):
    """A source that cannot be read; the message says what, where and what to do."""

    exit_code: ClassVar[int] = 4


class RunNotFoundError(RecordingError):
    """No run, or more than one, is what was asked for."""

    exit_code: ClassVar[int] = 3


class RunHead(NamedTuple):
    """What a run is found by. `is_replay`: whether it replays another; None: only the run says."""

    run_id: str
    name: str
    start_ns: int
    is_replay: bool | None = None


class RunSource(Protocol):
    """A place that holds recorded runs.

    `name` is how messages call it. `problems` are the lines that could not be read so far. Every
    method may raise `RecordingError`.
    """

    name: str
    problems: list[Problem]

    def list_heads(self, beginning: str = "") -> list[RunHead]:
        """Return runs, newest first: the newest, and at least a few whose id begins so."""

    def load_run(self, run_id: str) -> RecordedRun:
        """Return one run, whole."""

    def read_lines(self, run_id: str) -> Iterator[bytes]:
        """Yield the lines of one run, byte for byte, without newlines."""


def resolve_run(source: RunSource, wanted: str) -> str:
    """Return the id of the run that `wanted` means: an id, an unambiguous prefix, or `last`.

    Raises:
        RunNotFoundError: when there is none, or more than one.

    """
    text = wanted.lower()
    heads = source.list_heads(text if _PREFIX.match(text) else "")
    if not heads:
        raise RunNotFoundError(f"{source.name} holds no run")
    if wanted == LAST:
        return heads[0].run_id
    if not _PREFIX.match(text):
        raise RunNotFoundError(
            f"{wanted!r} is no run: expected a run id, the beginning of one, 'last', or a file. "
            f"{_list_some(source, heads)}"
        )
    found = [head for head in heads if head.run_id.startswith(text)]
    if any(head.run_id == text for head in found):
        return text
    if len(text) < MIN_PREFIX:
        raise RunNotFoundError(f"{wanted!r} is too short: give {MIN_PREFIX} digits of the run id")
    if not found:
        raise RunNotFoundError(f"no run {wanted!r} in {source.name}. {_list_some(source, heads)}")
    if len(found) > 1:
        raise RunNotFoundError(
            f"{wanted!r} is the beginning of {_count(found)} run ids; give more of it: "
            f"{_list_heads(found)}"
        )
    return found[0].run_id


def resolve_only_run(source: RunSource) -> str:
    """Return the id of the only run of a source.

    Raises:
        RunNotFoundError: when there is none, or more than one.

    """
    heads = source.list_heads()
    if len(heads) == 1:
        return heads[0].run_id
    if not heads:
        raise RunNotFoundError(f"{source.name} holds no run")
    raise RunNotFoundError(
        f"{source.name} holds {len(heads)} runs; say which, as in {source.name}:{LAST}. "
        f"{_list_some(source, heads)}"
    )


def resolve_recording(source: RunSource, wanted: str | None) -> str:
    """Return the id of the run to replay: as `resolve_run`, but what is a replay is not meant.

    It is not `last`, and it is not looked at where None asks for the only run of a source. Of a
    source that holds nothing else it is. By its own id it is found as any run.

    Raises:
        RunNotFoundError: when there is none, or more than one.

    """
    if wanted == LAST:
        heads = source.list_heads()
        found = next((head for head in heads if not _is_replay(source, head)), None)
        return resolve_run(source, LAST) if found is None else found.run_id
    if wanted is not None:
        return resolve_run(source, wanted)
    heads = source.list_heads()
    own = [head for head in heads if not _is_replay(source, head)] or heads
    if len(own) <= 1:
        return resolve_only_run(source) if not own else own[0].run_id
    short = shorten_ids([head.run_id for head in own])
    named = " ".join(f"{source.name}:{short[head.run_id]}" for head in own[1::-1])
    raise RunNotFoundError(
        f"{source.name} holds {len(own)} runs; say which, as in {source.name}:{LAST}, or, for a "
        f"program that begins several: {named}. {_list_some(source, own)}"
    )


def _is_replay(source: RunSource, head: RunHead) -> bool:
    if head.is_replay is None:
        return source.load_run(head.run_id).replayed_from is not None
    return head.is_replay


def shorten_ids(run_ids: Sequence[str], *, shortest: int = 8) -> dict[str, str]:
    """Return for each run id the beginning that tells it from the others, all of one length."""
    ordered = sorted(set(run_ids))
    length = shortest
    for first, second in pairwise(ordered):
        while length < len(first) and first[:length] == second[:length]:
            length += 1
    return {run_id: run_id[:length] for run_id in ordered}


def _list_some(source: RunSource, heads: Sequence[RunHead]) -> str:
    return f"{source.name} holds: {_list_heads(heads)}"


def _list_heads(heads: Sequence[RunHead]) -> str:
    short = shorten_ids([head.run_id for head in heads])
    shown = [f"{short[head.run_id]} ({head.name[:40]})" for head in heads[:_SHOWN]]
    return ", ".join(shown) + (" and more" if len(heads) > len(shown) else "")


def _count(heads: Sequence[RunHead]) -> str:
    """Return how many there are; of many a source gives the first few alone."""
    return str(len(heads)) if len(heads) <= _SHOWN else f"more than {_SHOWN}"
