"""A span and the things that go into the queue for it: its start and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, Self

from agenttrace.attributes import (
    MAX_ATTRIBUTES,
    MAX_EVENTS,
    clean_name,
    count_dropped,
    flatten,
    measure_attribute,
)
from agenttrace.failures import Failure
from agenttrace.links import add_link
from agenttrace.semconv import DROPPED_ATTRIBUTES, DROPPED_EVENTS, EVENT_EXCEPTION
from agenttrace.usage import clean_usage
from agenttrace.usage.reports import cover_callers
from agenttrace.wire import Outcome, SpanStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from contextvars import Token
    from decimal import Decimal
    from types import TracebackType

    from agenttrace.attributes import Flat
    from agenttrace.context import Lane
    from agenttrace.encoding.snapshot import Snapshot
    from agenttrace.recorder import Node
    from agenttrace.retries import FailedCall
    from agenttrace.run import Run
    from agenttrace.spec import Spec
    from agenttrace.usage import Report
    from agenttrace.wire import CostRecord, LinkRecord, SpanType, UsageRecord

_HEAD_BYTES: Final = 512
_STARTED: Final = SpanStatus.STARTED  # the class finds a member by a Python call
_COST_SOURCES: Final = ("reported", "price_table", "rates")
# Room for what the recorder itself says of a span: its chunks and the time to the first, which
# attempt it is, how tokens were estimated, and how much was left out.
_MAX_GIVEN_ATTRIBUTES: Final = MAX_ATTRIBUTES - 6


class SpanStart:
    """The snapshot of a span at its start: what may change later is copied."""

    __slots__ = ("attributes", "line", "model", "size", "span")

    def __init__(self, span: Span) -> None:
        self.span = span
        self.attributes = None if span.attributes is None else dict(span.attributes)
        self.model = span.model
        # Without the input, which is the span's own and counts with its end.
        self.size = _HEAD_BYTES + span.attribute_bytes
        self.line: bytes | None = None


class Span:
    """One step of a run. Made by `tracer.span()` and by the wrappers; use it as `with … as span`.

    Every method may be called on any thread while the span is open, and none of them raises. What
    comes after its end is ignored, and counted under `after_end` in `Tracer.stats()`.
    """

    __slots__ = (
        "_failed",
        "_start_mono",
        "_token",
        "attribute_bytes",
        "attributes",
        "cost",
        "covered",
        "duration_ns",
        "end_seq",
        "error",
        "event_count",
        "failed_call",
        "generation",
        "id",
        "input",
        "is_usage_given",
        "lane",
        "line",
        "links",
        "model",
        "outcome",
        "output",
        "owns_run",
        "parent_id",
        "replay_key",
        "report",
        "run",
        "seq",
        "spec",
        "start_ns",
        "status",
        "usage",
    )

    def __init__(
        self, run: Run, spec: Spec, snapshot: Snapshot | None, *, owns_run: bool = False
    ) -> None:
        self.run = run
        self.spec = spec
        self.input = snapshot
        self.output: Snapshot | None = None
        self.status: SpanStatus = _STARTED
        self.outcome: Outcome | None = None
        self.model = spec.model
        self.attributes: dict[str, Flat] | None = None
        self.attribute_bytes = 0
        self.event_count = 0
        self.error: Failure | None = None
        self.usage: UsageRecord | None = None
        self.is_usage_given = False  # by the user: what an answer reports does not replace it
        self.report: Report | None = None  # what the answer said of itself
        self.covered: set[str | None] | None = None  # answers that model calls within it billed
        self.cost: CostRecord | Literal[False] | None = None  # False: none, and none is looked for
        self.replay_key: str | None = None
        self.line: bytes | None = None
        self.links: list[LinkRecord] | None = None
        self.failed_call: FailedCall | None = None  # the last call within it, if it failed
        self.owns_run = owns_run  # the run was opened for this span, and ends with it
        self.lane: Lane | None = None
        self.generation = 0  # of the process that started it
        self.start_ns = self.end_seq = self.duration_ns = 0
        self.seq = -1  # not yet started
        self.id = self.parent_id = self._start_mono = 0
        self._failed = False
        self._token: Token[Node | None] | None = None

    @property
    def lane_id(self) -> int:
        """The number of its lane within the run; valid from the span's start on."""
        return 0 if self.lane is None else self.lane.lane_id

    @property
    def is_open(self) -> bool:
        """Whether it has not ended yet."""
        return self.status is _STARTED

    @property
    def is_inherited(self) -> bool:
        """Whether it was open when this process was forked: the parent changes and ends it."""
        return self.seq >= 0 and self.generation != self.run.recorder.generation

    @property
    def span_id(self) -> str:
        """16 hexadecimal digits; valid from the span's start on."""
        return f"{self.id:016x}"

    @property
    def name(self) -> str:
        """The span's name."""
        return self.spec.name

    @property
    def span_type(self) -> SpanType:
        """What kind of step this is."""
        return self.spec.span_type

    @property
    def size(self) -> int:
        """About how many bytes of memory the end record takes in a queue."""
        size = _HEAD_BYTES + self.attribute_bytes
        for part in (self.input, self.output):  # as measure(), without its calls
            if type(part) is bytes:
                size += len(part)
            elif part is not None:
                size += part.size  # type: ignore[union-attr]  # bytes is excluded
        return size if self.error is None else size + self.error.size()

    def set_attribute(self, key: str, value: object) -> None:
        """Set one attribute; what is no scalar or list of scalars is kept as JSON text.

        A span takes 1,018 of them; one more is left out and counted.
        """
        with self.run.recorder.boundary("set_attribute"):
            if self._may_change():
                self._keep_attribute(clean_name(key), flatten(value), _MAX_GIVEN_ATTRIBUTES)

    def set_own_attribute(self, key: str, value: Flat) -> None:
        """Set what the recorder itself says of the span; there is room for it in any case."""
        with self.run.recorder.boundary("set_attribute"):
            if self._may_change():
                self._keep_attribute(key, value, MAX_ATTRIBUTES)

    def _keep_attribute(self, key: str, value: Flat, limit: int) -> None:
        if self.attributes is None:
            self.attributes = {}
        if len(self.attributes) >= limit and key not in self.attributes:
            self.run.recorder.guard.warn(
                "too_many_attributes", f"span {self.name!r} has {limit} attributes; {key!r} is lost"
            )
            self._count_dropped(DROPPED_ATTRIBUTES)
            return
        if key in self.attributes:
            self.attribute_bytes -= measure_attribute(key, self.attributes[key])
        self.attributes[key] = value
        self.attribute_bytes += measure_attribute(key, value)

    def _count_dropped(self, name: str) -> None:
        self._keep_attribute(name, count_dropped(self.attributes or {}, name), MAX_ATTRIBUTES)

    def set_attributes(self, attributes: Mapping[str, object]) -> None:
        """Set several attributes at once."""
        with self.run.recorder.boundary("set_attributes"):
            for key, value in attributes.items():
                self.set_attribute(key, value)

    def set_output(self, value: object) -> None:
        """Record the output as it is now; later changes to `value` are not seen."""
        with self.run.recorder.boundary("set_output"):
            if self._may_change():
                self.output = self.run.recorder.take(value)

    def set_model(self, model: str) -> None:
        """Name the model that answered."""
        with self.run.recorder.boundary("set_model"):
            if self._may_change():
                self.model = clean_name(model)

    def set_usage(  # noqa: PLR0913 -- the fields of the wire format, each by its name
        self,
        *,
        prompt_tokens: int | None = None,
        completion_tokens: int | None = None,
        total_tokens: int | None = None,
        cached_tokens: int | None = None,
        cache_write_tokens: int | None = None,
        reasoning_tokens: int | None = None,
        source: Literal["reported", "estimated"] = "reported",
    ) -> None:
        """Record the tokens of this call. None is unknown, and stays absent."""
        figures = {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": total_tokens,
            "cached_tokens": cached_tokens,
            "cache_write_tokens": cache_write_tokens,
            "reasoning_tokens": reasoning_tokens,
        }
        with self.run.recorder.boundary("set_usage"):
            if self._may_change():
                self.usage = clean_usage(figures, source)
                self.is_usage_given = self.usage is not None
                if self.is_usage_given:
                    cover_callers(self)

    def set_cost(
        self,
        usd: str | float | Decimal,
        *,
        source: Literal["reported", "price_table", "rates"] = "reported",
    ) -> None:
        """Record what this call cost, in US dollars; a float counts as it is written."""
        from decimal import Decimal  # noqa: PLC0415 -- 2 ms that only priced calls pay

        from agenttrace.usage import write_money  # noqa: PLC0415 -- the same

        with self.run.recorder.boundary("set_cost"):
            if self._may_change():
                text = write_money(Decimal(str(usd)))
                if source not in _COST_SOURCES:
                    self.run.recorder.guard.warn(
                        "set_cost", f"cost source {source!r}; expected one of {_COST_SOURCES}"
                    )
                elif text is not None:
                    self.cost = {"usd": text, "source": source}

    def set_documents(self, documents: Iterable[object]) -> None:
        """Record what a retrieval found, as `[{"id", "content", "score", "metadata"}]`.

        Takes dicts, texts, objects with `page_content` and `metadata` (LangChain), nodes with
        `score` (LlamaIndex), and `(document, score)` pairs. What is not told is absent. At most
        10,000; that there are more is counted.
        """
        from agenttrace.documents import MAX_DOCUMENTS, read_documents  # noqa: PLC0415 -- only retrievals need it

        recorder = self.run.recorder
        with recorder.boundary("set_documents"):
            if self._may_change():
                found = read_documents(documents)
                if len(found) > MAX_DOCUMENTS:
                    recorder.guard.warn(
                        "too_many_documents",
                        f"span {self.name!r} found more than {MAX_DOCUMENTS} documents",
                    )
                self.output = recorder.take(found[:MAX_DOCUMENTS])

    def add_link(
        self,
        run_id: str,
        span_id: str | None = None,
        *,
        attributes: Mapping[str, object] | None = None,
    ) -> None:
        """Point at another run, or at a span of one, that this span has to do with.

        At most 128 of them; one more, or one whose id is no id, is left out and counted.
        """
        with self.run.recorder.boundary("add_link"):
            if self._may_change():
                add_link(self, self.run.recorder, run_id, span_id, attributes)

    def add_event(self, name: str, body: object = None) -> None:
        """Record something that happened within this span, at this moment.

        A span takes 1,000 events; one more is left out and counted.
        """
        with self.run.recorder.boundary("add_event"):
            if self._may_have_event():
                snapshot = None if body is None else self.run.recorder.take(body)
                self.run.recorder.emit_event(
                    self.run, self.span_id, clean_name(name), snapshot, since=self
                )

    def record_exception(self, error: BaseException) -> None:
        """Record an exception that was handled, as an event; the span does not fail by it."""
        with self.run.recorder.boundary("record_exception"):
            if self._may_have_event():
                self.run.recorder.emit_event(
                    self.run, self.span_id, EVENT_EXCEPTION, Failure(error), since=self
                )

    def fail(self, error: BaseException) -> None:
        """Let the span end with status ERROR and this error, though nothing is raised out of it."""
        with self.run.recorder.boundary("fail"):
            if self._may_change():
                self._failed = True  # first: a text instead of an error fails the span as well
                self.error = Failure(error)

    def __enter__(self) -> Self:
        recorder = self.run.recorder
        recorder.enter_span(self)
        if recorder.replay is not None:
            recorder.replay.enter_block(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.run.recorder.end_span(self)
        else:
            self.run.recorder.end_span_by(self, error)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)

    def _may_have_event(self) -> bool:
        if not self._is_open():
            return False
        self.event_count += 1
        if self.event_count <= MAX_EVENTS:
            return True
        self.run.recorder.guard.warn(
            "too_many_events", f"span {self.name!r} has {MAX_EVENTS} events; no more are recorded"
        )
        if not self.is_inherited:  # its parent writes the end that would say so
            self._count_dropped(DROPPED_EVENTS)
        return False

    def _may_change(self) -> bool:
        return self._is_open() and not self.is_inherited

    def _is_open(self) -> bool:
        if not self.run.recording:
            return False
        if self.status is not _STARTED:
            self.run.recorder.guard.warn(
                "after_end", f"span {self.name!r} was changed after its end; that is not recorded"
            )
            return False
        return True
