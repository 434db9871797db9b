"""The result of comparing two runs: plain data, the same for every reader.

`base` is the run that is compared against, `head` the one that is judged. Each span of either run
is in exactly one row. Rows stand in the order in which they are shown: the tree of head, with what
only base has at its place among them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from agenttrace.diff.metrics import Aggregates, MetricDeltas
from agenttrace.diff.rules import DEFAULT, Rules
from agenttrace.wire import Effect, SpanStatus

if TYPE_CHECKING:
    from agenttrace.trace.records import RecordedError, RecordedPayload, RecordedSpan
    from agenttrace.wire import RunStatus, SpanType


class Outcome(StrEnum):
    """What became of a span from base to head.

    WRAPPED is a span of head that is new around spans that were there, UNWRAPPED one of base that
    is gone from around spans that stay. MOVED is elsewhere, or in another order among siblings
    of its lane. A span is RENAMED when its name changed and its type and input did not.
    """

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"
    MOVED = "moved"
    RENAMED = "renamed"
    WRAPPED = "wrapped"
    UNWRAPPED = "unwrapped"


class Flag(StrEnum):
    """What of a span differs, by the rules: figures such as durations are no content."""

    INPUT = "input"
    OUTPUT = "output"
    ERROR = "error"
    STATUS = "status"
    MODEL = "model"
    PARAMS = "params"  # of the input of a model call: all but messages and what they come as
    ATTRIBUTES = "attributes"


class CauseKind(StrEnum):
    """Why a difference may have begun, by rule: a hint with evidence, which a replay can prove."""

    MODEL_NONDETERMINISM = "model_nondeterminism"
    MODEL_VERSION = "model_version"
    WORLD_CHANGED = "world_changed"
    CODE_OR_PROMPT_CHANGE = "code_or_prompt_change"
    CONFIG_CHANGE = "config_change"
    CONTROL_FLOW_CHANGE = "control_flow_change"
    AGENT_DECISION = "agent_decision"
    NEW_FAILURE = "new_failure"
    FAILURE_GONE = "failure_gone"
    LOOP = "loop"
    PERFORMANCE = "performance"


class WarningCode(StrEnum):
    """What a reader has to know before trusting a comparison."""

    RUNNING = "running"  # the end of the run was not recorded
    INCOMPLETE = "incomplete"  # records of the run are known to be lost
    UNREADABLE = "unreadable"  # lines of its recording cannot be read: what they held is not here
    TRUNCATED = "truncated"  # payloads were cut, redacted or opaque: only what is there is compared
    MISSING_PARENT = "missing_parent"
    PARENT_CYCLE = "parent_cycle"
    APPROXIMATE = "approximate"  # the cost is not proven the least
    NOTHING_SHARED = "nothing_shared"
    EMPTY = "empty"  # a run has no span


Side: TypeAlias = Literal["base", "head"]

INCOMPLETE_CODES: Final = frozenset(
    {WarningCode.RUNNING, WarningCode.INCOMPLETE, WarningCode.UNREADABLE}
)
"""With one of these a comparison lacks data: a command ends with 4."""


@dataclass(frozen=True, slots=True)
class SpanRef:
    """A span of one of the runs. `position` counts its tree in pre-order from 0.

    `parent_position` is None at the top, `end_seq` where the end was not recorded. Siblings of one
    lane are ordered, of different lanes not.
    """

    span_id: str
    name: str
    span_type: SpanType
    status: SpanStatus
    depth: int
    seq: int
    lane: int
    position: int
    parent_position: int | None
    end_seq: int | None = None
    effect: Effect = Effect.UNKNOWN


@dataclass(frozen=True, slots=True)
class Row:
    """A span of base, of head, or of both, and what became of it.

    `base` is None of what is ADDED or WRAPPED, `head` of what is REMOVED or UNWRAPPED. A MOVED or
    RENAMED row may have flags too. `subtree_changed`: a row below it, on either side, is not
    UNCHANGED. `is_propagated`: it follows from the origin at `origin` in `RunDiff.origins`.
    `covers` counts the spans that a WRAPPED or UNWRAPPED span is directly around. `reason` says
    more for a person, such as `reordered`. The spans themselves are kept where they are not
    equal (`base_span`, `head_span`): their field deltas are made from them when asked for.
    `repeats`, of a row without a partner, counts how often base and head make this very call.
    `has_result`: both sides say what came of it, an output that is more than nothing or an error.
    """

    outcome: Outcome
    base: SpanRef | None
    head: SpanRef | None
    flags: frozenset[Flag] = frozenset()
    subtree_changed: bool = False
    is_propagated: bool = False
    origin: int | None = None
    covers: int = 0
    reason: str | None = None
    metrics: MetricDeltas = field(default=MetricDeltas(None, None))
    base_span: RecordedSpan | None = None
    head_span: RecordedSpan | None = None
    repeats: tuple[int, int] | None = None
    has_result: bool = False

    @property
    def fails_newly(self) -> bool:
        """Whether head's span failed where base has none that did."""
        if self.head is None or self.head.status is not SpanStatus.ERROR:
            return False
        return self.base is None or self.base.status is not SpanStatus.ERROR

    @property
    def self_changed(self) -> bool:
        """Whether the span itself, apart from those below it, is not the same."""
        return self.outcome is not Outcome.UNCHANGED

    @property
    def position_base(self) -> int | None:
        """Its place in the pre-order of base."""
        return None if self.base is None else self.base.position

    @property
    def position_head(self) -> int | None:
        """Its place in the pre-order of head."""
        return None if self.head is None else self.head.position

    @property
    def ref(self) -> SpanRef:
        """The span of head, else that of base."""
        found = self.head or self.base
        if found is None:
            raise ValueError("a row without a span")
        return found


