"""The processors of one tracer, one behind the other, each isolated from all others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple, TypeGuard

from agenttrace.encoding.payload import write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from agenttrace.guard import Guard
    from agenttrace.pipeline.processor import Processor
    from agenttrace.wire import Record

FILTERED: Final = "filtered"
MAX_FAILURES: Final = 10
"""A processor that raised so often is taken out of use."""


class Passed(NamedTuple):
    """What comes out of the chain: lines, how many records were left out, added, and are held."""

    lines: list[bytes]
    filtered: int
    added: int
    held: int


class Chain:
    """Runs on the recording thread. Without processors lines pass as they are."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._held = 0
        self._failures: dict[int, int] = {}
        self.processors: tuple[Processor, ...] = ()

    def use(self, processors: Sequence[Processor]) -> None:
        """Use these from the next batch on."""
        self.processors = tuple(processors)
        self._failures = {}

    def forget_held(self) -> None:
        """Begin anew in the child of a fork: what was held back is the parent's."""
        self._held = 0
        for processor in self.processors:
            try:
                getattr(processor, "reset", _nothing)()
            except BaseException as error:  # noqa: BLE001 -- as in _call
                self._note_failure(processor, error)

    def process(self, lines: list[bytes]) -> Passed:
        """Pass a batch through every processor."""
        if not self.processors and not self._held:
            return Passed(lines, 0, 0, 0)
        # Not orjson, which reads integers beyond 64 bits as floats.
        records: list[Record] = [json.loads(line) for line in lines]
        for processor in self.processors:
            records = self._call(processor, processor.process, records)
        return self._finish(records, came_in=len(lines))

    def flush(self, *, is_last: bool) -> Passed:
        """Ask every processor for what it holds back; what one gives passes those behind it."""
        records: list[Record] = []
        for processor in self.processors:
            if records:
                records = self._call(processor, processor.process, records)
            # Duck-typed: only `process` and `flush` are a must.
            last = getattr(processor, "shutdown", processor.flush)
            release = last if is_last else processor.flush
            records += self._call(processor, lambda _, release=release: release(), [])  # type: ignore[misc]  # bound at once
        return self._finish(records, came_in=0)

    def _call(
        self,
        processor: Processor,
        method: Callable[[list[Record]], Iterable[Record]],
        records: list[Record],
    ) -> list[Record]:
        untouched = [dict(record) for record in records]
        try:
            given: list[object] = list(method(records))
        except BaseException as error:  # noqa: BLE001 -- a plugin is someone else's code
            self._note_failure(processor, error)
            return untouched  # type: ignore[return-value]  # copies of records
        made = [each for each in given if _is_record(each)]
        for _ in range(len(given) - len(made)):
            message = f"processor {type(processor).__name__} returned something that is no record"
            self._guard.note("processor_record", TypeError(message))
        return made

    def _note_failure(self, processor: Processor, error: BaseException) -> None:
        name = type(processor).__name__
        count = self._failures[id(processor)] = self._failures.get(id(processor), 0) + 1
        self._guard.warn(
            f"processor:{name}",
            f"processor {name} raised {type(error).__name__}; records pass it by",
            error=error,
        )
        if count >= MAX_FAILURES:
            self.processors = tuple(each for each in self.processors if each is not processor)
            self._guard.warn(
                f"processor_disabled:{name}",
                f"processor {name} raised {count} times and is out of use for this process",
            )

    def _finish(self, records: list[Record], *, came_in: int) -> Passed:
        lines = []
        failed = 0
        for record in records:
            try:
                lines.append(write_json(record))
            except BaseException as error:  # noqa: BLE001 -- what a processor made of a record is its own
                failed += 1
                self._guard.note("processor_record", error)
        held = sum(_read_held(processor) for processor in self.processors)
        left_out = came_in + self._held - held - len(lines)
        self._held = held
        return Passed(lines, max(0, left_out), max(0, -left_out), held)


def _nothing() -> None:
    """Do nothing: most processors hold nothing."""


def _is_record(value: object) -> TypeGuard[Record]:
    """Tell whether those behind it can read what a processor returned."""
    return isinstance(value, dict) and isinstance(value.get("run_id"), str) and "type" in value


def _read_held(processor: Processor) -> int:
    held: object = getattr(processor, "held", 0)
    return held if type(held) is int and held > 0 else 0
