"""Methods that are replaced while at least one tracer asks for it, and put back exactly."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace.recorder import Recorder
    from agenttrace.tracer import Tracer


class Patch:
    """One method of one class, wrapped by `make(original, patch)` while `recorders` is not empty.

    Where somebody else has wrapped the method meanwhile it stays as it is, and does nothing.
    """

    def __init__(
        self,
        name: str,
        find_owner: Callable[[], type],
        make: Callable[[Callable[..., Any], Patch], Callable[..., Any]],
    ) -> None:
        self.recorders: tuple[Recorder, ...] = ()
        self._name = name
        self._find_owner = find_owner
        self._make = make
        self._lock = threading.Lock()
        self._original: Callable[..., Any] | None = None
        self._wrapper: Callable[..., Any] | None = None

    def add(self, tracer: Tracer) -> None:
        """Let this tracer's context go along; a second time changes nothing."""
        with self._lock:
            if tracer.recorder in self.recorders:
                return
            self.recorders = (*self.recorders, tracer.recorder)
            owner = self._find_owner()
            if self._wrapper is None or vars(owner).get(self._name) is not self._wrapper:
                self._original = vars(owner)[self._name]
                self._wrapper = self._make(self._original, self)
                setattr(owner, self._name, self._wrapper)

    def remove(self, tracer: Tracer) -> None:
        """Let this tracer's context stay behind; with the last tracer the method is what it was."""
        with self._lock:
            self.recorders = tuple(each for each in self.recorders if each is not tracer.recorder)
            owner = self._find_owner()
            if not self.recorders and vars(owner).get(self._name) is self._wrapper:
                setattr(owner, self._name, self._original)
                self._original = self._wrapper = None
