"""A run: one execution of an agent, and the root of its spans."""

from __future__ import annotations

from itertools import count
from sys import modules
from typing import TYPE_CHECKING, Final, Self

from agenttrace.attributes import (
    MAX_ATTRIBUTES,
    MAX_CORRELATION_CHARS,
    clean_attributes,
    clean_name,
    clean_tags,
    clean_text,
    count_dropped,
    flatten,
    measure_attribute,
)
from agenttrace.encoding.snapshot import Snapshot, measure
from agenttrace.links import add_link
from agenttrace.semconv import DROPPED_ATTRIBUTES
from agenttrace.wire import RunStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from contextvars import Token
    from types import TracebackType
    from uuid import UUID

    from agenttrace.attributes import Flat
    from agenttrace.context import Lane
    from agenttrace.failures import Failure
    from agenttrace.recorder import Node, Recorder
    from agenttrace.retries import FailedCall
    from agenttrace.span import Span
    from agenttrace.wire import LinkRecord

_HEAD_BYTES: Final = 1024
_MAX_GIVEN_ATTRIBUTES: Final = MAX_ATTRIBUTES - 1  # and how many more there were
_SEQ_BITS_PER_PROCESS: Final = 30
_LANE_BITS_PER_PROCESS: Final = 16


class RunSnapshot:
    """A run as it was at one moment, as it goes into the queue."""

    __slots__ = (
        "attributes",
        "correlation_id",
        "duration_ns",
        "end_seq",
        "error",
        "input",
        "is_complete",
        "line",
        "links",
        "output",
        "rev",
        "run",
        "size",
        "status",
        "tags",
    )

    def __init__(self, run: Run, rev: int) -> None:
        self.run = run
        self.rev = rev
        self.status = run.status
        self.correlation_id = run.correlation_id
        self.tags = list(run.tags)
        self.attributes = dict(run.attributes)
        self.input = run.input
        self.output = run.output
        self.error = run.error
        self.duration_ns = run.duration_ns
        self.end_seq = run.end_seq
        self.is_complete = run.is_complete
        self.links = list(run.links) if run.links else None
        self.size = _HEAD_BYTES + run.attribute_bytes + measure(run.input) + measure(run.output)
        self.size += sum(tag.__sizeof__() for tag in self.tags)
        if run.error is not None:
            self.size += run.error.size()
        self.line: bytes | None = None


