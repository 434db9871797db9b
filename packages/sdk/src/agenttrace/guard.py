"""The boundary: what goes wrong inside the recorder is counted and logged, never raised."""

from __future__ import annotations

from functools import partial
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import CodeType, TracebackType

LOGGER_NAME: Final = "agenttrace"


class Guard:
    """Counts internal errors by kind and logs the first of each kind as a warning.

    Safe on any thread. What the user raises from without is never contained: a `KeyboardInterrupt`,
    and whatever a signal's handler of the program's own raised.
    """

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def note(self, kind: str, error: BaseException) -> None:
        """Count `error` under `kind`, log the first of the kind; raise again what is the user's."""
        # isinstance() may ask the error itself
        if issubclass(type(error), KeyboardInterrupt) or _is_from_signal(error):
            raise error
        self.warn(kind, f"{kind}: {_name_type(error)}", error=error)

    def warn(self, kind: str, message: str, *, error: BaseException | None = None) -> None:
        """Count `kind` and log `message` the first time it happens."""
        count = self._counts.get(kind, 0) + 1
        self._counts[kind] = count
        if count == 1:
            log_warning(message, error=error)

    def counts(self) -> dict[str, int]:
        """Return how often each kind happened."""
        return dict(self._counts)


class Boundary:
    """A `with` block out of which nothing comes but what is the user's; see `Guard`."""

    __slots__ = ("_guard", "_kind")

    def __init__(self, guard: Guard, kind: str) -> None:
        self._guard = guard
        self._kind = kind

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if error is not None:
            self._guard.note(self._kind, error)
        return True


def log_warning(message: str, *, error: BaseException | None = None) -> None:
    """Log one warning; whatever a handler of the host raises stays here."""
    try:
        # logging takes 10 ms to import; most runs warn of nothing.
        import logging  # noqa: PLC0415

        logger = logging.getLogger(LOGGER_NAME)
        logger.warning("%s", message, exc_info=error if _is_printable(error) else None)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001, S110 -- a handler is user code; no one is left to tell
        pass


def _is_from_signal(error: BaseException) -> bool:
    """Tell whether a handler of a signal raised this, which interrupted the recorder by chance.

    Python runs handlers on the main thread, between any two steps of whatever runs there. One that
    calls `sys.exit` or raises a timeout means the program, wherever that was.
    """
    try:
        import signal  # noqa: PLC0415 -- only an error asks, and most runs have none
        import threading  # noqa: PLC0415 -- as signal

        if threading.current_thread() is not threading.main_thread():
            return False
        codes = {_find_code(signal.getsignal(number)) for number in signal.valid_signals()}
    except Exception:  # noqa: BLE001 -- the interpreter is going down, and its modules with it
        return False
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code in codes:
            return True
        traceback = traceback.tb_next
    return False


def _find_code(handler: object) -> CodeType | None:
    """Return what a handler runs. Nothing is asked of the handler itself, which is user code."""
    if type(handler) is partial:
        return _find_code(handler.func)
    if type(handler) is MethodType:
        return _find_code(handler.__func__)
    if type(handler) is FunctionType:
        return handler.__code__
    for each in type(handler).__mro__:
        called: object = each.__dict__.get("__call__")
        if type(called) is FunctionType:
            return called.__code__
    return None


def _name_type(error: BaseException) -> str:
    try:
        return f"{type(error).__module__}.{type(error).__qualname__}"
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 -- a metaclass is user code
        return "an exception without a name"


def _is_printable(error: BaseException | None) -> bool:
    # logging reads the error and all that led to it, and is loud when one raises.
    if error is None:
        return False
    from traceback import format_exception  # noqa: PLC0415 -- as logging, which brings it

    try:
        format_exception(error)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 -- an error's attributes may be user code
        return False
    return True
