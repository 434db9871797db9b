"""What may be replayed: which recording is meant, and whether it is fit to go by."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from agenttrace import ConfigurationError, Tracer
from agenttrace.exporters import JSONLExporter
from agenttrace.replay import DivergenceKind, NotReplayableError
from agenttrace.settings import Settings
from agenttrace.trace import load_runs
from agenttrace.wrappers import trace_tool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Stage


@pytest.fixture
def main(stage: Stage) -> Callable[[], list[str]]:
    @trace_tool(stage.tracer)
    def tool(value: int) -> str:
        stage.ran.append("tool")
        return f"value {value}"

    def play() -> list[str]:
        with stage.tracer.run("agent"):
            return [tool(n) for n in range(4)]

    return play


def _write(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def _records(stage: Stage) -> list[dict[str, Any]]:
    stage.load()
    return [dict(record) for record in stage.memory.records]


def test_a_recording_is_given_in_any_of_its_forms(
    stage: Stage, main: Callable[[], list[str]], tmp_path: Path
) -> None:
    recorded = stage.record(main)
    path = _write(tmp_path / "t.jsonl", _records(stage))
    loaded = load_runs(path)
    for source in (recorded, [recorded], loaded, path, str(path), f"{path}:last"):
        session, answer = stage.replay(source, main)
        assert answer == [f"value {n}" for n in range(4)]
        assert session.report.identical
    assert stage.ran == []


def test_a_run_id_is_looked_for_where_the_program_records(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    tracer = Tracer(exporter=JSONLExporter(path=path), settings=Settings(exporter=f"jsonl:{path}"))

    @trace_tool(tracer)
    def tool() -> int:
        return len(sys.modules)

    def main() -> int:
        with tracer.run("agent"):
            return tool()

    first = main()
    tracer.flush()
    (run,) = load_runs(path).runs
    for source in (run.run_id, run.run_id[:16], "last"):
        with tracer.replay(source) as session:
            assert main() == first
        assert session.report.identical
        assert session.run.replayed_from == run.run_id
    tracer.shutdown()
    assert len(load_runs(path).runs) == 4


def test_several_runs_are_replayed_each_by_its_own(
    stage: Stage, main: Callable[[], list[str]]
) -> None:
    @trace_tool(stage.tracer)
    def alone(value: int) -> int:
        stage.ran.append("alone")
        return value + len(stage.ran)

    def play() -> list[Any]:
        return [main(), alone(1), alone(1)]

    first = play()
    runs = stage.load()
    stage.ran.clear()
    session, again = stage.replay(runs, play)
    assert again == first
    assert stage.ran == []
    assert session.report.identical
    assert [run.replayed_from for run in session.runs] == [run.run_id for run in runs]

    _, raised = stage.diverge(runs[:1], play)
    assert raised.divergence.kind is DivergenceKind.EXTRA_CALL
    _, raised = stage.diverge(runs, main)
    assert raised.divergence.kind is DivergenceKind.MISSING_CALL
    assert stage.ran == []


def test_what_is_no_recording_is_refused(stage: Stage, tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    text = tmp_path / "text.jsonl"
    text.write_text("not a recording\n")
    sources: list[Any] = [tmp_path / "none.jsonl", "nonsense!", empty, text, []]
    for source in sources:
        with pytest.raises(NotReplayableError) as raised:
            stage.tracer.replay(source)
        assert raised.value.exit_code == 12
    with pytest.raises(ConfigurationError):
        stage.tracer.replay(7)  # type: ignore[arg-type]


def _tamper_input(records: list[dict[str, Any]]) -> None:
    for record in records:
        if record["type"] == "span" and record["seq"] == 2:
            record["input"]["value"]["value"] = 99


def _take_line_out(records: list[dict[str, Any]]) -> None:
    records[:] = [r for r in records if r.get("seq") != 2]


def _lose_records(records: list[dict[str, Any]]) -> None:
    records[-1]["complete"] = False


def _change_version(records: list[dict[str, Any]]) -> None:
    for record in records:
        record["v"] = 2


def _change_one_version(records: list[dict[str, Any]]) -> None:
    records[3]["v"] = 2


def _change_hash_version(records: list[dict[str, Any]]) -> None:
    for record in records:
        if record["type"] == "span":
            record["hash_version"] = 9


def _swap_seqs(records: list[dict[str, Any]]) -> None:
    for record in records:
        if record["type"] == "span" and "end_seq" in record:
            record["seq"], record["end_seq"] = record["end_seq"], record["seq"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_tamper_input, "its hash is not of"),
        (_take_line_out, "lines were lost or taken out"),
        (_lose_records, "lost records"),
        (_change_version, "can be read; line 1: a record of version 2, and this release reads"),
        (_change_one_version, "cannot be read"),
        (_change_hash_version, "version 9"),
        (_swap_seqs, "ended before it started"),
    ],
)
def test_a_recording_that_was_changed_is_refused(
    stage: Stage,
    main: Callable[[], list[str]],
    tmp_path: Path,
    change: Callable[[list[dict[str, Any]]], None],
    said: str,
) -> None:
    stage.record(main)
    records = _records(stage)
    change(records)
    path = _write(tmp_path / "t.jsonl", records)
    with pytest.raises(NotReplayableError, match=said) as raised:
        stage.tracer.replay(path)
    assert raised.value.exit_code == 12


def test_what_lost_records_can_be_replayed_by_who_asks_for_it(
    stage: Stage, main: Callable[[], list[str]], tmp_path: Path
) -> None:
    stage.record(main)
    records = _records(stage)
    _lose_records(records)
    path = _write(tmp_path / "t.jsonl", records)
    session, _ = stage.replay(path, main, mode="lenient")
    assert session.report.identical
    assert stage.ran == []


def test_a_run_that_was_killed_is_replayed_up_to_its_last_moment(
    stage: Stage, main: Callable[[], list[str]], tmp_path: Path
) -> None:
    stage.record(main)
    records = [r for r in _records(stage) if r.get("end_seq", 0) < 5 and r.get("seq", 0) < 5]
    assert [r["status"] for r in records][-1] == "STARTED"
    path = _write(tmp_path / "t.jsonl", records)
    with path.open("a") as file:
        file.write('{"v":1,"type":"span","run')  # where it was killed
    got: list[str] = []

    def play() -> None:
        got.extend(main())

    _, raised = stage.diverge(path, play)
    assert raised.divergence.kind is DivergenceKind.UNAVAILABLE
    assert "unfinished" in str(raised)
    assert raised.exit_code == 12
    assert (got, stage.ran) == ([], [])


def test_a_line_that_another_run_was_killed_at_is_no_fault_of_a_whole_one(
    stage: Stage, main: Callable[[], list[str]], tmp_path: Path
) -> None:
    stage.record(main)
    records = _records(stage)
    path = _write(tmp_path / "t.jsonl", records)
    with path.open("a") as file:
        file.write('{"v":1,"type":"span","run')  # a later run's, which is still written
    session, _ = stage.replay(path, main)
    assert session.report.identical
    assert stage.ran == []


def test_a_line_of_its_own_that_was_cut_off_is_a_gap(
    stage: Stage, main: Callable[[], list[str]], tmp_path: Path
) -> None:
    stage.record(main)
    records = _records(stage)
    torn = next(r for r in records if r["type"] == "span" and "end_seq" in r)
    path = _write(tmp_path / "t.jsonl", [r for r in records if r is not torn])
    with path.open("a") as file:
        file.write(json.dumps(torn)[:60])
    with pytest.raises(NotReplayableError, match="lines were lost or taken out"):
        stage.tracer.replay(path)


def test_a_replay_is_begun_outside_of_runs_and_once(
    stage: Stage, main: Callable[[], list[str]]
) -> None:
    recorded = stage.record(main)
    with (
        stage.tracer.run("outer"),
        pytest.raises(ConfigurationError, match="outside"),
        stage.tracer.replay(recorded),
    ):
        pass
    with (
        pytest.raises(ConfigurationError, match="on already"),
        stage.tracer.replay(recorded, mode="lenient"),
        stage.tracer.replay(recorded),
    ):
        pass
    session, _ = stage.replay(recorded, main)
    with pytest.raises(ConfigurationError, match="is over"), session:
        pass


def test_a_tracer_without_exporter_is_replayed_and_as_it_was_after_that(
    stage: Stage, main: Callable[[], list[str]]
) -> None:
    recorded = stage.record(main)
    tracer = Tracer(settings=Settings(sample_rate=0.0))
    ran: list[int] = []

    @trace_tool(tracer)
    def tool(value: int) -> str:
        ran.append(value)
        return "live"

    def play() -> list[str]:
        with tracer.run("agent"):
            return [tool(n) for n in range(4)]

    with tracer.replay(recorded) as session:
        assert play() == [f"value {n}" for n in range(4)]
    assert session.run.complete
    assert (ran, tracer.recorder.hub.sinks) == ([], ())
    assert play() == ["live"] * 4
    with (
        pytest.raises(ConfigurationError, match="AGENTTRACE_DISABLED"),
        Tracer(settings=Settings(disabled=True)).replay(recorded),
    ):
        pass


def test_a_call_that_is_not_recorded_does_not_run(stage: Stage) -> None:
    @trace_tool(stage.tracer)
    def tool() -> int:
        stage.ran.append("tool")
        return 1

    def main() -> int:
        with stage.tracer.run("agent"):
            return tool()

    def unsampled() -> int:
        headers = {"traceparent": f"00-{'1' * 32}-{'2' * 16}-00"}
        with stage.tracer.run("agent", parent=stage.tracer.extract(headers)):
            return tool()

    recorded = stage.record(main)
    _, raised = stage.diverge(recorded, unsampled)
    assert raised.divergence.kind is DivergenceKind.EXTRA_CALL
    assert stage.ran == []
