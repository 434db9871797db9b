"""The pytest plugin: `agenttrace_recording` records what a test runs, and shows it on failure.

A module of its own beside the package: pytest loads it in every test session, and what it does not
use must cost nothing. `import agenttrace` waits until a test asks for the fixture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from agenttrace.recorded_test import RecordedTest

_KEY: pytest.StashKey[RecordedTest] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--agenttrace-dir`."""
    parser.getgroup("agenttrace").addoption(
        "--agenttrace-dir",
        metavar="DIR",
        help="write what each test with agenttrace_recording recorded into DIR, a JSONL file each",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers",
        "agenttrace(deterministic=False): with True, agenttrace_recording's clock and ids repeat",
    )


@pytest.fixture
def agenttrace_recording(request: pytest.FixtureRequest) -> Iterator[RecordedTest]:
    """Record this test's runs: `.tracer` to record with, `.runs`, `.run` and `.spans()` to look.

    When the test fails, its report shows the recorded tree.
    """
    from agenttrace.recorded_test import RecordedTest  # noqa: PLC0415 -- only who asks for it pays

    marker = request.node.get_closest_marker("agenttrace")
    is_deterministic = marker is not None and bool(marker.kwargs.get("deterministic"))
    recording = RecordedTest(is_deterministic=is_deterministic)
    request.node.stash[_KEY] = recording
    yield recording
    folder = request.config.getoption("--agenttrace-dir")
    if folder:
        recording.write(folder, test_id=request.node.nodeid)
    recording.close()


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
