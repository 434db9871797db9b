"""Integrations turned on and off for one tracer: one that fails harms no other."""

from __future__ import annotations

import sys
import threading
from functools import partial
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from agenttrace.errors import ConfigurationError
from agenttrace.plugins.calls import describe_error

if TYPE_CHECKING:
    from agenttrace.guard import Guard
    from agenttrace.plugins.manager import PluginManager
    from agenttrace.plugins.specs import IntegrationSpec
    from agenttrace.tracer import Tracer

_FUNCTIONS: Final = ("instrument", "uninstrument")


class Integrator:
    """The integrations of one tracer. Safe on any thread; each is on at most once."""

    def __init__(self, *, manager: PluginManager, tracer: Tracer, guard: Guard) -> None:
        self._manager = manager
        self._tracer = tracer
        self._guard = guard
        self._lock = threading.RLock()
        self._on: dict[str, IntegrationSpec] = {}

    def turn_on(self, name: str | None) -> list[str]:
        """Turn on one integration, or with None each whose modules are there; return what is on.

        What an integration raises is counted in `Tracer.stats()` as `instrument:NAME`, logged once,
        and listed among the plugins' failures; it is turned off again, and the others go on.

        Raises:
            ConfigurationError: when there is none of this name, or it lacks its modules.
            PluginError: for one that fails, with `AGENTTRACE_STRICT_PLUGINS=1` only.

        """
        with self._lock:
            specs = self._manager.integrations()
            if name is None:
                chosen = [spec for spec in specs if not list_missing(spec)]
            else:
                chosen = [self._find(name, specs)]
            for spec in chosen:
                if spec.name not in self._on:
                    self._turn_on_one(spec)
            return list(self._on)

    def turn_off(self, name: str | None) -> list[str]:
        """Turn off one integration, or with None all, last first; return what is still on.

        Raises:
            ConfigurationError: when there is none of this name.

        """
        with self._lock:
            if name is None:
                chosen = list(reversed(self._on.values()))
            elif name in self._on:
                chosen = [self._on[name]]
            else:
                self._get(name, self._manager.integrations())
                chosen = []
            for spec in chosen:
                del self._on[spec.name]
                self._call(spec, "uninstrument")
            return list(self._on)

    def _turn_on_one(self, spec: IntegrationSpec) -> None:
        self._on[spec.name] = spec
        error = self._call(spec, "instrument")
        if error is None:
            return
        del self._on[spec.name]
        # It may have replaced half of what it meant to. What that raises is of no interest.
        self._call(spec, "uninstrument", is_told=False)
        reason = f"the integration {spec.name!r} was not turned on: {describe_error(error)}"
        self._manager.fail(self._manager.find_plugin(spec), reason)

    def _call(
        self, spec: IntegrationSpec, function: str, *, is_told: bool = True
    ) -> BaseException | None:
        """Call a function of the target; return what it raised."""
        try:
            module = import_module(spec.target)
            for each in _FUNCTIONS:
                if not callable(getattr(module, each, None)):
                    raise TypeError(f"{spec.target} has no function {each}(tracer)")  # noqa: TRY301 -- told like what the target raises
            call = partial(getattr(module, function), self._tracer)
            self._manager.watch(spec, f"{function} {spec.name}", call)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 -- a plugin's code may raise anything
            if is_told:
                kind = f"{function}:{spec.name}"
                self._guard.warn(kind, f"{kind}: {describe_error(error)}", error=error)
            return error
        return None

    def _find(self, name: str, specs: list[IntegrationSpec]) -> IntegrationSpec:
        spec = self._get(name, specs)
        missing = list_missing(spec)
        if missing:
            modules = "the module " if len(missing) == 1 else "the modules "
            raise ConfigurationError(
                f"the integration {name!r} needs {modules}{', '.join(missing)}, not installed here"
            )
        return spec

    def _get(self, name: str, specs: list[IntegrationSpec]) -> IntegrationSpec:
        for spec in specs:
            if spec.name == name:
                return spec
        names = ", ".join(spec.name for spec in specs)
        failed = self._manager.describe_failed()
        raise ConfigurationError(f"there is no integration {name!r}; there are: {names}.{failed}")


def list_missing(spec: IntegrationSpec) -> list[str]:
    """Return the modules that the integration needs and that cannot be imported; imports none."""
    return [module for module in spec.modules if not _is_importable(module)]


def _is_importable(module: str) -> bool:
    if sys.modules.get(module) is not None:
        return True
    top, *rest = module.split(".")
    try:
        # find_spec of a dotted name imports its parents: they may be heavy.
        found = find_spec(top)
        for part in rest:
            if found is None or found.submodule_search_locations is None:
                return False
            top = f"{top}.{part}"
            found = PathFinder.find_spec(top, found.submodule_search_locations)
    except (ImportError, ValueError):  # a finder that fails; a module without __spec__
        return False
    except KeyError:  # a namespace within a package, whose parent it wants imported: believed
        return True
    return found is not None
