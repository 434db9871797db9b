"""What the boundary keeps in, and what it must not: an error that is the program's own."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType

import pytest

from agenttrace import Tracer
from agenttrace.clock import SystemClock
from agenttrace.exporters import MemoryExporter
from agenttrace.guard import Boundary, Guard

NUMBER = signal.SIGUSR1


class Deadline(Exception):  # noqa: N818 -- what a program may call it
    """What a program raises out of an alarm."""


def leave(_number: int, _frame: FrameType | None) -> None:
    """End the program, as handlers of SIGTERM do."""
    sys.exit(3)


def give_up(_why: str, _number: int, _frame: FrameType | None) -> None:
    """End what takes too long, as handlers of SIGALRM do."""
    raise Deadline


class Handler:
    """A handler that is an object, with a method that may be one too."""

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        """End the program."""
        sys.exit(3)

    def run(self, number: int, frame: FrameType | None) -> None:
        """End the program."""
        self(number, frame)


@contextmanager
def handle(handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """Let this handler have the signal."""
    before = signal.signal(NUMBER, handler)
    try:
        yield
    finally:
        signal.signal(NUMBER, before)


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        (leave, SystemExit),
        (partial(give_up, "late"), Deadline),
        (Handler(), SystemExit),
        (Handler().run, SystemExit),
    ],
    ids=["function", "partial", "object", "method"],
)
def test_what_a_signal_handler_raises_reaches_the_program(
    handler: Callable[[int, FrameType | None], object], expected: type[BaseException]
) -> None:
    """Whatever the recorder was at when the signal came."""
    guard = Guard()
    with handle(handler), pytest.raises(expected), Boundary(guard, "capture"):
        signal.raise_signal(NUMBER)
    assert guard.counts() == {}


def test_a_program_that_is_told_to_end_within_a_call_of_the_tracer_ends() -> None:
    """The signal comes while a run begins."""

    class Clock(SystemClock):
        def time_ns(self) -> int:
            signal.raise_signal(NUMBER)
            return 0

    tracer = Tracer(exporter=MemoryExporter(), clock=Clock())
    with handle(leave), pytest.raises(SystemExit), tracer.run("agent"):
        pytest.fail("the program went on")
    tracer.shutdown(timeout_s=5)


@pytest.mark.parametrize("error", [SystemExit(3), Deadline(), MemoryError()])
def test_any_other_error_is_kept_in_and_counted(error: BaseException) -> None:
    """Also one that ends programs: user code within a value may raise it."""
    guard = Guard()
    with handle(leave), Boundary(guard, "capture"):
        raise error
    assert guard.counts() == {"capture": 1}
