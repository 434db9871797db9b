"""Exceptions whose class answers for attributes that it does not have."""

from __future__ import annotations

import urllib.error
from contextlib import suppress
from email.message import Message
from typing import TYPE_CHECKING, Any

import pytest

from agenttrace.wrappers import trace_tool

if TYPE_CHECKING:
    from .conftest import Stage


class KeyedError(Exception):
    """Raises something else than AttributeError for what it does not have."""

    def __getattr__(self, name: str) -> Any:
        raise KeyError(name)


class ProxyError(Exception):
    """Asks itself without end, as long as it has no `inner`."""

    def __init__(self, inner: object) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def make_http_error() -> Exception:
    """Return what urllib raises for a page that is not there."""
    return urllib.error.HTTPError("http://host/page", 404, "Not Found", Message(), None)


@pytest.mark.parametrize(
    "error",
    [KeyedError("a"), ProxyError("text"), make_http_error()],
    ids=lambda e: type(e).__name__,
)
def test_an_error_that_answers_for_everything_is_raised_again(
    stage: Stage, error: Exception
) -> None:
    """It is raised again of its own class, with a note that tells where it comes from."""

    @trace_tool(stage.tracer)
    def fetch() -> None:
        raise error

    def play() -> BaseException | None:
        with stage.tracer.run("agent"):
            try:
                fetch()
            except Exception as caught:  # noqa: BLE001 -- whatever it is
                return caught
        return None

    recording = stage.record(play)
    session, caught = stage.replay(recording, play, on={"type_degraded": "warn"})

    assert type(caught) is type(error)
    assert vars(caught)["__notes__"][-1].startswith("replayed from span")
    assert session.report.counts


def test_a_call_that_a_generator_exit_ended_says_so(stage: Stage) -> None:
    """There is no answer to record: nobody is told to record it anew."""

    @trace_tool(stage.tracer)
    def fetch() -> None:
        raise GeneratorExit

    def play() -> None:
        with stage.tracer.run("agent"), suppress(GeneratorExit):
            fetch()

    _session, error = stage.diverge(stage.record(play), play)

    assert "ended by a GeneratorExit" in str(error)
    assert "capture_output" not in str(error)
