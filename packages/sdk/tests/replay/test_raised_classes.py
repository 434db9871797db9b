"""Exceptions whose arguments hold a class, such as those of `decimal`."""

from __future__ import annotations

import decimal
import json
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from agenttrace.encoding.decode import decode_payload
from agenttrace.encoding.fidelity import ALWAYS, RoundTrip
from agenttrace.encoding.payload import Policy
from agenttrace.encoding.raised import decode_error
from agenttrace.errors import DecodeError
from agenttrace.failures import Failure, write_failure
from agenttrace.wrappers import trace_tool

if TYPE_CHECKING:
    from .conftest import Stage


def record(error: BaseException) -> dict[str, Any]:
    """Return the record of an exception as a reader has it."""
    written = write_failure(Failure(error), Policy(round_trip=RoundTrip(ALWAYS)), max_bytes=2**20)
    again: dict[str, Any] = json.loads(orjson.dumps(written))
    return again


def catch() -> decimal.InvalidOperation:
    """Return what Decimal raises for a text that is no number."""
    with pytest.raises(decimal.InvalidOperation) as caught:
        Decimal("x")
    return caught.value


def test_a_class_among_arguments_comes_back() -> None:
    """As itself, at any depth, also among attributes."""
    error = catch()
    error.kind = {"of": (KeyError, [int])}  # type: ignore[attr-defined]  # as programs add them
    written = record(error)
    assert written["args"]["fidelity"] == "exact"
    again = decode_error(written)
    assert (type(again), again.args) == (type(error), error.args)
    assert vars(again) == vars(error)


def test_a_class_that_nothing_finds_is_shown_only() -> None:
    """One within a function has no name to be found by."""

    class Local:
        """Within."""

    written = record(ValueError(Local))
    assert written["args"]["fidelity"] == "opaque"
    assert decode_error(written).args == (str(Local),)


def test_a_recording_imports_no_class_and_calls_none() -> None:
    """Only loaded modules and the caller's list are looked at; no function is a class."""
    written = record(catch())
    absent = "xml.dom.expatbuilder"
    sys.modules.pop(absent, None)
    for spelled in (f"{absent}:Namespaces", "os:system", "builtins:len", "odd"):
        written["args"]["types"] = {"/0/0": f"class {spelled}"}
        with pytest.raises(DecodeError, match="class"):
            decode_payload(written["args"], with_classes=True)
        assert type(decode_error(written)) is decimal.InvalidOperation
    assert absent not in sys.modules
    written["args"]["types"] = {"/0/0": "class gone:Kind"}
    assert decode_error(written, classes={"gone:Kind": Decimal}).args == ([Decimal],)


def test_a_class_stands_in_exceptions_alone() -> None:
    """A value that a program might call is not made of what a recording says."""
    with pytest.raises(DecodeError, match="outside of an exception"):
        decode_payload(record(catch())["args"])


def test_a_program_that_fails_in_decimal_is_replayed(stage: Stage) -> None:
    """It was `type_degraded`, which stops a strict replay."""

    @trace_tool(stage.tracer)
    def parse(text: str) -> Decimal:
        return Decimal(text)

    def play() -> BaseException | None:
        with stage.tracer.run("agent"):
            try:
                parse("x")
            except decimal.InvalidOperation as error:
                return error
        return None

    session, caught = stage.replay(stage.record(play), play)
    assert session.report.identical
    assert caught.args == ([decimal.ConversionSyntax],)
