"""Fixtures that the SDK's tests share."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import hypothesis
import pytest

from agenttrace.testing import MemoryExporter, collect, make_tracer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from agenttrace import Tracer

# A machine that builds something else at the same time is slow now and then: that is no failure.
hypothesis.settings.register_profile("agenttrace", deadline=None)
hypothesis.settings.load_profile("agenttrace")


@pytest.fixture(scope="session")
def state_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a place for what programs keep of themselves, in the stead of the user's home."""
    return tmp_path_factory.mktemp("state")


_numbers = itertools.count()


@pytest.fixture(autouse=True)
def own_spool(state_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep each test's spool apart, and all of them out of the home."""
    monkeypatch.setenv("XDG_STATE_HOME", str(state_folder / str(next(_numbers))))


class Recording(NamedTuple):
    """A tracer that records into memory."""

    tracer: Tracer
    memory: MemoryExporter

    def records(self) -> list[dict[str, Any]]:
        """Return all records so far."""
        return cast("list[dict[str, Any]]", collect(self.tracer, self.memory))

    def spans(self) -> list[dict[str, Any]]:
        """Return the last snapshot of each span, in the order of their ends."""
        return [r for r in self.records() if r["type"] == "span" and r["status"] != "STARTED"]

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
    """Give a tracer whose clock and ids repeat, and what it recorded."""
    tracer, memory = make_tracer()
    yield Recording(tracer, memory)
    tracer.shutdown(timeout_s=5)


@pytest.fixture
def drop_environment(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Remove every AGENTTRACE_ variable of the machine that runs the tests."""

    def drop() -> None:
        for name in list(os.environ):
            if name.startswith("AGENTTRACE_"):
                monkeypatch.delenv(name)

    drop()
    return drop
