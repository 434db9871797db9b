"""A recording is untrusted input: any field of it may be anything, and is never our traceback."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agenttrace.replay import NotReplayableError, ReplayDivergence
from agenttrace.trace import RecordingError, load_runs
from agenttrace.wrappers import trace_llm, trace_tool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .conftest import Stage

Path = tuple[str | int, ...]
MARK = "@here@"
VALUES = {
    "null": "null",
    "true": "true",
    "negative": "-1",
    "2**63": str(2**63),
    "2**64": str(2**64),
    "2**80": str(2**80),
    "digits": "9" * 5_000,
    "fraction": "0.5",
    "huge float": "1e308",
    "beyond floats": "1e999",
    "NaN": "NaN",
    "-Infinity": "-Infinity",
    "empty": '""',
    "text": '"odd"',
    "nul": '"\\u0000"',
    "surrogate": '"\\ud800"',
    "controls": '"\\u001b[31m\\u202e\\n"',
    "long": '"' + "x" * 300_000 + '"',
    "list": "[]",
    "object": "{}",
    "big in a list": f"[{2**70}]",
    "big in an object": f'{{"a": {2**70}}}',
    "mixed": '[{"": null}, [1.5], "a"]',
    "pointer": '{"/a": "tuple", "": {"type": "set", "of": {"type": "dict"}}}',
    "deep": "[" * 90 + "]" * 90,
    "deeper": "[" * 500 + "]" * 500,
    "deepest": '{"a":' * 50_000 + "1" + "}" * 50_000,
}
CLASSES = ["builtins:dict", "builtins:SystemExit", "json.decoder:JSONDecodeError", "odd"]


class ToolError(Exception):
    """One with a place of its own."""

    def __init__(self, text: str, *, code: object) -> None:
        super().__init__(text)
        self.code = code


def give_up() -> NoReturn:
    """Raise an error with an attribute that has a type."""
    raise ToolError("one", code=(1, 2))


def make_program(stage: Stage) -> Callable[[], None]:
    """Return a program that records one of everything."""
    tracer = stage.tracer

    @trace_tool(tracer)
    def inner(each: object) -> object:
        span = tracer.current_span()
        assert span is not None
        span.set_attributes({"n": 1, "list": [1, "a"]})
        return {"pair": (each, {1, 2}), "at": b"bytes"}

    @trace_tool(tracer)
    def outer(each: object) -> object:
        return inner(each)

    @trace_tool(tracer)
    def fail() -> object:
        try:
            give_up()
        except ToolError as error:
            error.add_note("note")
            raise ExceptionGroup("several", [ValueError(1), KeyError("k")]) from error

    @trace_llm(tracer, model="m")
    def stream() -> Iterator[dict[str, int]]:
        yield {"a": 1}
        yield {"a": 2}

    def main() -> None:
        with (
            tracer.run("agent", tags=["t"], attributes={"k": 1}) as run,
            tracer.span("step", attributes={"n": 5}) as step,
        ):
            step.add_link("0" * 31 + "1", attributes={"why": "x"})
            tracer.state("s", {"v": (1,)})
            tracer.now()
            calls: tuple[Callable[[], object], ...] = (
                lambda: outer(3),
                fail,
                lambda: list(stream()),
            )
            for call in calls:
                try:
                    call()
                except ReplayDivergence:
                    raise
                except BaseException:  # noqa: BLE001 -- a changed recording may raise any
                    pass
            run.set_output([1, (2,)])

    return main


def list_places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield every place in a value but its root."""
    members = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in members:
        yield (*path, key)
        if isinstance(each, dict | list):
            yield from list_places(each, (*path, key))


def put(records: list[Any], place: Path, text: str, *, as_more: bool) -> list[str]:
    """Return the lines with this JSON at one place, or as one more member there."""
    changed: Any = json.loads(json.dumps(records))
    holder = changed
    for key in place[:-1]:
        holder = holder[key]
    old = holder[place[-1]]
    if as_more and isinstance(old, dict):
        old["odd"] = MARK
    elif as_more and isinstance(old, list):
        old.append(MARK)
    else:
        holder[place[-1]] = MARK
    return [json.dumps(each).replace(f'"{MARK}"', text) for each in changed]


