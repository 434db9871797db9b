"""What has no effect is said: settings that mean nothing, and what happens beyond the run."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from agenttrace import ConfigurationError
from agenttrace.replay import DivergenceKind, ReplayDivergence
from agenttrace.wrappers import trace_tool

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Stage


def _make_play(stage: Stage) -> Callable[[], None]:
    @trace_tool(stage.tracer)
    def tool(n: int) -> int:
        return n

    def play() -> None:
        with stage.tracer.run("agent"):
            tool(1)

    return play


def test_a_step_beyond_the_end_is_refused(stage: Stage) -> None:
    recorded = stage.record(_make_play(stage))
    with pytest.raises(ConfigurationError, match="live_from 999: the last step"):
        stage.tracer.replay(recorded, live_from=999)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("live_from", 1.5), ("order_timeout_s", -1), ("order_timeout_s", float("nan"))],
    ids=str,
)
def test_a_number_that_cannot_be_meant_is_refused(stage: Stage, setting: str, value: float) -> None:
    recorded = stage.record(_make_play(stage))
    options: dict[str, Any] = {setting: value}
    with pytest.raises(ConfigurationError, match=f"{setting} {value}; expected"):
        stage.tracer.replay(recorded, **options)


@pytest.mark.parametrize("setting", ["live", "descend"])
def test_a_selector_that_means_no_call_is_noted(stage: Stage, setting: str) -> None:
    play = _make_play(stage)
    recorded = stage.record(play)
    session, _ = stage.replay(recorded, play, **{setting: ["tool:nope"]})
    assert session.report.notes == {"selector_unmet tool:nope": 1}
    session, _ = stage.replay(recorded, play, **{setting: ["tool:to*"]}, allow_effects=["unknown"])
    assert session.report.notes == {}


def test_a_selector_of_a_call_within_a_served_one_is_told_the_way(stage: Stage) -> None:
    """The inner call is not made, as no body runs that would; `descend` opens the outer one."""

    @trace_tool(stage.tracer, effect="read")
    def ask(n: int) -> int:
        stage.ran.append("ask")
        return n

    @trace_tool(stage.tracer, effect="read")
    def delegate(n: int) -> int:
        stage.ran.append("delegate")
        return ask(n)

    def play() -> None:
        with stage.tracer.run("agent"):
            delegate(1)

    recorded = stage.record(play)
    session, _ = stage.replay(recorded, play, live=["tool:ask"])
    assert (stage.ran, session.report.notes) == ([], {"selector_unmet tool:ask": 1})
    assert "descend opens the outer one" in str(session.report)
    session, _ = stage.replay(recorded, play, live=["tool:ask"], descend=["tool:delegate"])
    assert (stage.ran, session.report.notes) == (["delegate", "ask"], {})
    assert "descend opens" not in str(session.report)


@pytest.mark.parametrize("setting", ["live", "descend"])
@pytest.mark.parametrize("selector", ["TOOL_CALL", "tool:*", "span:agent/delegate*"])
def test_a_selector_that_means_a_call_and_one_within_it_is_noted_once(
    stage: Stage, setting: str, selector: str
) -> None:
    """Both bodies run, where perhaps one was meant: the note names both."""

    @trace_tool(stage.tracer, effect="read")
    def ask(n: int) -> int:
        stage.ran.append("ask")
        return n

    @trace_tool(stage.tracer, effect="read")
    def delegate(n: int) -> int:
        stage.ran.append("delegate")
        return ask(n)

    def play() -> None:
        with stage.tracer.run("agent"):
            delegate(1)
            delegate(2)

    recorded = stage.record(play)
    session, _ = stage.replay(recorded, play, **{setting: [selector]})
    note = f"selector_nested {selector}: agent/delegate/ask within agent/delegate"
    assert session.report.notes == {note: 1}
    assert "both bodies run: within a call" in str(session.report)
    # The outer one alone is meant: what its body calls is live with it, or served.
    session, _ = stage.replay(recorded, play, **{setting: ["tool:delegate"]})
    assert session.report.notes == {}
    assert "both bodies run" not in str(session.report)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_what_stops_a_child_is_in_the_report_of_its_parent(stage: Stage) -> None:
    with socket.socket() as taken:  # a port that no exporter of this process was made for
        taken.bind(("127.0.0.1", 0))
        address = taken.getsockname()

    def play_with_child() -> None:
        with stage.tracer.run("agent"):
            child = os.fork()
            if child == 0:
                with suppress(BaseException):
                    socket.create_connection(address, timeout=1)
                os._exit(0)
            os.waitpid(child, 0)

    def record() -> None:
        with stage.tracer.run("agent"):
            pass

    recorded = stage.record(record)
    session = stage.tracer.replay(recorded)
    with pytest.raises(ReplayDivergence), session:
        play_with_child()
    assert [each.kind for each in session.report.divergences] == [DivergenceKind.UNRECORDED_IO]
    assert not session.report.identical
    assert session.report.exit_code == 11


def test_a_call_after_the_end_of_its_run_is_not_missing_before_it(stage: Stage) -> None:
    @trace_tool(stage.tracer)
    def tool(n: int) -> int:
        return n

    def play() -> None:
        has_ended = threading.Event()

        def late() -> None:
            assert has_ended.wait(10)
            tool(2)

        with stage.tracer.run("agent"):
            tool(1)
            thread = threading.Thread(target=stage.tracer.propagate(late))
            thread.start()
        has_ended.set()
        thread.join(10)

    def play_without() -> None:
        with stage.tracer.run("agent"):
            tool(1)

    recorded = stage.record(play)
    assert len(recorded.spans) == 2
    session, _ = stage.replay(recorded, play)
    assert session.report.identical
    session, raised = stage.diverge(recorded, play_without)
    assert raised.divergence.kind is DivergenceKind.MISSING_CALL
    assert len(session.report.divergences) == 1
