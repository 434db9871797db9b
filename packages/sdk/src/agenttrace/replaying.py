"""Where a replay takes part in recording: what it may do to a call, a run and a span.

Capture knows this much of replays and no more: `recorder.replay` is None unless there is one, and
what there is then comes from `agenttrace.replay`, which only `tracer.replay()` imports.
"""

from __future__ import annotations

from os import environ
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol, TypeAlias, cast

from agenttrace.wire import SpanType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal
    from uuid import UUID

    from agenttrace.recorder import Recorder
    from agenttrace.replay.freezing import Freeze
    from agenttrace.replay.kinds import Divergence
    from agenttrace.replay.session import ReplaySession
    from agenttrace.replay.sources import Source
    from agenttrace.run import Run
    from agenttrace.span import Span
    from agenttrace.spec import Spec
    from agenttrace.tracer import Tracer
    from agenttrace.wire import Outcome, RunStatus

    Bind: TypeAlias = Callable[[tuple[object, ...], dict[str, object]], dict[str, object]]

CallKind: TypeAlias = Literal["function", "coroutine", "generator", "async_generator"]
FUNCTION: Final = "function"
COROUTINE: Final = "coroutine"
GENERATOR: Final = "generator"
ASYNC_GENERATOR: Final = "async_generator"


class ReplayHook(Protocol):
    """What a recorder asks while a replay is on. Safe on any thread."""

    def choose(  # noqa: PLR0913, PLR0917 -- what a wrapper knows of a call; by position, as it is called often
        self,
        kind: CallKind,
        spec: Spec,
        span: Span | None,
        function: Callable[..., Any],
        bind: Bind,
        args: tuple[object, ...],
        kwargs: dict[str, object],
    ) -> Callable[..., Any]:
        """Return what is called in the place of `function`: a callable of the same kind.

        `span` is None when the call is not recorded. It raises nothing: what has to be raised, the
        returned callable does.
        """

    def enter_block(self, span: Span) -> None:
        """Take notice of a `with` block that starts; raises where a replay may not go on."""

    def enter_run(self, run: Run) -> None:
        """Take notice of a run that is about to start; raises nothing."""

    def leave_run(self, run: Run, status: RunStatus) -> None:
        """Take notice of a run that is about to end with this status; raises nothing."""

    def leave(self, span: Span, outcome: Outcome) -> None:
        """Take notice of a span that is about to end; raises nothing."""


class ReplayOptions(NamedTuple):
    """What `tracer.replay()` was told, each by its name; see there."""

    companions: Sequence[Source]
    mode: str
    live_from: int | str | None
    live: Iterable[str]
    descend: Iterable[str]
    allow_effects: Iterable[str]
    max_live_calls: int | None
    max_live_cost: float | str | Decimal | None
    on: Mapping[str, str | Callable[[Divergence], str]] | None
    order: str
    order_timeout_s: float
    stream_timing: str | float
    guard_io: bool | Mapping[str, Iterable[str]]
    freeze: Iterable[str] | None
    ignore: Iterable[str]
    mask: Iterable[str]
    classes: Iterable[type] | Mapping[str, type]


REPLAY_VARIABLE: Final = "AGENTTRACE_REPLAY"
"""The environment variable by which `agenttrace replay` has a program replayed: a folder's path."""


