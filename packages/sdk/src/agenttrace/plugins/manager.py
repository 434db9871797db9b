"""Finding and loading plugins, each in isolation: one that fails is listed, and harms no other."""

from __future__ import annotations

import threading
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pluggy

from agenttrace.errors import ConfigurationError, PluginError
from agenttrace.guard import log_warning
from agenttrace.plugins import builtin, hookspecs
from agenttrace.plugins.markers import PLUGIN_API_VERSION, PROJECT
from agenttrace.plugins.specs import CommandSpec, ExporterSpec, PluginFailure, PluginInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agenttrace.pipeline.export import Exporter
    from agenttrace.settings import Settings

BUILTIN: Final = "builtin"
API_ATTRIBUTE: Final = "AGENTTRACE_PLUGIN_API"
"""A plugin may set this to the PLUGIN_API_VERSION that it was written for."""

_Spec = TypeVar("_Spec", ExporterSpec, CommandSpec)


class PluginManager:
    """The plugins of one tracer or one command. Loads on first use; safe on any thread.

    With `plugins`, given as `(name, module or object)`, exactly those are used beside the built-in
    one and no entry point is looked at: that is for tests.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        plugins: Iterable[tuple[str, object]] | None = None,
        find: Callable[[], Iterable[EntryPoint]] | None = None,
    ) -> None:
        self._settings = settings
        self._given = None if plugins is None else list(plugins)
        self._find = find or _find_entry_points
        self._lock = threading.RLock()
        self._is_loaded = False
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._manager.register(builtin, name=BUILTIN)
        self._sources: dict[str, tuple[str, str]] = {BUILTIN: ("agenttrace", _read_version())}
        self._failures: list[PluginFailure] = []

    # What there is

    def exporters(self) -> list[ExporterSpec]:
        """Return all exporters by name; a name that two plugins claim belongs to neither."""
        self.load()
        return self._collect("agenttrace_exporters", ExporterSpec)

    def commands(self) -> list[CommandSpec]:
        """Return all subcommands by name; a name that two plugins claim belongs to neither."""
        self.load()
        return self._collect("agenttrace_cli", CommandSpec)

    def plugins(self) -> list[PluginInfo]:
        """Return the plugins in use, by name."""
        self.load()
        found = [
            PluginInfo(
                name=name,
                distribution=self._sources[name][0],
                version=self._sources[name][1],
                hooks=tuple(
                    sorted(hook.name for hook in self._manager.get_hookcallers(plugin) or [])
                ),
            )
            for name, plugin in self._manager.list_name_plugin()
            if plugin is not None
        ]
        return sorted(found, key=lambda info: info.name)

    def failures(self) -> list[PluginFailure]:
        """Return what is not in use and why: after every hook was asked once, by name."""
        self.exporters()
        self.commands()
        return sorted(set(self._failures), key=lambda failure: (failure.name, failure.error))

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
            exporter: object = spec.factory(target, api_key=self._settings.api_key)
            is_exporter = callable(getattr(exporter, "export", None))
        except (ConfigurationError, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise ConfigurationError(
                f"the exporter {spec.name} could not be made for {text!r}: {_describe(error)}"
            ) from error
        if not is_exporter:
            raise ConfigurationError(
                f"the factory of exporter {spec.name} returned a {type(exporter).__name__} "
                "without export(); tell its author"
            )
        return spec.name, exporter  # type: ignore[return-value]  # duck-typed: a plugin need not inherit

    def _describe_unknown(self, text: str) -> str:
        names = []
        for spec in self.exporters():
            schemes = "".join(f", {scheme}://…" for scheme in spec.schemes)
            names.append(f"{spec.name}{schemes}")
        message = f"there is no exporter for {text!r}; there are: {'; '.join(names)}."
        failed = sorted({failure.name for failure in self._failures})
        if failed:
            message += (
                f" These plugins failed to load: {', '.join(failed)} (see agenttrace plugins)."
            )
        return message

    # Loading

    def load(self) -> None:
        """Load every plugin that may load, once.

        Raises:
            PluginError: for the first that fails, with `AGENTTRACE_STRICT_PLUGINS=1` only.

        """
        with self._lock:
            if self._is_loaded:
                return
            self._is_loaded = True
            if self._given is not None:
                for name, plugin in self._given:
                    self._sources[name] = ("", "")
                    self._register(name, plugin)
            else:
                for point in self._list_allowed():
                    self._load_one(point)
            self._refuse_unknown_hooks()

    def _list_allowed(self) -> list[EntryPoint]:
        allowed = self._settings.plugins
        by_name: dict[str, list[EntryPoint]] = {}
        for point in self._find():
            if point.value != builtin.__name__ and (allowed is None or point.name in allowed):
                by_name.setdefault(point.name, []).append(point)
        points: list[EntryPoint] = []
        for name in sorted(by_name):
            claims = by_name[name]
            owners = sorted({_describe_source(point)[0] for point in claims})
            if len(claims) > 1 or name == BUILTIN:
                both = " and ".join([*owners, "agenttrace"] if name == BUILTIN else owners)
                error = f"the plugin name {name!r} is claimed by {both}: none of them is loaded"
                self._fail(name, error, source=(both, ""))
            else:
                points.append(claims[0])
        for name in sorted(set(allowed or ()) - by_name.keys() - {BUILTIN}):
            log_warning(f"AGENTTRACE_PLUGINS names {name!r}, but no such plugin is installed")
        return points

    def _load_one(self, point: EntryPoint) -> None:
        self._sources[point.name] = _describe_source(point)
        try:
            plugin: object = point.load()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 -- a plugin's import may raise anything
            self._fail(point.name, f"import failed: {_describe(error)}", cause=error)
            return
        self._register(point.name, plugin)

    def _register(self, name: str, plugin: object) -> None:
        try:
            _check_api(plugin)
            self._manager.register(plugin, name=name)
            self._refuse_wrappers(name, plugin)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 -- as in _load_one
            # pluggy leaves a plugin in place whose registration raised: its earlier hooks answer.
            self._unregister(name)
            self._fail(name, f"registration failed: {_describe(error)}", cause=error)

    def _refuse_wrappers(self, name: str, plugin: object) -> None:
        for hook in self._manager.get_hookcallers(plugin) or []:
            for impl in hook.get_hookimpls():
                if impl.plugin_name == name and (impl.hookwrapper or impl.wrapper):
                    raise PluginError(f"{hook.name} is a hook wrapper; wrappers are not supported")

    def _refuse_unknown_hooks(self) -> None:
        while True:
            try:
                self._manager.check_pending()
            except pluggy.PluginValidationError as error:
                name = self._manager.get_name(error.plugin) or ""
                self._unregister(name)
                known = ", ".join(sorted(n for n in vars(hookspecs) if n.startswith(PROJECT)))
                self._fail(name, f"{_describe(error)} The hooks are: {known}.", cause=error)
            else:
                return

    def _unregister(self, name: str) -> None:
        if self._manager.has_plugin(name):
            self._manager.unregister(name=name)

    def _fail(
        self,
        name: str,
        error: str,
        *,
        source: tuple[str, str] | None = None,
        cause: BaseException | None = None,
    ) -> None:
        distribution, version = source or self._sources.get(name, ("", ""))
        self._failures.append(
            PluginFailure(name=name, distribution=distribution, version=version, error=error)
        )
        if self._settings.strict_plugins:
            raise PluginError(f"plugin {name} ({distribution} {version}): {error}") from cause

    # Calling

    def _collect(self, hook: str, kind: type[_Spec]) -> list[_Spec]:
        with self._lock:
            claims: dict[str, list[tuple[str, _Spec]]] = {}
            for plugin, spec in self._call(hook, kind):
                claims.setdefault(spec.name, []).append((plugin, spec))
            specs: list[_Spec] = []
            for name, owners in sorted(claims.items()):
                winner = self._settle_claim(kind, name, owners)
                if winner is not None:
                    specs.append(winner)
        return specs

    def _settle_claim(
        self, kind: type[_Spec], name: str, owners: list[tuple[str, _Spec]]
    ) -> _Spec | None:
        if len(owners) == 1:
            return owners[0][1]
        own = next((spec for plugin, spec in owners if plugin == BUILTIN), None)
        noun = kind.__name__.removesuffix("Spec").lower()
        names = " and ".join(sorted(self._name_owner(plugin) for plugin, _ in owners))
        fate = "the built-in one is kept" if own else "it belongs to none of them"
        for plugin, _ in owners:
            if plugin != BUILTIN:
                self._fail(plugin, f"the {noun} {name!r} is claimed by {names}: {fate}")
        return own

    def _name_owner(self, plugin: str) -> str:
        return self._sources[plugin][0] or plugin

    def _call(self, hook: str, kind: type[_Spec]) -> list[tuple[str, _Spec]]:
        """Ask each plugin by itself: pluggy's own call would end with the first that raises."""
        found: list[tuple[str, _Spec]] = []
        for impl in getattr(self._manager.hook, hook).get_hookimpls():
            try:
                specs = _check_specs(impl.function(), kind)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001 -- as in _load_one
                self._unregister(impl.plugin_name)
                self._fail(impl.plugin_name, f"{hook} failed: {_describe(error)}", cause=error)
            else:
                found += [(impl.plugin_name, spec) for spec in specs]
        return found


