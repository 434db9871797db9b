"""R11: recorded exceptions are raised again, and what catches them catches them."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agenttrace.encoding.raised import list_contexts
from agenttrace.replay import DivergenceKind
from agenttrace.trace import load_runs
from agenttrace.wrappers import trace_tool

from .kinds_of_values import BudgetError, Point

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Stage


def make_program(
    stage: Stage, fail: Callable[[], object], caught: list[BaseException]
) -> Callable[[], None]:
    @trace_tool(stage.tracer)
    def tool() -> object:
        stage.ran.append("tool")
        return fail()

    def main() -> None:
        with stage.tracer.run("agent"):
            try:
                tool()
            except Exception as error:  # noqa: BLE001 -- what agents do
                caught.append(error)

    return main


def _over_budget() -> None:
    try:
        int("x")
    except ValueError as error:
        raise BudgetError(code=7) from error


def _undecodable() -> str:
    return b"\xff".decode()


def _handled() -> None:
    try:
        int("x")
    except ValueError:
        raise LookupError("while another was handled")  # noqa: B904


def _hidden() -> None:
    try:
        int("x")
    except ValueError:
        raise LookupError("hidden") from None


def _missing_file() -> None:
    Path("/nowhere/at/all").read_text()


@pytest.mark.parametrize("fail", [_over_budget, _undecodable, _handled, _hidden, _missing_file])
def test_an_exception_comes_back_of_its_class_with_what_it_held(
    stage: Stage, fail: Callable[[], object]
) -> None:
    caught: list[BaseException] = []
    main = make_program(stage, fail, caught)
    recorded = stage.record(main)
    session, _ = stage.replay(recorded, main)
    first, second = caught
    assert stage.ran == []
    assert session.report.identical
    assert first is not second
    one, other = _show(first), _show(second)
    other["notes"] = [note for note in other["notes"] if "replayed from span" not in note]
    assert one == other
    assert any("replayed from span" in note for note in second.__notes__)
    # The note is for people: the new run's record is without it.
    (span,) = session.run.spans
    assert span.error is not None
    assert not span.error.notes


def _show(error: BaseException | None) -> dict[str, Any]:
    if error is None:
        return {}
    return {
        "type": type(error),
        "args": error.args,
        "dict": {k: v for k, v in vars(error).items() if k != "__notes__"},
        "text": str(error),
        "notes": list(getattr(error, "__notes__", [])),
        "cause": _show(error.__cause__),
        "context": _show(error.__context__),
        "same": error.__context__ is error.__cause__,
        "suppress": error.__suppress_context__,
    }


@pytest.mark.parametrize("fail", [_over_budget, _handled, _hidden, _missing_file])
def test_the_chain_goes_on_with_what_the_program_was_handling(
    stage: Stage, fail: Callable[[], object]
) -> None:
    """The interpreter puts that in the place of the context; the recorded one comes before it."""
    handled: list[BaseException] = []
    caught: list[BaseException] = []
    tool = make_program(stage, fail, caught)

    def main() -> None:
        try:
            os.environ["NO_SUCH_VARIABLE"]
        except KeyError as error:
            handled.append(error)
            tool()

    recorded = stage.record(main)
    session, _ = stage.replay(recorded, main)
    assert session.report.identical
    one, other = caught
    for shown in (first := _show(one), second := _show(other)):
        shown.pop("notes")
    assert first == second
    assert any(each is handled[1] for each in list_contexts(other))


def test_a_hidden_context_that_is_not_whole_stops_no_replay(stage: Stage) -> None:
    """No traceback shows it: a context that a program hides may hold what cannot be recorded."""

    def refuse(_text: str) -> None:
        raise ValueError(object())

    def fail() -> None:
        try:
            json.loads("1", parse_int=refuse)
        except ValueError:
            raise LookupError("hidden") from None

    caught: list[BaseException] = []
    main = make_program(stage, fail, caught)
    session, _ = stage.replay(stage.record(main), main)
    assert session.report.identical
    assert type(caught[1].__context__) is ValueError


def test_attempts_are_as_many_as_were_recorded(stage: Stage) -> None:
    @trace_tool(stage.tracer)
    def flaky(value: int) -> str:
        stage.ran.append("flaky")
        if len(stage.ran) < 3:
            raise BudgetError(code=len(stage.ran))
        return "at last"

    attempts: list[int] = []
    codes: list[int] = []

    def main() -> str:
        with stage.tracer.run("agent"):
            for attempt in range(5):
                try:
                    attempts.append(attempt)
                    return flaky(1)
                except BudgetError as error:
                    codes.append(error.code)
        return "never"

    recorded = stage.record(main)
    session, answer = stage.replay(recorded, main)
    assert answer == "at last"
    assert attempts == [0, 1, 2] * 2
    assert codes == [1, 2] * 2
    assert stage.ran == []
    assert session.report.identical
    assert [span.attributes for span in recorded.spans] != [None] * 3


@pytest.mark.parametrize("mode", ["strict", "lenient"])
def test_a_class_that_is_gone_is_caught_by_its_base(stage: Stage, mode: str) -> None:
    class GoneError(ValueError):
        pass

    def fail() -> None:
        raise GoneError("gone")

    caught: list[BaseException] = []
    main = make_program(stage, fail, caught)
    recorded = stage.record(main)  # a class in a function has a name that nothing can find
    caught.clear()
    if mode == "strict":
        _, raised = stage.diverge(recorded, main)
        assert raised.divergence.kind is DivergenceKind.TYPE_DEGRADED
        assert caught == []
        return
    session, _ = stage.replay(recorded, main, mode=mode)
    (error,) = caught
    assert isinstance(error, ValueError)
    assert not isinstance(error, GoneError)
    assert type(error).__name__ == "GoneError"
    assert str(error) == "gone"
    assert [each.kind for each in session.report.divergences] == [DivergenceKind.TYPE_DEGRADED]
    assert stage.ran == []


def test_an_exception_of_a_module_that_is_not_loaded_imports_nothing(stage: Stage) -> None:
    import sys

    caught: list[BaseException] = []
    main = make_program(stage, _over_budget, caught)
    recorded = stage.record(main)
    records = [r for r in stage.memory.records if r["run_id"] == recorded.run_id]
    forged = json.loads(json.dumps(records).replace(BudgetError.__module__, "antigravity"))
    stage.diverge(load_runs(forged).runs[0], main)
    assert "antigravity" not in sys.modules
    assert stage.ran == []


def test_a_class_that_is_gone_is_told_with_the_way_on(stage: Stage) -> None:
    """Whether its module is there, what to give instead, how to let it pass; none is imported."""

    @trace_tool(stage.tracer, effect="read")
    def search() -> object:
        return Point(1, 2)

    def main() -> None:
        with stage.tracer.run("agent"):
            search()

    stage.record(main)
    text = json.dumps([dict(record) for record in stage.memory.records])
    assert f"{Point.__module__}:Point" in text
    for spelled, said, way in (
        ("decimal:Gone", "module 'decimal' has no class 'Gone' now", "was it renamed?"),
        ("os:system", "module 'os' has no class 'system' now", "was it renamed?"),
        ("antigravity:Fly", "class 'antigravity:Fly' is not loaded", "import antigravity, or give"),
    ):
        run = load_runs(json.loads(text.replace(f"{Point.__module__}:Point", spelled))).runs[0]
        _, raised = stage.diverge(run, main)
        assert raised.divergence.kind is DivergenceKind.TYPE_DEGRADED
        assert said in raised.divergence.message
        assert raised.divergence.hint is not None
        assert way in raised.divergence.hint
        assert "on={'type_degraded': 'warn'}" in raised.divergence.hint
    assert "antigravity" not in sys.modules


def test_a_class_that_takes_not_what_was_recorded_is_not_said_to_be_gone(stage: Stage) -> None:
    """It is there; what it was made of was an object that only its class is known of."""

    def fail() -> None:
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no")

    main = make_program(stage, fail, [])
    stage.record(main)
    forged = json.loads(json.dumps([dict(record) for record in stage.memory.records]))
    for record in forged:
        if "error" in record:
            record["error"]["args"] = {"value": [1], "codec": "json", "fidelity": "exact"}
    _, raised = stage.diverge(load_runs(forged).runs[0], main)
    assert raised.divergence.kind is DivergenceKind.TYPE_DEGRADED
    assert (
        "what was recorded of it does not make a 'UnicodeDecodeError' of module 'builtins': raised "
        "as a class of that name that extends UnicodeError" in raised.divergence.message
    )
    assert "register_codec()" in str(raised.divergence.hint)
