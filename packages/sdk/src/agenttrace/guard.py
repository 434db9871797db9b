"""The boundary: what goes wrong inside the recorder is counted and logged, never raised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import TracebackType

LOGGER_NAME: Final = "agenttrace"


class Guard:
    """Counts internal errors by kind and logs the first of each kind as a warning.

    Safe on any thread. A `KeyboardInterrupt` is the user's and is never contained.
    """

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def note(self, kind: str, error: BaseException) -> None:
        """Count `error` under `kind`; log the first of the kind; raise KeyboardInterrupt again."""
        if issubclass(type(error), KeyboardInterrupt):  # isinstance() may ask the error itself
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
    """A `with` block out of which nothing comes but KeyboardInterrupt."""

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
