"""Exceptions as records: whatever an exception does when it is read, the recorder does its work."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from agenttrace.failures import Failure

if TYPE_CHECKING:
    from .conftest import Recording


class Lookup(Exception):  # noqa: N818 -- as programs have them
    """An error whose attributes are looked up in its data."""

    def __init__(self, **data: Any) -> None:
        self.data = data

    def __getattr__(self, name: str) -> Any:
        return self.__dict__["data"][name]


class Hostile(BaseException):
    """An error that answers no question about itself."""

    def __getattribute__(self, name: str) -> Any:
        raise Hostile

    def __str__(self) -> str:
        raise Hostile


class Word(str):
    """A text with methods of its own."""

    __slots__ = ()

    def __len__(self) -> int:
        raise Lookup

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Raise."""
        raise Lookup(encoding=encoding, errors=errors)


class Wordy(Exception):  # noqa: N818 -- as programs have them
    """An error whose text has methods of its own."""

    def __str__(self) -> str:
        return Word("word")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (Lookup(a=1), ""),
        (Hostile(), f"(its text could not be read: {__name__}.Hostile)"),
        (Wordy(), "word"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_run_ends_by_an_error_that_raises_when_it_is_read(
    recording: Recording,
    caplog: pytest.LogCaptureFixture,
    error: BaseException,
    message: str,
) -> None:
    """Run and span are ended and left; the error comes out, and is on record by its type."""
    tracer = recording.tracer
    caught: BaseException | None = None
    with caplog.at_level(logging.WARNING, "agenttrace"):
        try:
            with tracer.run("agent"), tracer.span("step"):
                raise error  # noqa: TRY301 -- the point
        except BaseException as raised:  # noqa: BLE001 -- pytest.raises would read it
            caught = raised
    assert caught is error
    assert tracer.current_run() is None
    (run,) = recording.runs()
    for record in (run, recording.span("step")):
        assert (record["status"], record["error"]["type"], record["error"]["message"]) == (
            "ERROR",
            f"{__name__}.{type(error).__name__}",
            message,
        )
    assert tracer.stats().errors == {}
    assert caplog.records == []


@pytest.mark.parametrize("target", ["Failure", "judge_run"])
def test_a_run_ends_when_its_error_cannot_be_recorded(
    recording: Recording,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    target: str,
) -> None:
    """It ends as an error and is left, and logging is given nothing that it chokes on."""

    def fault(*_args: object) -> None:
        raise Lookup

    handler = logging.StreamHandler()
    logging.getLogger("agenttrace").addHandler(handler)
    monkeypatch.setattr(f"agenttrace.recorder.{target}", fault)
    try:
        with pytest.raises(ValueError, match="user"), recording.tracer.run("agent"):
            raise ValueError("user")
    finally:
        logging.getLogger("agenttrace").removeHandler(handler)
    assert recording.tracer.current_run() is None
    assert [run["status"] for run in recording.runs()] == ["ERROR"]
    assert recording.tracer.stats().errors == {"exit_run": 1}
    assert capsys.readouterr().err == f"exit_run: {__name__}.Lookup\n"


def test_any_exit_code_ends_a_run(recording: Recording) -> None:
    """`sys.exit` takes any object; only none, zero and False are an orderly end."""
    for code in (["no", "hash"], 7, "text", 0, None):
        with pytest.raises(SystemExit), recording.tracer.run("agent"):
            raise SystemExit(code)
    assert [run["status"] for run in recording.runs()] == ["ERROR"] * 3 + ["COMPLETED"] * 2
    assert recording.tracer.stats().errors == {}


def test_the_members_of_a_group_are_in_its_traceback(recording: Recording) -> None:
    """Each stands there with its frames, its text and its notes, those of inner groups too."""
    first = KeyError("first")
    first.add_note("while testing")
    inner = ExceptionGroup("inner", [OSError("second")])

    def fail() -> None:
        raise ValueError("third")

    try:
        fail()
    except ValueError as error:
        third = error
    with pytest.raises(ExceptionGroup), recording.tracer.run("agent"):
        raise ExceptionGroup("outer", [first, inner, third])
    record = recording.runs()[0]["error"]
    assert (record["type"], record["message"]) == (
        "builtins.ExceptionGroup",
        "outer (3 sub-exceptions)",
    )
    lines = record["traceback"].splitlines()
    start = lines.index("  +---------------- 1 of 3 ----------------")
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[start:][:7] == [
        "  +---------------- 1 of 3 ----------------",
        "  | builtins.KeyError: 'first'",
        "  | while testing",
        "  +---------------- 2 of 3 ----------------",
        "  |   +---------------- 1 of 1 ----------------",
        "  |   | builtins.OSError: second",
        "  | builtins.ExceptionGroup: inner (1 sub-exception)",
    ]
    assert "  |     fail()" in lines
    assert lines[-1] == "  | builtins.ValueError: third"


def test_a_group_is_kept_within_bounds() -> None:
    """However wide and deep a group is, 32 members are read."""
    group: ExceptionGroup[Exception]
    group = ExceptionGroup("g", [ValueError(str(n)) for n in range(20)])
    for _ in range(3):
        group = ExceptionGroup("g", [group] * 20)

    def count(failure: Failure) -> int:
        return sum(1 + count(member) for member in failure.members)

    assert count(Failure(group)) == 32
