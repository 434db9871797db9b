"""Calls into plugins: on a thread of their own, so that one which hangs does not hang the host."""

from __future__ import annotations

import sys
import threading
from types import ModuleType
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

PLUGIN_TIMEOUT_S: Final = 10.0
"""How long a plugin may take for its import, for one hook, or for one factory."""

_Result = TypeVar("_Result")


class _Call(Generic[_Result]):
    def __init__(self, function: Callable[[], _Result]) -> None:
        self._function = function
        self.done = threading.Event()
        self.error: BaseException | None = None
        self.results: list[_Result] = []

    def run(self) -> None:
        try:
            self.results.append(self._function())
        except BaseException as error:  # noqa: BLE001 -- raised again by call_within
            self.error = error
        finally:
            self.done.set()


def call_within(function: Callable[[], _Result], *, timeout_s: float) -> _Result:
    """Return what `function()` returns, or raise what it raises.

    A thread that takes longer is left behind: it is a daemon, and what it returns is not used.
    While a module is being imported the call is made on this thread, without a deadline: another
    one would wait for the import lock that this one holds.

    Raises:
        TimeoutError: when it takes longer than `timeout_s`.

    """
    call = _Call(function)
    if _is_importing() or not _start(call):
        return function()
    if not call.done.wait(timeout_s):
        raise TimeoutError(f"it took longer than {timeout_s:g} s")
    if call.error is not None:
        try:
            raise call.error
        finally:
            call.error = None  # the error's traceback holds this frame, and so itself
    return call.results[0]


def _start(call: _Call[_Result]) -> bool:
    try:
        threading.Thread(target=call.run, name="agenttrace-plugin", daemon=True).start()
    except RuntimeError:  # the interpreter is going down, or there are no threads
        return False
    return True


def _is_importing() -> bool:
    for module in list(sys.modules.values()):
        # Anything may lie in sys.modules, and attributes may be code: only its dict is read.
        if issubclass(type(module), ModuleType):
            spec = object.__getattribute__(module, "__dict__").get("__spec__")
            if getattr(spec, "_initializing", False):
                return True
    return False


def describe_error(error: BaseException) -> str:
    """Return the error's type and text in at most 500 characters, whatever its `__str__` does."""
    try:
        return f"{type(error).__name__}: {error}"[:500]
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 -- a __str__ is a plugin's code
        return type(error).__name__
