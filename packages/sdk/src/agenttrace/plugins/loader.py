"""Loading plugins and asking their hooks, each in isolation: one that fails harms no other."""

from __future__ import annotations

import inspect
import sys
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from time import perf_counter
from typing import TYPE_CHECKING, Final, TypeVar

import pluggy

from agenttrace.errors import PluginError
from agenttrace.guard import log_warning
from agenttrace.plugins import builtin, hookspecs
from agenttrace.plugins.calls import PLUGIN_TIMEOUT_S, call_within, describe_error
from agenttrace.plugins.claims import BUILTIN, SpecT
from agenttrace.plugins.markers import OLDEST_PLUGIN_API, PLUGIN_API_VERSION, PROJECT
from agenttrace.plugins.specs import PluginFailure, PluginInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agenttrace.settings import Settings

API_ATTRIBUTE: Final = "AGENTTRACE_PLUGIN_API"
"""A plugin may set this to the PLUGIN_API_VERSION that it was written for."""

_Result = TypeVar("_Result")


class Loader:
    """The plugins of one manager. Not safe on two threads at once: the manager has the lock."""

    def __init__(
        self,
        *,
        settings: Settings,
        plugins: Iterable[tuple[str, object]] | None,
        find: Callable[[], Iterable[EntryPoint]] | None,
        timeout_s: float = PLUGIN_TIMEOUT_S,
    ) -> None:
        self.is_loaded = False
        self.failures: list[PluginFailure] = []
        self._settings = settings
        self._given = None if plugins is None else list(plugins)
        self._find = find or _find_entry_points
        self._timeout_s = timeout_s
        self._out_of_use: set[str] = set()
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._manager.register(builtin, name=BUILTIN)
        self._sources: dict[str, tuple[str, str]] = {BUILTIN: ("agenttrace", _read_version())}

    # What there is

    def plugins(self) -> list[PluginInfo]:
        """Return the plugins in use, by name."""
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
            if plugin is not None and self.is_in_use(name)
        ]
        return sorted(found, key=lambda info: info.name)

    def is_in_use(self, name: str) -> bool:
        """Tell whether the plugin of this name was loaded and has not failed since."""
        return self._manager.has_plugin(name) and name not in self._out_of_use

    def name_owner(self, plugin: str) -> str:
        """Return the distribution that a plugin came with, else the plugin's own name."""
        return self._sources.get(plugin, ("", ""))[0] or plugin

    def fail(
        self,
        name: str,
        error: str,
        *,
        source: tuple[str, str] | None = None,
        cause: BaseException | None = None,
    ) -> None:
        """List a plugin, or a part of one, as failed.

        Raises:
            PluginError: with `AGENTTRACE_STRICT_PLUGINS=1`.

        """
        distribution, version = source or self._sources.get(name, ("", ""))
        failure = PluginFailure(name=name, distribution=distribution, version=version, error=error)
        if failure not in self.failures:
            self.failures.append(failure)
        if self._settings.strict_plugins:
            raise PluginError(f"plugin {name} ({distribution} {version}): {error}") from cause

    # Loading

    def load(self) -> None:
        """Load every plugin that may load, once."""
        if self.is_loaded:
            return
        self.is_loaded = True
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
                self.fail(name, error, source=(both, ""))
            else:
                points.append(claims[0])
        for name in sorted(set(allowed or ()) - by_name.keys() - {BUILTIN}):
            log_warning(f"AGENTTRACE_PLUGINS names {name!r}, but no such plugin is installed")
        return points

    def _load_one(self, point: EntryPoint) -> None:
        self._sources[point.name] = _describe_source(point)
        try:
            plugin: object = self.call(point.name, f"import {point.value}", point.load)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 -- a plugin's import may raise anything
            self.fail(point.name, f"import failed: {describe_error(error)}", cause=error)
            return
        self._register(point.name, plugin)

    def _register(self, name: str, plugin: object) -> None:
        try:
            self.call(name, "register", lambda: self._try_to_register(name, plugin))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 -- as in _load_one
            # pluggy leaves a plugin in place whose registration raised: its earlier hooks answer.
            self._unregister(name)
            self.fail(name, f"registration failed: {describe_error(error)}", cause=error)

    def _try_to_register(self, name: str, plugin: object) -> None:
        _check_api(plugin)
        self._manager.register(plugin, name=name)
        for hook in self._manager.get_hookcallers(plugin) or []:
            for impl in hook.get_hookimpls():
                if impl.plugin_name == name and hook.has_spec():
                    _check_function(hook.name, impl)

    def _refuse_unknown_hooks(self) -> None:
        while True:
            try:
                self._manager.check_pending()
            except pluggy.PluginValidationError as error:
                name = self._manager.get_name(error.plugin) or ""
                self._unregister(name)
                known = ", ".join(HOOK_NAMES)
                self.fail(name, f"{describe_error(error)} The hooks are: {known}.", cause=error)
            else:
                return

    def _unregister(self, name: str) -> None:
        # A registration that took too long may still come to its end, on the thread left behind.
        self._out_of_use.add(name)
        if self._manager.has_plugin(name):
            self._manager.unregister(name=name)

    # Calling

    def ask(self, hook: str, kind: type[SpecT]) -> list[tuple[str, SpecT]]:
        """Ask each plugin by itself: pluggy's own call would end with the first that raises."""
        found: list[tuple[str, SpecT]] = []
        for impl in getattr(self._manager.hook, hook).get_hookimpls():
            name = impl.plugin_name
            if name in self._out_of_use:
                continue
            try:
                # Bound now: a call that hangs may begin when this loop is elsewhere.
                specs = self.call(name, f"{hook}()", partial(_ask_one, impl, kind))
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001 -- as in _load_one
                self._unregister(name)
                self.fail(name, f"{hook} failed: {describe_error(error)}", cause=error)
            else:
                found += [(name, spec) for spec in specs]
        return found

    def call(self, name: str, what: str, function: Callable[[], _Result]) -> _Result:
        """Return what a plugin's function returns, within the time that a plugin has."""
        return self.watch(name, what, partial(self._call, name, function))

    def watch(self, name: str, what: str, function: Callable[[], _Result]) -> _Result:
        """Return what `function` returns; `AGENTTRACE_TRACE_PLUGINS=1` tells standard error."""
        if not self._settings.trace_plugins:
            return function()
        start = perf_counter()
        try:
            result = function()
        except BaseException as error:
            _tell(name, what, start, f"raised {describe_error(error)}")
            raise
        _tell(name, what, start, _show(result))
        return result

    def _call(self, name: str, function: Callable[[], _Result]) -> _Result:
        # What this package registers is trusted, and a thread for each would be for nothing.
        return function() if name == BUILTIN else call_within(function, timeout_s=self._timeout_s)