@dataclass(frozen=True, slots=True)
class Counts:
    """How many rows have each outcome."""

    unchanged: int = 0
    changed: int = 0
    added: int = 0
    removed: int = 0
    moved: int = 0
    renamed: int = 0
    wrapped: int = 0
    unwrapped: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """A fact that a cause rests on: its name, and its short text on each side that has one."""

    name: str
    base: str | None = None
    head: str | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a difference may have begun. `detail` narrows the kind, such as `system_prompt`.

    `action` is what would prove or refute it.
    """

    kind: CauseKind
    evidence: tuple[Evidence, ...] = ()
    detail: str | None = None
    action: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a difference begins: nothing that differs happened before it that it hangs on.

    `path` is the names from the top down to it. `propagated` counts the rows that follow from it.
    Without a span on either side it is the run itself: what it was given, or how it ended with
    nothing within it to follow from.
    """

    base: SpanRef | None
    head: SpanRef | None
    path: str
    cause: Cause
    propagated: int

    @property
    def is_run(self) -> bool:
        """Whether it is the run itself, and no span."""
        return self.base is None and self.head is None


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first origin, by the order of base. `side` says whose span `span_id` is.

    Of the run itself `span_id` is empty and `name` that of the run.
    """

    span_id: str
    side: Side
    name: str
    path: str
    cause: Cause


@dataclass(frozen=True, slots=True)
class RunRef:
    """One of the two runs. `digest` is of its normalised content: equal ones are identical.

    `revision` is the commit that was checked out.
    """

    run_id: str
    name: str
    status: RunStatus
    spans: int
    digest: str
    revision: str | None = None
    input: RecordedPayload | None = None
    output: RecordedPayload | None = None
    error: RecordedError | None = None


@dataclass(frozen=True, slots=True)
class DiffWarning:
    """Something to know before trusting a comparison; `side` is None when it is about both."""

    code: WarningCode
    message: str
    side: Side | None = None


@dataclass(frozen=True, slots=True)
class RunDiff:
    """What differs from one run to another.

    `identical`: the same normalised content, structure and order, as far as it is there; figures
    may differ. `verdicts.find_verdict` also says whether all of it is. `approx`: the cost is not
    proven the least. `cost` is that of the edits of spans: 1 for one added, removed or renamed, 0.5
    for one whose content differs, for a move, and for the run itself. `run_flags` are of the run's
    own input, output, error and status; `run_origin` is the place in `origins` of what they
    follow from, or of the run itself. `performance` is there where nothing but figures differs, and
    they do.
    """

    identical: bool
    approx: bool
    cost: float
    base: RunRef
    head: RunRef
    run_flags: frozenset[Flag]
    counts: Counts
    rows: tuple[Row, ...]
    first_divergence: Divergence | None
    origins: tuple[Origin, ...]
    aggregates: Aggregates
    warnings: tuple[DiffWarning, ...]
    performance: Cause | None = None
    rules: Rules = DEFAULT
    run_origin: int | None = None

    @property
    def is_incomplete(self) -> bool:
        """Whether a run is still open, or records of it are lost."""
        return any(warning.code in INCOMPLETE_CODES for warning in self.warnings)