def replay_lines(stage: Stage, main: Callable[[], None], lines: list[str]) -> list[str]:
    """Replay what can be read of these lines, in each mode; return what was said of it."""
    try:
        loaded = load_runs([line.encode("utf-8", "surrogatepass") for line in lines])
    except RecordingError as error:
        return [str(error)]
    said = [problem.message for problem in loaded.problems]
    for mode in ("strict", "lenient"):
        for run in loaded.runs:
            try:
                stage.replay(run, main, mode=mode)
            except (NotReplayableError, ReplayDivergence) as error:
                said.append(str(error))
    return said


@pytest.fixture
def main(stage: Stage) -> Callable[[], None]:
    """Return the program."""
    return make_program(stage)


@pytest.fixture
def records(stage: Stage, main: Callable[[], None]) -> list[dict[str, Any]]:
    """Return what it records."""
    main()
    stage.load()
    found: list[dict[str, Any]] = json.loads(json.dumps(stage.memory.records))
    return found


@settings(
    deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_field_of_a_recording_brings_the_recorder_down(
    stage: Stage,
    main: Callable[[], None],
    records: list[dict[str, Any]],
    caplog: pytest.LogCaptureFixture,
    data: st.DataObject,
) -> None:
    """It is replayed, leaves the recording in a way that has a name, or is refused in one line."""
    place = data.draw(st.sampled_from(list(list_places(records))).filter(lambda p: len(p) > 1))
    texts = st.sampled_from([*VALUES.values(), *(f'"{each}"' for each in CLASSES)])
    as_more = data.draw(st.booleans())
    check(stage, main, put(records, place, data.draw(texts), as_more=as_more), caplog)


def check(
    stage: Stage, main: Callable[[], None], lines: list[str], caplog: pytest.LogCaptureFixture
) -> list[str]:
    """Replay these lines: nothing is lost, nothing is logged with a traceback."""
    caplog.clear()
    with caplog.at_level(logging.DEBUG):
        said = replay_lines(stage, main, lines)
        assert stage.tracer.flush(timeout_s=10)
    assert not [each for each in caplog.records if each.exc_info or each.levelno >= logging.ERROR]
    stats = stage.tracer.stats()
    assert not stats.dropped, stats
    for each in said:
        assert len(each) < 2_000
    return said


@pytest.mark.parametrize(
    "case",
    [
        ("attributes", f'{{"n": {2**64}}}', "(inner) has an integer beyond 64 bits at '/n'"),
        ("attributes", f'{{"a/b": [1, {-(2**64)}]}}', "an integer beyond 64 bits at '/a~1b/1'"),
        ("attributes", '{"n": ' + "[" * 400 + "]" * 400 + "}", "more than 100 levels at '/n/0/0"),
        ("links", f'[{{"to": {2**80}}}]', "links of span {id} (inner) has an integer beyond"),
        ("name", '"' + "x" * 2_000 + '"', "the name of span {id} has 2000 characters"),
        ("status", '"' + "x" * 9_000 + '"', "xxx' - at `$.status`"),
    ],
)  # fmt: skip
def test_what_no_recorder_writes_is_refused_with_its_place(
    stage: Stage,
    main: Callable[[], None],
    records: list[dict[str, Any]],
    caplog: pytest.LogCaptureFixture,
    case: tuple[str, str, str],
) -> None:
    """A copy of it could not be written: that was a traceback of the recording thread."""
    field, text, said = case
    at, span = [
        (at, each)
        for at, each in enumerate(records)
        if each["name"] == "inner" and each["status"] == "COMPLETED"
    ][-1]
    span[field] = None
    lines = put(records, (at, field), text, as_more=False)
    told = check(stage, main, lines, caplog)
    assert any(said.format(id=span["span_id"]) in each for each in told), told


def test_an_output_of_more_digits_than_python_reads_is_refused(
    stage: Stage,
    main: Callable[[], None],
    records: list[dict[str, Any]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In a text they are no number: those are replayed."""
    at = next(at for at, each in enumerate(records) if each["name"] == "agent" and "output" in each)
    place: Path = (at, "output", "value", 0)
    told = check(stage, main, put(records, place, VALUES["digits"], as_more=False), caplog)
    assert any("output of the run has an integer of more than 4300 digits" in each for each in told)
    texts = f'"{VALUES["digits"]}"'
    told = check(stage, main, put(records, place, texts, as_more=False), caplog)
    assert not any("digits" in each for each in told)
