"""The plugins of one tracer or one command, and what they add."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast

from agenttrace.errors import ConfigurationError
from agenttrace.plugins import builtin
from agenttrace.plugins.calls import PLUGIN_TIMEOUT_S, describe_error
from agenttrace.plugins.claims import BUILTIN, settle_claims
from agenttrace.plugins.loader import Loader
from agenttrace.plugins.specs import (
    CodecSpec,
    CommandSpec,
    ExporterSpec,
    IntegrationSpec,
    PluginFailure,
    PluginInfo,
    PriceTableSpec,
    ProcessorSpec,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from importlib.metadata import EntryPoint

    from agenttrace.guard import Guard
    from agenttrace.pipeline.export import Exporter
    from agenttrace.pipeline.processor import Processor
    from agenttrace.plugins.claims import SpecT
    from agenttrace.plugins.integrator import Integrator
    from agenttrace.plugins.protocols import PriceTableLike
    from agenttrace.plugins.specs import Spec
    from agenttrace.settings import Settings
    from agenttrace.tracer import Tracer

_Result = TypeVar("_Result")


class PluginManager:
    """The plugins of one tracer or one command. Loads on first use; safe on any thread.

    With `plugins`, given as `(name, module or object)`, exactly those are used beside the built-in
    one and no entry point is looked at: that is for tests. A plugin whose import, hook or factory
    takes longer than `timeout_s` is out of use.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        plugins: Iterable[tuple[str, object]] | None = None,
        find: Callable[[], Iterable[EntryPoint]] | None = None,
        timeout_s: float = PLUGIN_TIMEOUT_S,
    ) -> None:
        self._settings = settings
        self._lock = threading.RLock()
        self._loader = Loader(settings=settings, plugins=plugins, find=find, timeout_s=timeout_s)
        self._answers: dict[str, list[tuple[str, Spec]]] = {}

    # What there is

    def exporters(self) -> list[ExporterSpec]:
        """Return all exporters by name; a name that two plugins claim belongs to neither."""
        return self._collect("agenttrace_exporters", ExporterSpec)

    def processors(self) -> list[ProcessorSpec]:
        """Return all processors by `(order, name)`; names as those of exporters."""
        return self._collect("agenttrace_processors", ProcessorSpec)

    def codecs(self) -> list[CodecSpec]:
        """Return all codecs by name; a name or type that two plugins claim belongs to neither."""
        return self._collect("agenttrace_codecs", CodecSpec)

    def price_tables(self) -> list[PriceTableSpec]:
        """Return all price tables by `(order, name)`; names as those of exporters."""
        return self._collect("agenttrace_price_tables", PriceTableSpec)

    def integrations(self) -> list[IntegrationSpec]:
        """Return all integrations by `(order, name)`; names as those of exporters."""
        return self._collect("agenttrace_integrations", IntegrationSpec)

    def commands(self) -> list[CommandSpec]:
        """Return all subcommands by name; a name that two plugins claim belongs to neither."""
        return self._collect("agenttrace_cli", CommandSpec)

    def plugins(self) -> list[PluginInfo]:
        """Return the plugins in use, by name."""
        self.load()
        return self._loader.plugins()

    def versions(self) -> list[str]:
        """Return the plugins in use beside the built-in one, as a run's resource tells them.

        Each is `name==version`, by name. The name is the distribution's.
        A plugin that no distribution brought has no version.
        """
        texts = {
            f"{info.distribution or info.name}=={info.version}" if info.version else info.name
            for info in self.plugins()
            if info.name != BUILTIN
        }
        return sorted(texts)

    def failures(self) -> list[PluginFailure]:
        """Return what is not in use and why: after every hook was asked once, by name."""
        for collect in (
            self.exporters,
            self.processors,
            self.codecs,
            self.price_tables,
            self.integrations,
            self.commands,
        ):
            collect()
        return sorted(self._loader.failures, key=lambda failure: (failure.name, failure.error))

    def load(self) -> None:
        """Load every plugin that may load, once.

        Raises:
            PluginError: for the first that fails, with `AGENTTRACE_STRICT_PLUGINS=1` only.

        """
        with self._lock:
            self._loader.load()

    def fail(self, plugin: str, error: str) -> None:
        """List a plugin, or a part of one, as failed: what its objects did when they were used.

        Raises:
            PluginError: with `AGENTTRACE_STRICT_PLUGINS=1`.

        """
        with self._lock:
            self._loader.fail(plugin, error)

    # What it makes

    def make_exporter(self, text: str) -> tuple[str, Exporter]:
        """Return the name and a new exporter for a text such as `jsonl:./t.jsonl`.

        Raises:
            ConfigurationError: when there is none of that name, or its factory refuses the target.

        """
        # The built-in ones cannot be taken over, so they need no search among installed plugins.
        own = list(builtin.agenttrace_exporters())
        found = _match(text, own) or _match(text, self.exporters())
        if found is None:
            raise ConfigurationError(self._describe_unknown(text))
        spec, target = found
        try:
            make = partial(spec.factory, target, api_key=self._settings.api_key)
            exporter: object = self.watch(spec, f"make exporter {spec.name}", make)
            is_exporter = callable(getattr(exporter, "export", None))
        except (ConfigurationError, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise ConfigurationError(
                f"the exporter {spec.name} could not be made for {text!r}: {describe_error(error)}"
            ) from error
        if not is_exporter:
            raise ConfigurationError(
                f"the factory of exporter {spec.name} returned a {type(exporter).__name__} "
                "without export(); tell its author"
            )
        return spec.name, exporter  # type: ignore[return-value]  # duck-typed: a plugin need not inherit

    def make_processors(self) -> list[tuple[str, Processor]]:
        """Return new processors with their names, by `(order, name)`, if active with the settings.

        A factory that raises, hangs, or returns something else is listed among the failures.
        """
        from agenttrace.pipeline.processor import Processor  # noqa: PLC0415 -- when there is one

        made = []
        for spec in self.processors():
            processor = self._make(spec, partial(spec.factory, self._settings))
            if isinstance(processor, Processor):
                made.append((spec.name, processor))
            elif processor is not None:
                kind = type(processor).__name__
                self._refuse(spec, f"its factory returned a {kind}, which is no Processor")
        return made

    def make_price_tables(self) -> list[tuple[str, PriceTableLike]]:
        """Return new price tables with their names, by `(order, name)`; failures as processors'."""
        made = []
        for spec in self.price_tables():
            table = self._make(spec, partial(_make_table, spec))
            if table is not None:
                made.append((spec.name, cast("PriceTableLike", table)))
        return made

    def make_integrator(self, *, tracer: Tracer, guard: Guard) -> Integrator:
        """Return what turns integrations on and off for `tracer`."""
        from agenttrace.plugins.integrator import Integrator  # noqa: PLC0415 -- when it is called

        return Integrator(manager=self, tracer=tracer, guard=guard)

    def watch(self, spec: Spec, what: str, function: Callable[[], _Result]) -> _Result:
        """Return what a part of a plugin returns, told as `AGENTTRACE_TRACE_PLUGINS` asks for."""
        return self._loader.watch(self.find_plugin(spec) or BUILTIN, what, function)

    def find_plugin(self, spec: Spec) -> str:
        """Return the name of the plugin that a spec came from; empty when it came from none."""
        answers = [each for answer in self._answers.values() for each in answer]
        for plugin, answer in answers:
            if answer is spec:
                return plugin
        for plugin, answer in answers:  # one that lost a claim is a copy
            if type(answer) is type(spec) and answer.name == spec.name:
                return plugin
        return ""

    def _make(self, spec: ProcessorSpec | PriceTableSpec, make: Callable[[], object]) -> object:
        try:
            return self._loader.call(self.find_plugin(spec), f"make {spec.name}", make)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 -- a plugin's factory may raise anything
            self._refuse(spec, describe_error(error))
            return None

    def _refuse(self, spec: ProcessorSpec | PriceTableSpec, why: str) -> None:
        noun = "processor" if isinstance(spec, ProcessorSpec) else "price table"
        self.fail(self.find_plugin(spec), f"the {noun} {spec.name!r} is not in use: {why}")

    def _describe_unknown(self, text: str) -> str:
        names = []
        for spec in self.exporters():
            schemes = "".join(f", {scheme}://…" for scheme in spec.schemes)
            names.append(f"{spec.name}{schemes}")
        message = f"there is no exporter for {text!r}; there are: {'; '.join(names)}."
        return message + self.describe_failed()

    def describe_failed(self) -> str:
        """Return a sentence that names the plugins that failed; empty when none did."""
        failed = sorted({failure.name for failure in self._loader.failures})
        if not failed:
            return ""
        return f" These plugins failed to load: {', '.join(failed)} (see agenttrace plugins)."

    # Asking

    def _collect(self, hook: str, kind: type[SpecT]) -> list[SpecT]:
        with self._lock:
            self._loader.load()
            if hook not in self._answers:
                self._answers[hook] = list(self._loader.ask(hook, kind))
            wishes = [
                (plugin, cast("SpecT", spec))
                for plugin, spec in self._answers[hook]
                if self._loader.is_in_use(plugin)
            ]
            specs, refused = settle_claims(kind, wishes, name_owner=self._loader.name_owner)
            for claim in refused:
                self._loader.fail(claim.plugin, claim.error)
            return specs


def _make_table(spec: PriceTableSpec) -> object:
    table = spec.factory()
    if not callable(getattr(table, "find_price", None)):
        raise TypeError(f"its factory returned a {type(table).__name__} without find_price()")
    return table


def _match(text: str, specs: list[ExporterSpec]) -> tuple[ExporterSpec, str] | None:
    scheme, separator, _ = text.partition("://")
    if separator:
        for spec in specs:
            if scheme.lower() in spec.schemes:
                return spec, text
    name, _, target = text.partition(":")
    return next(((spec, target) for spec in specs if spec.name == name.strip()), None)
