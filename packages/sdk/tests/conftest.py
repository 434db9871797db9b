"""Fixtures that the SDK's tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, cast

import pytest

from agenttrace import Tracer
from agenttrace.testing import MemoryExporter, collect, make_tracer


class Recording(NamedTuple):
    """A tracer that records into memory."""

    tracer: Tracer
    memory: MemoryExporter

    def records(self) -> list[dict[str, Any]]:
        """Return all records so far."""
        return cast("list[dict[str, Any]]", collect(self.tracer, self.memory))

    def spans(self) -> list[dict[str, Any]]:
        """Return the last snapshot of each span, in the order of their ends."""
        ended = [r for r in self.records() if r["type"] == "span" and r["status"] != "STARTED"]
        return ended

    def span(self, name: str) -> dict[str, Any]:
        """Return the last snapshot of the only span of this name."""
        (found,) = [span for span in self.spans() if span["name"] == name]
        return found

    def events(self) -> list[dict[str, Any]]:
        """Return all events so far."""
        return [r for r in self.records() if r["type"] == "event"]

    def runs(self) -> list[dict[str, Any]]:
        """Return the last snapshot of each ended run."""
        return [r for r in self.records() if r["type"] == "run" and r["status"] != "STARTED"]


@pytest.fixture
def recording() -> Iterator[Recording]:
    """A tracer whose clock and ids repeat, and what it recorded."""
    tracer, memory = make_tracer()
    yield Recording(tracer, memory)
    tracer.shutdown(timeout_s=5)


@pytest.fixture
def drop_environment(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Remove every AGENTTRACE_ variable of the machine that runs the tests."""
    import os

    def drop() -> None:
        for name in list(os.environ):
            if name.startswith("AGENTTRACE_"):
                monkeypatch.delenv(name)

    drop()
    return drop