class Replays:
    """What a tracer has for replays."""

    _recorder: Recorder
    _sources: dict[str, Callable[..., object]] | None = None

    def replay(  # noqa: PLR0913 -- what a replay may be told, each by its name
        self,
        source: Source | Sequence[Source],
        *,
        companions: Sequence[Source] = (),
        mode: str = "strict",
        live_from: int | str | None = None,
        live: Iterable[str] = (),
        descend: Iterable[str] = (),
        allow_effects: Iterable[str] = ("none", "read"),
        max_live_calls: int | None = None,
        max_live_cost: float | str | Decimal | None = None,
        on: Mapping[str, str | Callable[[Divergence], str]] | None = None,
        order: str = "recorded",
        order_timeout_s: float = 0.25,
        stream_timing: str | float = "zero",
        guard_io: bool | Mapping[str, Iterable[str]] = True,
        freeze: Iterable[str] | None = None,
        ignore: Iterable[str] = (),
        mask: Iterable[str] = (),
        classes: Iterable[type] | Mapping[str, type] = (),
    ) -> ReplaySession:
        """Return a replay, to be entered with `with` around the runs: calls are served, not made.

            with tracer.replay("./traces.jsonl") as session:
                agent.main()
            print(session.report)

        Args:
            source: a recorded run, a JSONL file that holds one, `FILE:RUN`, a run's id, the
                beginning of one or `last`; or a list of these.
            companions: more of these, of runs that the program may begin besides.
            mode: what is done where the code leaves its recording: `strict` raises, `lenient`
                serves what is nearest, `live_after_divergence` makes that call and all after it,
                `cache` makes every call that the recording lacks.
            live_from: from which step on calls are made: a `seq`, a span's id, or a selector.
            live: calls that are made in any case. A selector is a span type (`LLM_CALL`),
                `tool:search` or `tool:web_*`, or `span:agent/*/search`.
            descend: calls whose body runs, while the calls within it are served.
            allow_effects: what calls that are made may do to the world, or selectors of such that
                may do anything: `("none", "read", "tool:charge_card")`.
            max_live_calls: how many calls may be made at most; one more stops the replay.
            max_live_cost: US dollars. Once the calls that were made have cost as much, one more
                stops the replay; so does a model call after one whose cost is not known.
            on: what is done about one kind of divergence: `raise`, `warn`, `serve`, `live`, or a
                function that takes the divergence and returns one of these.
            order: `recorded` lets concurrent calls end in the order of the recording, `immediate`
                when they are served.
            order_timeout_s: how long a call waits, in seconds, for one that ended before it in the
                recording and is not made yet.
            stream_timing: when the chunks of streams come: `zero` is at once, `original` as they
                did, a number so many times faster.
            guard_io: whether, in strict mode, sockets and processes that no recorded call answers
                for stop the replay; `{"allow": ["localhost:5432"]}` names what may be reached.
            freeze: what is held still: `time`, `random`, `uuid`; None is what was when the run was
                recorded (see `freeze()`). The time can be in any case: then the clock goes from one
                recorded end to the next.
            ignore: JSONPaths in inputs that do not count, such as `$.request_id`.
            mask: regular expressions; what they match in the texts of inputs does not count.
            classes: classes that recorded values may be of, though their modules are not loaded;
                with a dict, by how the recording spells them, `module:Class`.

        Raises:
            NotReplayableError: there is no recording, or none that can be replayed.
            ConfigurationError: for a setting that cannot be meant.

        """
        from agenttrace.replay.session import ReplaySession  # noqa: PLC0415 -- capture never loads it

        options = ReplayOptions(
            companions=companions,
            mode=mode,
            live_from=live_from,
            live=live,
            descend=descend,
            allow_effects=allow_effects,
            max_live_calls=max_live_calls,
            max_live_cost=max_live_cost,
            on=on,
            order=order,
            order_timeout_s=order_timeout_s,
            stream_timing=stream_timing,
            guard_io=guard_io,
            freeze=freeze,
            ignore=ignore,
            mask=mask,
            classes=classes,
        )
        return ReplaySession(self._recorder, source, options)

    def _join_replay(self) -> None:
        """Join the replay of the whole process, if there is one."""
        folder = environ.get(REPLAY_VARIABLE)
        if folder:
            from agenttrace.replay.activation import join  # noqa: PLC0415 -- capture never loads it

            join(cast("Tracer", self), folder)

    def freeze(self, *kinds: Literal["time", "random", "uuid"]) -> Freeze:
        """Return a `with` block in which runs are recorded with time, chance or ids held still.

        The clock goes on at the end of each span only; `random` (and numpy's) and `uuid.uuid4` draw
        from a seed that the run keeps. A replay of such a run holds them alike. It holds for the
        whole process, so it is for tests and for recordings that are to be replayed.

        Raises:
            ConfigurationError: for something else, or for the time without `agenttrace[replay]`.

        """
        from agenttrace.replay.freezing import Freeze  # noqa: PLC0415 -- capture never loads it

        return Freeze(self._recorder, kinds)

    def now(self) -> datetime:
        """Return the time, in UTC; recorded, so that a replay gives the same."""
        return cast("datetime", self._serve("tracer.now", _read_time))

    def random(self) -> float:
        """Return a number from 0 to 1; recorded, so that a replay gives the same."""
        return cast("float", self._serve("tracer.random", _read_random))

    def uuid4(self) -> UUID:
        """Return a random UUID; recorded, so that a replay gives the same."""
        return cast("UUID", self._serve("tracer.uuid4", _read_uuid))

    def _serve(self, name: str, function: Callable[[], object]) -> object:
        """Call a function as a recorded call that a replay serves; outside of a run, alone."""
        if self._recorder.node.get() is None and self._recorder.replay is None:
            return function()
        if self._sources is None:
            self._sources = {}
        call = self._sources.get(name)
        if call is None:
            from agenttrace.calls import wrap_function  # noqa: PLC0415 -- it imports this module
            from agenttrace.spec import Spec  # noqa: PLC0415 -- only who draws from it

            spec = Spec(name, SpanType.CUSTOM, effect="none", function=function, boundary=True)
            call = self._sources[name] = wrap_function(
                self._recorder, function, spec, _bind_nothing
            )
        return call()


def _bind_nothing(_args: tuple[object, ...], _kwargs: dict[str, object]) -> dict[str, object]:
    return {}


def _read_time() -> datetime:
    from datetime import UTC, datetime  # noqa: PLC0415 -- only who asks for the time

    return datetime.now(UTC)


def _read_random() -> float:
    from random import random  # noqa: PLC0415 -- only who asks for a number

    return random()  # noqa: S311 -- as the program would draw it


def _read_uuid() -> UUID:
    from uuid import uuid4  # noqa: PLC0415 -- only who asks for one

    return uuid4()