HOOK_NAMES: Final = tuple(sorted(name for name in vars(hookspecs) if name.startswith(PROJECT)))


def _check_api(plugin: object) -> None:
    wanted = getattr(plugin, API_ATTRIBUTE, PLUGIN_API_VERSION)
    if not isinstance(wanted, int) or wanted > PLUGIN_API_VERSION:
        raise PluginError(
            f"it needs plugin API {wanted!r}, this agenttrace has {PLUGIN_API_VERSION}: "
            "upgrade agenttrace"
        )
    if wanted < OLDEST_PLUGIN_API:
        raise PluginError(
            f"it was written for plugin API {wanted!r}, this agenttrace takes "
            f"{OLDEST_PLUGIN_API} and later: upgrade the plugin"
        )


def _check_function(hook: str, impl: pluggy.HookImpl) -> None:
    if impl.hookwrapper or impl.wrapper:
        raise PluginError(f"{hook} is a hook wrapper; wrappers are not supported")
    if inspect.iscoroutinefunction(impl.function) or inspect.isasyncgenfunction(impl.function):
        raise PluginError(f"{hook} is async; hooks are plain functions")


def _ask_one(impl: pluggy.HookImpl, kind: type[SpecT]) -> list[SpecT]:
    return _check_specs(impl.function(), kind)


def _check_specs(result: object, kind: type[SpecT]) -> list[SpecT]:
    if hasattr(result, "__await__") or hasattr(result, "__aiter__"):
        close = getattr(result, "close", None)
        if close is not None:  # or Python warns that it was never awaited
            close()
        raise TypeError("it is async; hooks are plain functions")
    specs: list[object] = list(result)  # type: ignore[call-overload]  # what is no iterable raises
    checked: list[SpecT] = []
    for spec in specs:
        if not isinstance(spec, kind):
            raise TypeError(f"it returned a {type(spec).__name__}; expected {kind.__name__}")
        spec.check()
        checked.append(spec)
    return checked


def _tell(name: str, what: str, start: float, outcome: str) -> None:
    took_ms = (perf_counter() - start) * 1_000
    print(f"agenttrace plugin {name}: {what}: {outcome} ({took_ms:.1f} ms)", file=sys.stderr)  # noqa: T201 -- asked for by a setting


def _show(result: object) -> str:
    if isinstance(result, list):
        return f"[{', '.join(getattr(spec, 'name', '?') for spec in result)}]"
    return "done"


def _find_entry_points() -> Iterable[EntryPoint]:
    return entry_points(group=PROJECT)


def _describe_source(point: EntryPoint) -> tuple[str, str]:
    return ("", "") if point.dist is None else (point.dist.name, point.dist.version)


def _read_version() -> str:
    from agenttrace import __version__  # noqa: PLC0415 -- the package may be what imports this

    return __version__
