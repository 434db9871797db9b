"""What led to an exception, recorded and made again: the traceback of both tells the same."""

from __future__ import annotations

import json
import traceback
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agenttrace.encoding.payload import Policy
from agenttrace.encoding.raised import decode_error
from agenttrace.failures import MAX_CAUSES, MAX_CONTEXTS, Failure, write_failure
from agenttrace.wire.validation import WireError, parse_line

if TYPE_CHECKING:
    from collections.abc import Callable


def record(error: BaseException) -> dict[str, Any]:
    """Return the record of an exception as a reader has it."""
    written = write_failure(Failure(error), Policy(), max_bytes=2**20)
    again: dict[str, Any] = json.loads(orjson.dumps(written))
    return again


def tell(error: BaseException) -> list[str]:
    """Return the traceback's lines without the frames, which a recording has as text."""
    lines = "".join(traceback.format_exception(error)).splitlines()
    return [line for line in lines if not line.startswith((" ", "Traceback"))]


def list_links(error: BaseException | None, depth: int = 0) -> Any:
    """Return the whole tree of causes and contexts, for chains without circles."""
    if error is None:
        return None
    assert depth < 20
    same = error.__cause__ is not None and error.__cause__ is error.__context__
    return {
        "what": repr(error),
        "suppress": error.__suppress_context__,
        "same": same,
        "cause": list_links(error.__cause__, depth + 1),
        "context": list_links(error.__context__, depth + 1),
    }


def _hide() -> None:
    try:
        int("x")
    except ValueError:
        raise LookupError("hidden") from None


def _name() -> None:
    try:
        int("x")
    except ValueError as error:
        raise LookupError("named") from error


def _name_another() -> None:
    try:
        int("x")
    except ValueError:
        raise LookupError("another") from KeyError("cause")


def _handle() -> None:
    try:
        int("x")
    except ValueError:
        raise LookupError("handled")  # noqa: B904


def _handle_hidden() -> None:
    try:
        _hide()
    except LookupError as error:
        raise RuntimeError("outer") from error


def catch(fail: Callable[[], None]) -> BaseException:
    """Return what this raises."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 -- each its own
        fail()
    return caught.value


@pytest.mark.parametrize("fail", [_hide, _name, _name_another, _handle, _handle_hidden])
def test_an_exception_keeps_its_cause_its_context_and_which_is_shown(
    fail: Callable[[], None],
) -> None:
    """`from None` hides a context that is there; `from e` has e as the context, too."""
    error = catch(fail)
    again = decode_error(record(error))
    assert list_links(again) == list_links(error)
    assert tell(again) == tell(error)


def test_a_cause_that_is_shown_beside_its_context_stays_so() -> None:
    """A program may say by itself that a context is not hidden."""
    error = ValueError("a")
    error.__cause__, error.__context__ = KeyError("b"), TypeError("c")
    error.__suppress_context__ = False
    assert list_links(decode_error(record(error))) == list_links(error)


def test_a_recording_of_before_is_read_as_it_was() -> None:
    """Without the fields a cause hides the context, and nothing else does."""
    old = {"type": "builtins.ValueError", "message": "a", "mro": ["builtins:ValueError"]}
    caused = decode_error({**old, "cause": old})
    assert (caused.__context__, caused.__suppress_context__) == (None, True)
    handled = decode_error({**old, "cause": old, "cause_is_context": True})
    assert (handled.__cause__, handled.__suppress_context__) == (None, False)
    assert isinstance(handled.__context__, ValueError)
    assert not decode_error(old).__suppress_context__


def test_a_plain_exception_has_no_field_more() -> None:
    """What is implied is not written."""
    new = {"context", "context_is_cause", "suppress_context"}
    assert not new & record(ValueError(1)).keys()
    assert not new & record(catch(_handle)).keys()
    assert new & record(catch(_name)).keys() == {"context_is_cause"}
    assert new & record(catch(_hide)).keys() == {"context", "suppress_context"}


@st.composite
def draw_web(draw: st.DrawFn) -> BaseException:
    """Return an exception whose causes and contexts are any of ten, itself among them."""
    errors = [ValueError(number) for number in range(10)]
    for error in errors:
        for name in ("__cause__", "__context__"):
            other = draw(st.none() | st.sampled_from(errors))
            # Behind the setter, which takes any circle; `raise` would break some.
            setattr(error, name, other)
        error.__suppress_context__ = draw(st.booleans())
    return errors[0]


def count(part: dict[str, Any]) -> int:
    """Return how many exceptions a record holds."""
    return 1 + sum(count(part[name]) for name in ("cause", "context") if name in part)


def measure_depth(part: dict[str, Any]) -> int:
    """Return how many exceptions lie within one another."""
    inner = [measure_depth(part[name]) for name in ("cause", "context") if name in part]
    return 1 + max(inner, default=0)


@given(draw_web())
def test_circles_end_and_the_traceback_is_the_same(error: BaseException) -> None:
    """However exceptions lead to one another, a record is finite, and tells what Python tells."""
    written = record(error)
    assert measure_depth(written) <= MAX_CAUSES + 1
    assert count(written) <= (MAX_CAUSES + 1) * (MAX_CONTEXTS + 1)
    assert tell(decode_error(written))[-8:] == tell(error)[-8:]


def test_a_context_is_checked_as_a_cause_is() -> None:
    """A line whose hidden context is no error is refused, and says where."""
    line = {
        "v": 1, "type": "run", "run_id": "1" * 32, "rev": 0, "name": "n", "status": "ERROR",
        "start_ns": 5, "error": {"type": "x", "message": "m", "context": {"type": "y"}},
    }  # fmt: skip
    with pytest.raises(WireError, match=r"error\.context\.message"):
        parse_line(json.dumps(line).encode())
    line["error"]["context"]["message"] = "m"  # type: ignore[index]
    parse_line(json.dumps(line).encode())