def _check_api(plugin: object) -> None:
    wanted = getattr(plugin, API_ATTRIBUTE, PLUGIN_API_VERSION)
    if not isinstance(wanted, int) or wanted > PLUGIN_API_VERSION:
        raise PluginError(
            f"it needs plugin API {wanted!r}, this agenttrace has {PLUGIN_API_VERSION}: "
            "upgrade agenttrace"
        )


def _check_specs(result: Any, kind: type[_Spec]) -> list[_Spec]:
    if hasattr(result, "close") and hasattr(result, "cr_frame"):
        result.close()
        raise TypeError("it is async; hooks are plain functions")
    specs = list(result)
    for spec in specs:
        if not isinstance(spec, kind):
            raise TypeError(f"it returned a {type(spec).__name__}; expected {kind.__name__}")
        spec.check()
    return specs


def _match(text: str, specs: list[ExporterSpec]) -> tuple[ExporterSpec, str] | None:
    scheme, separator, _ = text.partition("://")
    if separator:
        for spec in specs:
            if scheme.lower() in spec.schemes:
                return spec, text
    name, _, target = text.partition(":")
    return next(((spec, target) for spec in specs if spec.name == name.strip()), None)


def _find_entry_points() -> Iterable[EntryPoint]:
    return entry_points(group=PROJECT)


def _describe_source(point: EntryPoint) -> tuple[str, str]:
    return ("", "") if point.dist is None else (point.dist.name, point.dist.version)


def _describe(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:500]
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 -- a __str__ is a plugin's code
        return type(error).__name__


def _read_version() -> str:
    from agenttrace import __version__  # noqa: PLC0415 -- the package may be what imports this

    return __version__