class Run:
    """One execution of an agent. Made by `tracer.run()`; use it as `with` or `async with`.

    None of its methods raises. What comes after its end is ignored and counted under `after_end`.
    """

    __slots__ = (
        "__weakref__",
        "_failed",
        "_lane_token",
        "_start_mono",
        "_token",
        "attribute_bytes",
        "attributes",
        "correlation_id",
        "duration_ns",
        "end_seq",
        "error",
        "failed_call",
        "forked_at",
        "input",
        "is_complete",
        "is_sampled",
        "lanes",
        "links",
        "name",
        "open_spans",
        "output",
        "owns_end",
        "recorder",
        "recording",
        "replayed_from",
        "run_id",
        "seqs",
        "start_ns",
        "status",
        "tags",
        "tracestate",
    )

    def __init__(
        self, recorder: Recorder, name: str, run_id: str, *, recording: bool = True
    ) -> None:
        self.recorder = recorder
        self.name = clean_name(name)
        self.run_id = run_id
        self.correlation_id: str | None = None
        self.tags: list[str] = []
        self.attributes: dict[str, Flat] = {}
        self.attribute_bytes = 0
        self.input: Snapshot | None = None
        self.output: Snapshot | None = None
        self.error: Failure | None = None
        self.status = RunStatus.STARTED
        self.recording = recording
        self.owns_end = True  # False in the child of a fork: the parent ends it
        self.is_complete = True  # until a record of it is known to be lost
        self.is_sampled = True  # False when the caller's traceparent says that nobody records
        self.tracestate: str | None = None  # what came with it, to be passed on
        self.links: list[LinkRecord] | None = None
        self.failed_call: FailedCall | None = None
        self.end_seq: int | None = None
        self.replayed_from: str | None = None  # the id of the run that this one re-executes
        self.forked_at: int | None = None  # the seq at which it left that one
        self.start_ns = self.duration_ns = 0
        self.seqs = count()
        self.open_spans: dict[int, Span] = {}
        self.lanes = count()
        self._failed = False
        self._start_mono = -1  # not yet started
        self._token: Token[Node | None] | None = None
        self._lane_token: Token[Lane | None] | None = None

    @property
    def run(self) -> Run:
        """Itself: a run and a span answer alike to "which run is this in"."""
        return self

    def describe(
        self,
        *,
        correlation_id: str | int | UUID | None,
        tags: Iterable[str],
        attributes: Mapping[str, object],
    ) -> None:
        """Set what a run is opened with; called before its start."""
        self.correlation_id = clean_correlation(correlation_id)
        if self.correlation_id is None and correlation_id is not None:
            kind = type(correlation_id).__name__
            self.recorder.guard.warn(
                "correlation_id",
                f"run {self.name!r}: a correlation id is a text, an int or a UUID, not {kind}",
            )
        self.tags = clean_tags(tags)
        self.attributes = clean_attributes(attributes, _MAX_GIVEN_ATTRIBUTES)
        lost = len(attributes) - _MAX_GIVEN_ATTRIBUTES
        if lost > 0:
            self.attributes[DROPPED_ATTRIBUTES] = lost
            self._warn_of_lost(f"{lost} more")
        self.attribute_bytes = sum(measure_attribute(*item) for item in self.attributes.items())

    def set_output(self, value: object) -> None:
        """Record what the run answers, as it is now."""
        with self.recorder.boundary("run.set_output"):
            if self._is_open():
                self.output = self.recorder.take(value)

    def set_attribute(self, key: str, value: object) -> None:
        """Set one attribute; what is no scalar or list of scalars is kept as JSON text.

        A run takes 1,023 of them; one more is left out and counted.
        """
        with self.recorder.boundary("run.set_attribute"):
            if self._is_open():
                self._keep_attribute(clean_name(key), flatten(value))

    def _keep_attribute(self, key: str, value: Flat) -> None:
        if len(self.attributes) >= _MAX_GIVEN_ATTRIBUTES and key not in self.attributes:
            self._warn_of_lost(repr(key))
            key, value = DROPPED_ATTRIBUTES, count_dropped(self.attributes, DROPPED_ATTRIBUTES)
        if key in self.attributes:
            self.attribute_bytes -= measure_attribute(key, self.attributes[key])
        self.attributes[key] = value
        self.attribute_bytes += measure_attribute(key, value)

    def _warn_of_lost(self, what: str) -> None:
        self.recorder.guard.warn(
            "too_many_attributes",
            f"run {self.name!r} has {_MAX_GIVEN_ATTRIBUTES} attributes; {what} is lost",
        )

    def add_tags(self, *tags: str) -> None:
        """Add tags, each once, up to 64."""
        with self.recorder.boundary("run.add_tags"):
            if self._is_open():
                self.tags = clean_tags([*self.tags, *tags])

    def add_link(
        self,
        run_id: str,
        span_id: str | None = None,
        *,
        attributes: Mapping[str, object] | None = None,
    ) -> None:
        """Point at another run, or at a span of one, that this run has to do with.

        At most 128 of them; one more, or one whose id is no id, is left out and counted.
        """
        with self.recorder.boundary("run.add_link"):
            if self._is_open():
                add_link(self, self.recorder, run_id, span_id, attributes)

    def fail(self, error: BaseException) -> None:
        """Let the run end with status ERROR and this error, though nothing is raised out of it."""
        from agenttrace.failures import Failure  # noqa: PLC0415 -- only an error needs it

        with self.recorder.boundary("run.fail"):
            if self._is_open():
                self._failed = True  # first: as in Span.fail
                self.error = Failure(error)

    def leave_to_parent(self, process_id: int) -> None:
        """Go on in the child of a fork: the parent ends the run, and both count on their own."""
        self.owns_end = False
        self.open_spans = {}
        self.count_apart(process_id, next(self.seqs))

    def count_apart(self, process_id: int, seq: int) -> None:
        """Count in a range of this process's own, from about `seq` within it."""
        # Far apart, as processes cannot agree; below 2**53 with process ids of up to 22 bits.
        first = seq & (1 << _SEQ_BITS_PER_PROCESS) - 1
        self.seqs = count(first + (process_id << _SEQ_BITS_PER_PROCESS))
        self.lanes = count(process_id << _LANE_BITS_PER_PROCESS)

    def share_correlation(self) -> str:
        """Return the correlation id; a run without one takes its own id, to be joined by."""
        if self.correlation_id is None:
            self.correlation_id = self.run_id
        return self.correlation_id

    def __enter__(self) -> Self:
        self.recorder.enter_run(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.recorder.exit_run(self, error)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)

    def _is_open(self) -> bool:
        if not self.recording:
            return False
        if self.status is not RunStatus.STARTED:
            self.recorder.guard.warn(
                "after_end", f"run {self.name!r} was changed after its end; that is not recorded"
            )
            return False
        return True


def clean_correlation(value: object) -> str | None:
    """Return a correlation id of 1 to 128 characters; None for what is no text, int or UUID."""
    # Who has a UUID has imported it; where another thread is just at that, there is none yet.
    uuid = getattr(modules.get("uuid"), "UUID", None)
    if type(value) is int or (uuid is not None and isinstance(value, uuid)):
        value = str(value)
    if not isinstance(value, str):
        return None
    return clean_text(value, MAX_CORRELATION_CHARS) or None
