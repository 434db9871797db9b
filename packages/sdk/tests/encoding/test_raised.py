"""Recorded exceptions: caught by the same class, with the same content, made without their code."""

from __future__ import annotations

import json
import sys
import types
from typing import TYPE_CHECKING, Any

import pytest

from agenttrace.encoding.raised import decode_error
from agenttrace.errors import DecodeError, ReplayedError

if TYPE_CHECKING:
    from ..conftest import Recording


class BudgetError(Exception):
    """An error that cannot be made without keywords."""

    def __init__(self, *, code: int, left: Any) -> None:
        super().__init__(f"budget {code}")
        self.code = code
        self.left = left


class ConnectError(OSError):
    """An error of the system with a place of its own."""

    def __init__(self, number: int, text: str, *, host: str) -> None:
        super().__init__(number, text)
        self.host = host


class SlotError(Exception):
    """An error with slots."""

    __slots__ = ("code",)
    code: object


class GoneError(BudgetError, ValueError):
    """An error whose class the replaying program does not have any more."""


class GoneAbort(BaseException):
    """One that is no Exception."""


class Judge(Exception):  # noqa: N818 -- as programs have them
    """An error that answers no question about itself."""

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError("user code ran")

    def __reduce__(self) -> Any:
        raise AssertionError("user code ran")


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """Let this module be found by its name."""
    module = types.ModuleType(__name__)
    module.__dict__.update(globals())
    monkeypatch.setitem(sys.modules, __name__, module)
    return module


def record(recording: Recording, error: BaseException) -> dict[str, Any]:
    """Return the error of a span that ends by it, as a reader of the recording has it."""
    with pytest.raises(type(error)), recording.tracer.run("agent"), recording.tracer.span("step"):
        raise error
    found = recording.span("step")["error"]
    again: dict[str, Any] = json.loads(json.dumps(found))
    return again


