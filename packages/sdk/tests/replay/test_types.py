"""R10: values come back equal and of their own type, or not at all."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from openai.types.chat import ChatCompletion

from agenttrace.replay import DivergenceKind
from agenttrace.wrappers import trace_tool

from .kinds_of_values import Colour, Hit, Pair, Plain, Point

if TYPE_CHECKING:
    from .conftest import Stage

COMPLETION = ChatCompletion.model_validate(
    {
        "id": "c1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "gpt",
        "choices": [
            {
                "index": 0,
                "finish_reason": "tool_calls",
                "message": {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {
                            "id": "t1",
                            "type": "function",
                            "function": {"name": "search", "arguments": '{"q": "a"}'},
                        }
                    ],
                },
            }
        ],
        "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
    }
)
VALUES: dict[str, Any] = {
    "pydantic": Hit(title="a", tags={"x", "y"}),
    "dataclass": Point(1, 2),
    "namedtuple": Pair("a", 1),
    "enum": Colour.RED,
    "datetime": datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=timezone(timedelta(hours=2))),
    "utc": datetime(2026, 1, 2, tzinfo=UTC),
    "decimal": Decimal("1.10"),
    "bytes": b"\x00\xff",
    "set": {1, 2},
    "frozenset": frozenset({"a"}),
    "tuple": (1, (2, "a")),
    "int keys": {1: "a", 2: "b"},
    "none": None,
    "large": 2**80,
    "nested": {"hits": [Hit(title="b"), Point(3, 4)], "at": (datetime(2026, 1, 1, tzinfo=UTC),)},
    "completion": COMPLETION,
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_comes_back_equal_and_of_its_type(stage: Stage, name: str) -> None:
    value = VALUES[name]

    @trace_tool(stage.tracer)
    def make(argument: object) -> Any:
        stage.ran.append("make")
        return value

    got: list[Any] = []

    def main() -> None:
        with stage.tracer.run("agent"):
            got.append(make(value))

    recorded = stage.record(main)
    session, _ = stage.replay(recorded, main)
    first, second = got
    assert type(second) is type(value)
    assert second == first == value
    if name not in {"none", "large", "bytes", "enum", "decimal", "utc", "datetime"}:
        assert second is not value
    assert stage.ran == []
    assert session.report.identical


def test_each_call_gets_an_object_of_its_own(stage: Stage) -> None:
    @trace_tool(stage.tracer)
    def make() -> list[int]:
        return [1]

    def main() -> list[list[int]]:
        with stage.tracer.run("agent"):
            first = make()
            first.append(2)
            return [first, make()]

    recorded = stage.record(main)
    _, answer = stage.replay(recorded, main)
    assert answer == [[1, 2], [1]]


def test_an_object_of_unknown_content_may_be_an_argument(stage: Stage) -> None:
    @trace_tool(stage.tracer)
    def use(thing: Plain) -> str:
        stage.ran.append("use")
        return "used"

    def main() -> str:
        with stage.tracer.run("agent"):
            return use(Plain())

    recorded = stage.record(main)
    session, answer = stage.replay(recorded, main)
    assert (answer, stage.ran) == ("used", [])
    assert session.report.divergences == []


@pytest.mark.parametrize("mode", ["strict", "lenient"])
def test_an_object_of_unknown_content_is_never_an_answer(stage: Stage, mode: str) -> None:
    @trace_tool(stage.tracer)
    def make() -> object:
        stage.ran.append("make")
        return [Plain()]

    got: list[object] = []

    def main() -> None:
        with stage.tracer.run("agent"):
            got.append(make())

    recorded = stage.record(main)
    got.clear()
    _, raised = stage.diverge(recorded, main, mode=mode)
    assert raised.divergence.kind is DivergenceKind.UNAVAILABLE
    assert raised.exit_code == 12
    assert "register_codec" in str(raised)
    assert (got, stage.ran) == ([], [])


def test_a_class_that_is_not_loaded_is_never_imported(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agenttrace.trace import load_runs

    @trace_tool(stage.tracer)
    def make() -> object:
        stage.ran.append("make")
        return Point(1, 2)

    got: list[Any] = []

    def main() -> None:
        with stage.tracer.run("agent"):
            got.append(make())

    recorded = stage.record(main)
    records = [r for r in stage.memory.records if r["run_id"] == recorded.run_id]
    text = repr(records)
    assert "kinds_of_values" in text
    import json

    forged = json.dumps(records).replace(Point.__module__, "antigravity")
    elsewhere = load_runs(json.loads(forged)).runs[0]

    session, raised = stage.diverge(elsewhere, main)
    assert raised.divergence.kind is DivergenceKind.TYPE_DEGRADED
    assert "antigravity" not in sys.modules

    got.clear()
    session, _ = stage.replay(elsewhere, main, mode="lenient")
    assert got == [{"x": 1, "y": 2}]
    assert [each.kind for each in session.report.divergences] == [DivergenceKind.TYPE_DEGRADED]

    got.clear()
    session, _ = stage.replay(elsewhere, main, classes={"antigravity:Point": Point})
    assert got == [Point(1, 2)]
    assert session.report.divergences == []
    assert stage.ran == []


def test_a_call_whose_output_was_not_captured_cannot_be_served(stage: Stage) -> None:
    @trace_tool(stage.tracer, capture_output=False)
    def make() -> int:
        stage.ran.append("make")
        return 1

    def main() -> int:
        with stage.tracer.run("agent"):
            return make()

    recorded = stage.record(main)
    _, raised = stage.diverge(recorded, main)
    assert raised.divergence.kind is DivergenceKind.UNAVAILABLE
    assert stage.ran == []


def test_a_secret_that_was_taken_out_is_not_served(stage: Stage) -> None:
    @trace_tool(stage.tracer)
    def fetch(password: str) -> dict[str, str]:
        stage.ran.append("fetch")
        return {"password": "hunter2hunter2"}

    def main() -> object:
        with stage.tracer.run("agent"):
            return fetch("hunter2hunter2")

    recorded = stage.record(main)
    _, raised = stage.diverge(recorded, main)
    assert raised.divergence.kind is DivergenceKind.UNAVAILABLE
    assert "secret" in str(raised)
    assert stage.ran == []
