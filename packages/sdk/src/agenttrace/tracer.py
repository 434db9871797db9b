"""The tracer: what a program configures once and records with."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeVar, cast

from agenttrace.attributes import clean_name
from agenttrace.checkpoints import Checkpoints
from agenttrace.clock import Clock, SystemClock
from agenttrace.context import (
    RemoteContext,
    describe_parent,
    read_headers,
    write_environment,
    write_headers,
)
from agenttrace.errors import ConfigurationError
from agenttrace.guard import log_warning
from agenttrace.ids import IdGenerator, RandomIds
from agenttrace.propagation import Propagated, take_spots
from agenttrace.recorder import Recorder
from agenttrace.replaying import Replays
from agenttrace.run import Run
from agenttrace.semconv import DECISION_CHOSEN, DECISION_OPTIONS, DECISION_REASON, EVENT_STATE
from agenttrace.settings import Settings, read_settings
from agenttrace.span import Span
from agenttrace.spec import Spec, read_span_type
from agenttrace.wire import SpanType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
    from uuid import UUID

    from agenttrace.pipeline.export import Exporter
    from agenttrace.pipeline.stats import FlushResult, Stats
    from agenttrace.plugins.integrator import Integrator
    from agenttrace.plugins.manager import PluginManager
    from agenttrace.redaction import Redactor

_Chosen = TypeVar("_Chosen")
_Function = TypeVar("_Function", bound="Callable[..., object]")


class Tracer(Replays, Checkpoints):
    """Records runs and their spans, and hands them to exporters.

    Without an exporter it does nothing, unless `AGENTTRACE_EXPORTER` names one. Configuring raises
    `ConfigurationError` for what cannot be meant; recording never raises. What is wrong with the
    exporter of the environment or with a plugin is raised with `AGENTTRACE_STRICT_PLUGINS=1` only.

    Secrets are taken out of what is recorded. `redactor` is a `redaction.Redactor` with rules of
    the program's own, or one such rule: a function `(key, value) -> value` that is asked for each
    text and number. See `AGENTTRACE_REDACT`.

        tracer = Tracer()
        tracer.set_exporter("jsonl:./traces.jsonl")
        with tracer.run("research_agent", correlation_id="workflow-123"):
            ...
        tracer.flush()
    """

    def __init__(  # noqa: PLR0913 -- the parts a test replaces, each by its name
        self,
        *,
        exporter: Exporter | str | None = None,
        clock: Clock | None = None,
        id_generator: IdGenerator | None = None,
        resource: Mapping[str, str | int] | None = None,
        settings: Settings | None = None,
        plugins: PluginManager | None = None,
        redactor: Redactor | Callable[[str | None, Any], Any] | None = None,
    ) -> None:
        self._settings = read_settings() if settings is None else settings
        self._plugins = plugins
        self._is_equipped = False  # with what plugins bring beside exporters
        self._integrator: Integrator | None = None
        self._recorder = Recorder(
            clock=SystemClock() if clock is None else clock,
            ids=RandomIds() if id_generator is None else id_generator,
            settings=self._settings,
            resource=resource,
            redactor=redactor,
        )
        if exporter is not None:
            self.set_exporter(exporter)
        elif self._settings.strict_plugins and self._settings.exporter is not None:
            self.set_exporter(self._settings.exporter)  # a build must not go on without it
        else:
            self._recorder.resolve_with(self._set_exporter_of_environment)
        self._join_replay()

    @property
    def recorder(self) -> Recorder:
        """What wrappers drive; not for programs."""
        return self._recorder

    # Exporters

    def set_exporter(self, exporter: Exporter | str) -> None:
        """Send everything from now on to this exporter alone; those before it are shut down.

        A text names one: `"jsonl:./t.jsonl"`, `"console"`, a server's `"http://host:8000/api"`, or
        `"name:target"` of any installed plugin.

        Raises:
            ConfigurationError: when no plugin has an exporter of that name, or it cannot be made.

        """
        name, found = self._find_exporter(exporter)
        self._recorder.hub.clear(timeout_s=self._settings.shutdown_timeout_s)
        self._add(name, found)

    def add_exporter(self, exporter: Exporter | str) -> None:
        """Send everything from now on to this exporter too, by a queue and thread of its own.

        Raises:
            ConfigurationError: as `set_exporter`.

        """
        self._add(*self._find_exporter(exporter))

    def _add(self, name: str, exporter: Exporter) -> None:
        self._recorder.resolve_with(lambda: None)
        if self._settings.disabled:
            return
        if not self._is_equipped:
            from agenttrace.plugins.equipment import equip  # noqa: PLC0415 -- as `plugins`

            self._is_equipped = True
            equip(self._recorder, self.plugins)
        self._recorder.hub.add(exporter, name=name)

    def _find_exporter(self, exporter: Exporter | str) -> tuple[str, Exporter]:
        if isinstance(exporter, str):
            return self.plugins.make_exporter(exporter)
        if isinstance(exporter, type) or not callable(getattr(exporter, "export", None)):
            shown = repr(exporter) if isinstance(exporter, type) else type(exporter).__name__
            raise ConfigurationError(
                f"an exporter is a text or an object with an export() method, not {shown}; "
                "see agenttrace.plugins.Exporter"
            )
        return type(exporter).__name__, exporter

    def _set_exporter_of_environment(self) -> None:
        named = self._settings.exporter
        if named is None:
            return
        try:
            self.set_exporter(named)
        except ConfigurationError as error:
            message = str(error).rstrip(".")
            log_warning(f"AGENTTRACE_EXPORTER: {message}. Nothing is recorded.")

    @property
    def plugins(self) -> PluginManager:
        """The plugins of this tracer; loaded when it is given its first exporter."""
        if self._plugins is None:
            from agenttrace.plugins.manager import PluginManager  # noqa: PLC0415 -- takes 30 ms

            self._plugins = PluginManager(settings=self._settings)
        return self._plugins

    def instrument(self, name: str | None = None) -> list[str]:
        """Record the calls of one library, or of each that has an integration and is installed.

        Returns:
            The names of the integrations that are on now. One that fails is not among them: it is
            counted in `stats()` and listed by `agenttrace plugins`. Calling it again changes
            nothing; `AGENTTRACE_DISABLED=1` turns on none.

        Raises:
            ConfigurationError: when there is no integration of this name, or it lacks its library.

        """
        if self._settings.disabled:
            return []
        if self._integrator is None:
            self._integrator = self.plugins.make_integrator(tracer=self, guard=self._recorder.guard)
        return self._integrator.turn_on(name)

    def uninstrument(self, name: str | None = None) -> list[str]:
        """Undo `instrument`, for one integration or all; return the names of those still on.

        Raises:
            ConfigurationError: when there is no integration of this name.

        """
        return [] if self._integrator is None else self._integrator.turn_off(name)

    # Recording

    def run(  # noqa: PLR0913 -- what a run is opened with, each by its name
        self,
        name: str,
        *,
        correlation_id: str | int | UUID | None = None,
        tags: Iterable[str] = (),
        attributes: Mapping[str, object] | None = None,
        input: object = None,  # noqa: A002 -- the wire format's word, given by keyword only
        parent: RemoteContext | None = None,
    ) -> Run:
        """Return a run to be entered with `with` or `async with`.

        `correlation_id` is a text of up to 128 characters; an int or a UUID counts as its text.
        A run within another shares its correlation id unless it is given one of its own; so does a
        run with a `parent` from `extract()`, which keeps the parent's ids as attributes too. A
        parent that is not sampled, as its traceparent says, makes a run that is not recorded.
        `input` is recorded as it is now; None is no input.
        """
        recorder = self._recorder
        if parent is not None and type(parent) is not RemoteContext:
            recorder.guard.warn("parent", "a run's parent is what extract() returns; left out")
            parent = None
        outer = self.current_run() if parent is None else parent
        run_id = recorder.ids.new_run_id()
        is_sampled = recorder.hub.samples(run_id) if outer is None else outer.is_sampled
        recording = is_sampled and recorder.is_recording()
        run = Run(recorder, name, run_id, recording=recording)
        run.is_sampled = is_sampled
        run.tracestate = None if parent is None else parent.tracestate
        with recorder.boundary("run"):
            run.describe(
                correlation_id=(
                    self._find_correlation(parent)
                    if correlation_id in (None, "")
                    else correlation_id
                ),
                tags=tags,
                attributes={**describe_parent(parent), **(attributes or {})},
            )
            if input is not None and run.recording:
                run.input = recorder.take(input)
        return run

    def _find_correlation(self, parent: RemoteContext | None) -> str | None:
        if parent is not None:
            return parent.correlation_id
        outer = self.current_run()
        return None if outer is None else outer.share_correlation()

    def span(  # noqa: PLR0913 -- what a span is opened with, each by its name
        self,
        name: str,
        span_type: SpanType | str = SpanType.CUSTOM,
        *,
        input: object = None,  # noqa: A002 -- the wire format's word, given by keyword only
        attributes: Mapping[str, object] | None = None,
        model: str | None = None,
        effect: str | None = None,
        replay_key: str | None = None,
        boundary: bool | None = None,
    ) -> Span:
        """Return a span to be entered with `with` or `async with`; outside a run it opens its own.

        `input` is recorded as it is now; None is no input. `effect` is `none`, `read`, `write` or
        `unknown`: what the body does to the world. `boundary=False` says that the body is code
        which a replay runs again, where the type says that it reaches out to the world.

        Raises:
            ConfigurationError: for a span type or an effect that does not exist.

        """
        spec = Spec(
            name,
            read_span_type(span_type),
            model=model,
            effect=effect,
            replay_key=replay_key,
            boundary=boundary,
        )
        recorder = self._recorder
        node = recorder.node.get()
        run = recorder.make_implicit_run(spec.name) if node is None else node.run
        span = Span(run, spec, None, owns_run=node is None)
        if run.recording:
            with recorder.boundary("span"):
                span.replay_key = None if replay_key is None else clean_name(replay_key)
                span.input = None if input is None else recorder.take(input)
                if attributes:
                    span.set_attributes(attributes)
        return span

    def decision(
        self,
        name: str,
        *,
        options: Sequence[object] = (),
        chosen: _Chosen,
        reason: str | None = None,
    ) -> _Chosen:
        """Record a decision: what there was to choose from, what was chosen, and why.

        Returns:
            `chosen`, so that a decision reads as an assignment.

        """
        with self._recorder.boundary("decision"):
            span = self.span(name, SpanType.DECISION, input={DECISION_OPTIONS: options})
            output: dict[str, object] = {DECISION_CHOSEN: chosen}
            if reason is not None:
                output[DECISION_REASON] = reason
            with span:
                span.set_output(output)
        return chosen

    def state(self, key: str, value: object) -> None:
        """Record what the agent's state `key` is from now on; outside a run it is only counted."""
        recorder = self._recorder
        with recorder.boundary("state"):
            node = recorder.node.get()
            if node is None:
                if recorder.is_recording():
                    recorder.guard.warn(
                        "state_outside_run", f"state {key!r} was set outside a run: not recorded"
                    )
                return
            if node.run.recording:
                span_id = None if node is node.run else node.span_id  # type: ignore[union-attr]  # a node is its run or a span
                body = recorder.take({"key": key, "value": value})
                recorder.emit_event(node.run, span_id, EVENT_STATE, body)

    def current_run(self) -> Run | None:
        """Return the run that this context is in, if any."""
        node = self._recorder.node.get()
        return None if node is None else node.run

    def current_span(self) -> Span | None:
        """Return the innermost open span of this context; None without one, or without exporter."""
        node = self._recorder.node.get()
        return node if isinstance(node, Span) else None

    def inject(self, headers: MutableMapping[str, str]) -> None:
        """Add the current run's `traceparent` and correlation id to the headers of a request.

        A run without a correlation id takes its own id as one, so that both sides share it.
        Outside a run the headers stay as they are.
        """
        with self._recorder.boundary("inject"):
            node = self._recorder.node.get()
            if node is not None:
                run = node.run
                # W3C wants a parent id that is not 0: without a span, the run's own last 64 bits.
                span_id = (None if node is run else node.span_id) or run.run_id[16:]  # type: ignore[union-attr]  # a node is its run or has an id
                write_headers(
                    headers,
                    run_id=run.run_id,
                    span_id=span_id,
                    correlation_id=run.share_correlation(),
                    is_sampled=run.is_sampled,
                    tracestate=run.tracestate,
                )

    def extract(self, headers: Mapping[str, str]) -> RemoteContext | None:
        """Return the context that a request's headers carry, for `tracer.run(…, parent=…)`.

        None when they carry none that is well-formed. Header names may be in any case.
        """
        with self._recorder.boundary("extract"):
            return read_headers(headers)
        return None

    def environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return a copy of `base`, by default `os.environ`, that tells a child who started it.

        Give it to the process as `env=`: it carries `TRACEPARENT`, `TRACESTATE` and `BAGGAGE`; the
        child reads them with `tracer.run(…, parent=tracer.extract(os.environ))`.
        """
        variables = dict(os.environ if base is None else base)
        with self._recorder.boundary("environment"):
            return write_environment(variables, self.inject)
        return variables

    def propagate(self, function: _Function) -> _Function:
        """Return a callable that calls `function` in the run and under the span of this moment.

        Give it to a thread, to an executor, or, if the function can be pickled, to another process,
        whose tracer then continues this very run.
        """
        return cast("_Function", Propagated(function, take_spots((self._recorder,))))

    def flush(self, *, timeout_s: float = 10.0) -> FlushResult:
        """Wait until what was recorded so far is delivered or dropped, at most `timeout_s`."""
        return self._recorder.hub.flush(timeout_s=timeout_s)

    def shutdown(self, *, timeout_s: float | None = None) -> FlushResult:
        """Deliver what can be delivered within `timeout_s` and stop; what comes later is dropped.

        None means `AGENTTRACE_SHUTDOWN_TIMEOUT_S`. Integrations are turned off. The end of the
        program delivers by itself.
        """
        self.uninstrument()
        limit = self._settings.shutdown_timeout_s if timeout_s is None else timeout_s
        return self._recorder.hub.shutdown(timeout_s=limit)

    def stats(self) -> Stats:
        """Return what became of every record, and what went wrong."""
        return self._recorder.hub.stats()
