"""The pytest plugin: `agenttrace_recording` records what a test runs, and shows it on failure.

`agenttrace_run` does the same, and compares the run with the test's committed baseline.

A module of its own beside the package: pytest loads it in every test session, and what it does not
use must cost nothing. `import agenttrace` waits until a test asks for a fixture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypedDict

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from agenttrace.compared_test import RunBaseline
    from agenttrace.recorded_test import RecordedTest

_KEY: pytest.StashKey[RecordedTest] = pytest.StashKey()
_BASELINE: pytest.StashKey[RunBaseline] = pytest.StashKey()
_UPDATED: pytest.StashKey[list[str]] = pytest.StashKey()


class _Marker(TypedDict, total=False):
    deterministic: bool
    baseline: str
    gates: str
    rules: str


_TYPES: Final = {"deterministic": bool, "baseline": str, "gates": str, "rules": str}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--agenttrace-dir` and `--update-baseline`."""
    group = parser.getgroup("agenttrace")
    group.addoption(
        "--agenttrace-dir",
        metavar="DIR",
        help="write what each test with agenttrace_recording recorded into DIR, a JSONL file each",
    )
    group.addoption(
        "--update-baseline",
        action="store_true",
        help="write the run of each test with agenttrace_run as its baseline, where it differs",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers",
        "agenttrace(deterministic=False, baseline=None, gates=None, rules=None): "
        "with deterministic=True the recording's clock and ids repeat; the others are paths from "
        "the test's folder, of what agenttrace_run compares with and by",
    )
    config.stash[_UPDATED] = []


@pytest.fixture
def agenttrace_recording(request: pytest.FixtureRequest) -> Iterator[RecordedTest]:
    """Record this test's runs: `.tracer` to record with, `.runs`, `.run` and `.spans()` to look.

    When the test fails, its report shows the recorded tree.
    """
    from agenttrace.recorded_test import RecordedTest  # noqa: PLC0415 -- only who asks for it pays

    marker = _read_marker(request.node)
    recording = RecordedTest(is_deterministic=marker.get("deterministic", False))
    request.node.stash[_KEY] = recording
    yield recording
    folder = request.config.getoption("--agenttrace-dir")
    if folder:
        recording.write(folder, test_id=request.node.nodeid)
    recording.close()


@pytest.fixture
def agenttrace_run(
    request: pytest.FixtureRequest, agenttrace_recording: RecordedTest
) -> RecordedTest:
    """Record this test's only run, and when the test has passed, compare it with its baseline.

    The baseline is `baselines/FILE.TEST.jsonl` beside the test's file, of a method
    `FILE.CLASS.TEST.jsonl`, unless the marker says otherwise. The run has to be identical to it,
    figures apart, or to pass the marker's gates.
    """
    from agenttrace.compared_test import find_baseline  # noqa: PLC0415 -- only who asks for it pays
    from agenttrace.errors import AgentTraceError  # noqa: PLC0415 -- as above

    marker = _read_marker(request.node)
    try:
        request.node.stash[_BASELINE] = find_baseline(
            request.path,
            _name_test(request.node),
            baseline=marker.get("baseline"),
            gates=marker.get("gates"),
            rules=marker.get("rules"),
        )
    except AgentTraceError as error:
        raise pytest.UsageError(str(error)) from None
    return agenttrace_recording


def _name_test(node: pytest.Item) -> str:
    """Return the test's name with its classes before it: two may have a test of one name."""
    within = node.nodeid.partition("::")[2].removesuffix(node.name)
    return f"{within.replace('::', '.')}{node.name}"


def _read_marker(node: pytest.Item) -> _Marker:
    marker = node.get_closest_marker("agenttrace")
    if marker is None:
        return {}
    wrong = [name for name, value in marker.kwargs.items() if type(value) is not _TYPES.get(name)]
    if marker.args or wrong:
        given = ", ".join([*map(repr, marker.args), *wrong])
        raise pytest.UsageError(
            "@pytest.mark.agenttrace takes deterministic=True, baseline=PATH, gates=PATH and "
            f"rules=PATH alone, not {given}"
        )
    found: _Marker = {}
    found.update(marker.kwargs)  # type: ignore[typeddict-item]  # checked above
    return found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Compare the run of a test that passed: a difference is a failure of the test."""
    yield
    baseline = item.stash.get(_BASELINE, None)
    if baseline is None:
        return
    from agenttrace.errors import AgentTraceError  # noqa: PLC0415 -- only who asks for it pays

    recording = item.stash[_KEY]
    try:
        if item.config.getoption("--update-baseline"):
            if baseline.update(recording):
                item.config.stash[_UPDATED].append(str(baseline.path))
            return
        why = baseline.compare(recording)
    except (AgentTraceError, AssertionError) as error:
        why = str(error)
    if why is not None:
        pytest.fail(why, pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the recorded tree to the report of a test that failed."""
    report = yield
    recording = item.stash.get(_KEY, None)
    if recording is not None and report.failed:
        report.sections.append(("agenttrace: recorded runs", recording.describe()))
    return report


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say which baselines were written."""
    for path in config.stash[_UPDATED]:
        terminalreporter.write_line(f"agenttrace: {path} is the new baseline")