def build_slotted() -> SlotError:
    """Return an error with a slot that is set."""
    error = SlotError("s")
    error.code = (1,)
    return error


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no", (1, {2})),
        KeyError("k"),
        BudgetError(code=7, left=(1, 2)),
        ConnectError(111, "refused", host="h"),
        FileNotFoundError(2, "No such file", "a.txt"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        UnicodeEncodeError("ascii", "é", 0, 1, "ordinal not in range"),
        json.JSONDecodeError("bad", "{", 1),
        ImportError("no module", name="m", path="p"),
        SystemExit(3),
        StopIteration((1,)),
        ExceptionGroup("several", [ValueError(1), KeyError("k")]),
        build_slotted(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_is_raised_again_as_what_it_was(
    recording: Recording, error: BaseException
) -> None:
    """The same class, text, arguments and attributes, whatever its `__init__` asks for."""
    error.add_note("while testing")
    again = decode_error(record(recording, error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    if not isinstance(error, ExceptionGroup):  # its members equal nothing but themselves
        assert again.args == error.args
    assert again.__dict__ == error.__dict__
    for name in ("errno", "filename", "code", "value", "name", "object", "doc", "host"):
        assert getattr(again, name, None) == getattr(error, name, None)


def test_the_members_of_a_group_come_back(recording: Recording) -> None:
    """`except*` finds what it looks for."""
    group = ExceptionGroup("several", [ValueError(1), ExceptionGroup("inner", [KeyError("k")])])
    again = decode_error(record(recording, group))
    assert isinstance(again, ExceptionGroup)
    found, rest = again.split(KeyError)
    assert found is not None
    assert rest is not None
    assert [str(each) for each in rest.exceptions] == ["1"]


def test_causes_come_back(recording: Recording) -> None:
    """`raise … from` as the cause, what was being handled as the context."""
    error = BudgetError(code=1, left=None)
    error.__cause__ = KeyError("cause")
    error.__cause__.__context__ = ConnectError(1, "context", host="h")
    again = decode_error(record(recording, error))
    cause = again.__cause__
    assert type(cause) is KeyError
    assert cause.args == ("cause",)
    assert again.__suppress_context__
    context = cause.__context__
    assert type(context) is ConnectError
    assert context.host == "h"
    assert cause.__cause__ is None


@pytest.mark.parametrize(
    ("error", "base"),
    [(GoneError(code=7, left=1), BudgetError), (GoneAbort("stop"), BaseException)],
    ids=["Exception", "BaseException"],
)
def test_an_error_whose_class_is_gone_is_caught_by_its_base(
    recording: Recording, loaded: types.ModuleType, error: BaseException, base: type
) -> None:
    """By the nearest class that is left, under its own name, and told apart as replayed."""
    found = record(recording, error)
    del loaded.__dict__[type(error).__name__]
    again = decode_error(found)
    assert isinstance(again, base)
    assert isinstance(again, ReplayedError)
    assert isinstance(again, Exception) == isinstance(error, Exception)
    assert type(again).__name__ == type(error).__name__
    assert again.__dict__ == error.__dict__
    assert str(again) == str(error)


def test_a_class_may_be_given(recording: Recording, loaded: types.ModuleType) -> None:
    """For a program whose class has moved."""
    found = record(recording, GoneError(code=1, left=2))
    del loaded.__dict__["GoneError"]
    again = decode_error(found, classes={f"{__name__}:GoneError": GoneError})
    assert type(again) is GoneError
    assert again.code == 1


def test_each_time_it_is_another(recording: Recording) -> None:
    """An exception collects a traceback and notes: one that was raised is not raised again."""
    found = record(recording, ValueError([1]))
    first, second = decode_error(found), decode_error(found)
    first.args[0].append(2)
    assert second.args == ([1],)


def test_nothing_is_asked_of_the_error(recording: Recording) -> None:
    """Its class, arguments and attributes are read behind its back."""
    found = record(recording, Judge("a", 1))
    assert found["args"]["value"] == ["a", 1]
    assert found["mro"][:2] == [f"{__name__}:Judge", "builtins:Exception"]


def test_what_older_recorders_wrote_is_read() -> None:
    """Type and message alone: a built-in class takes the message as its argument."""
    again = decode_error({"type": "builtins.ValueError", "message": "no", "notes": ["n"]})
    assert type(again) is ValueError
    assert again.args == ("no",)
    assert again.__notes__ == ["n"]
    gone = decode_error({"type": "no.such.Thing", "message": "m"})
    assert isinstance(gone, ReplayedError)
    assert isinstance(gone, Exception)
    assert type(gone).__name__ == "Thing"


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"type": 1},
        {"type": "subprocess.Popen", "message": "ls", "mro": ["subprocess:Popen"]},
        {"type": "x.y", "mro": ["os:system", "builtins:dict"]},
        {"type": "x.y", "mro": 7, "args": 7, "attributes": [], "cause_is_context": 1},
        {"type": "builtins.OSError", "args": {"value": {}, "codec": "json", "fidelity": "exact"}},
        {
            "type": "builtins.UnicodeDecodeError",
            "mro": ["builtins:UnicodeDecodeError", "builtins:ValueError"],
            "args": {"value": [1], "codec": "json", "fidelity": "exact"},
        },
    ],
    ids=str,
)
def test_a_record_that_lies_makes_an_exception_or_none(found: dict[str, Any]) -> None:
    """Recordings are untrusted: never an object of a class that is no exception."""
    try:
        made = decode_error(found)
    except DecodeError:
        return
    assert isinstance(made, BaseException)


def test_causes_have_an_end() -> None:
    """A record that is its own cause, so to speak."""
    found: dict[str, Any] = {"type": "builtins.ValueError", "message": ""}
    for _ in range(200):
        found = {"type": "builtins.ValueError", "message": "", "cause": found}
    with pytest.raises(DecodeError):
        decode_error(found)
