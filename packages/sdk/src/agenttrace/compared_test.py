"""What the pytest fixture `agenttrace_run` does when a test has passed: compare with its baseline.

A baseline is a recording of one run, or what `agenttrace baseline build` learnt from several. It
is committed beside the test; `pytest --update-baseline` writes it.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from agenttrace.cli.diff_rules import find_rules
from agenttrace.cli.diff_text import write_diff
from agenttrace.cli.gates import load_gates
from agenttrace.cli.output import Screen
from agenttrace.diff.baselines import is_baseline, read_baseline
from agenttrace.diff.compare import compare_runs
from agenttrace.diff.gates import GateEvidence, GateReport, GateStatus, check_gates
from agenttrace.diff.groups.measures import measure_run
from agenttrace.diff.normalise import Normaliser
from agenttrace.encoding.payload import write_json
from agenttrace.semconv import HOST_NAME, PACKAGES, PROCESS_COMMAND_ARGS, PROCESS_PID
from agenttrace.trace import RecordedRun, load_runs
from agenttrace.trace.sources import RecordingError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agenttrace.diff.gates import Gates
    from agenttrace.diff.model import RunDiff
    from agenttrace.diff.rules import Rules
    from agenttrace.recorded_test import RecordedTest

FOLDER: Final = "baselines"
"""Where baselines are, beside the file of the test."""

_OF_HOST: Final = frozenset({HOST_NAME, PROCESS_PID, PROCESS_COMMAND_ARGS, PACKAGES})
_NAME_CHARS: Final = 120
_SHOWN_LINES: Final = 200


@dataclass(frozen=True, slots=True)
class RunBaseline:
    """What a test's run is compared with, and by what.

    Without `gates` the run has to be identical by the rules; figures may differ.
    """

    path: Path
    rules: Rules
    gates: Gates | None = None

    def compare(self, recording: RecordedTest) -> str | None:
        """Return why the only run of a recording does not hold, as a text to read; None if it does.

        Raises:
            AssertionError: there is not exactly one run.
            BaselineError: the baseline was learnt from several runs and cannot be read.

        """
        head = recording.run
        if not self.path.exists():
            return f"there is no baseline {self.path}\n{_HOW} writes this run there"
        if self._is_learnt():
            return self._compare_learnt(self.path.read_text("utf-8", "replace"), head)
        try:
            recorded, problems = load_runs(self.path)
        except RecordingError as error:
            return f"{error}; {_HOW} writes this run there"
        if problems:
            first = problems[0]
            why = f"line {first.line} cannot be read: {first.message}"
            return f"{self.path}: {why}; {_HOW} writes it anew"
        if len(recorded) != 1:
            return f"{self.path} holds {len(recorded)} runs; a baseline is one: {_HOW} writes it"
        return self._compare_run(recorded[0], head)

    def update(self, recording: RecordedTest) -> bool:
        """Write the run as the new baseline where it does not hold; return whether it did.

        Raises:
            AssertionError: there is not exactly one run, the baseline was learnt from several, or
                the run does not even hold to itself.
            BaselineError: it was, and cannot be read.

        """
        why = self.compare(recording)
        if why is None:
            return False
        if self._is_learnt():
            raise AssertionError(why)
        head = recording.run
        kept = self._compare_run(head, head)
        if kept is not None:  # the next test would fail with what is written now
            raise AssertionError(f"{self.path} is not written\n{kept}")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # A crash in the middle must not leave half of a baseline.
        written = self.path.with_name(f"{self.path.name}.{os.getpid()}.new")
        written.write_bytes(_leave_out_host(recording.read_lines()))
        written.replace(self.path)
        return True

    def _is_learnt(self) -> bool:
        if not self.path.is_file():
            return False
        with self.path.open("rb") as file:
            return is_baseline(file.read(256).decode("utf-8", "replace"))

    def _compare_run(self, base: RecordedRun, head: RecordedRun) -> str | None:
        diff = compare_runs(base, head, self.rules)
        if self.gates is None:
            is_equal = diff.identical and not diff.is_incomplete
            return None if is_equal else self._explain(diff, None, hint=self._advise(base, head))
        measured = [measure_run(run) for run in (base, head)]
        evidence = GateEvidence(measured[:1], measured[1:], diff=diff, normalise=self._normalise)
        report = check_gates(self.gates, evidence)
        if report.status is GateStatus.PASS:
            return None
        return self._explain(diff, report, hint=self._advise(base, head))

    def _advise(self, base: RecordedRun, head: RecordedRun) -> str:
        can_hold = base is not head and self._compare_run(head, head) is None
        return _TAKES if can_hold else _NO_BASELINE

    def _compare_learnt(self, text: str, head: RecordedRun) -> str | None:
        if self.gates is None:
            return f"{self.path} was learnt from several runs: say gates= to hold this one to it"
        baseline = read_baseline(text, name=str(self.path))
        evidence = GateEvidence(
            [], [measure_run(head)], baseline=baseline, normalise=self._normalise
        )
        report = check_gates(self.gates, evidence)
        return (
            None if report.status is GateStatus.PASS else self._explain(None, report, hint=_LEARNT)
        )

    def _normalise(self, text: str) -> str:
        return Normaliser(self.rules).write("output", text)

    def _explain(self, diff: RunDiff | None, report: GateReport | None, *, hint: str) -> str:
        lines = [f"the run is not what {self.path} holds"]
        if report is not None:
            lines += _list_gates(report)
        if diff is not None:
            lines += ["", *write_diff(diff, Screen(), is_changed_only=True)]
        if len(lines) > _SHOWN_LINES:
            rest = len(lines) - _SHOWN_LINES
            lines = [*lines[:_SHOWN_LINES], f"… {rest} more lines"]
        return "\n".join([*lines, "", hint])


_HOW: Final = "pytest --update-baseline"
_TAKES: Final = f"{_HOW} takes this run as the new baseline"
_NO_BASELINE: Final = (
    "no baseline can be written for this run: it does not even hold to itself. "
    "Mend the run, or what its test is held to"
)
_LEARNT: Final = (
    "the baseline was learnt from several runs: agenttrace baseline build writes it, "
    f"{_HOW} does not"
)


def _leave_out_host(lines: bytes) -> bytes:
    """Return records without what is of this machine and process alone: they are committed."""
    return b"\n".join(map(_clean_line, lines.split(b"\n")))


def _clean_line(line: bytes) -> bytes:
    if b'"resource"' not in line:
        return line
    record = json.loads(line)
    resource = record.get("resource")
    if not isinstance(resource, dict):
        return line
    record["resource"] = {name: fact for name, fact in resource.items() if name not in _OF_HOST}
    return write_json(record)


def find_baseline(
    test_path: Path,
    test_name: str,
    *,
    baseline: str | None = None,
    gates: str | None = None,
    rules: str | None = None,
) -> RunBaseline:
    """Return the baseline of a test; the three paths are from the folder of the test's file.

    Raises:
        AgentTraceError: the gates or the rules cannot be read.

    """
    folder = test_path.parent
    name = f"{test_path.stem}.{_write_name(test_name)}.jsonl"
    return RunBaseline(
        folder / baseline if baseline else folder / FOLDER / name,
        rules=find_rules(str(folder / rules) if rules else None),
        gates=load_gates(str(folder / gates)) if gates else None,
    )


def _write_name(test_name: str) -> str:
    """Return a name for a file; a mark tells apart what fell together when it was made."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "_", test_name).strip("_")[:_NAME_CHARS]
    if plain == test_name:
        return plain
    return f"{plain}.{sha256(test_name.encode('utf-8', 'replace')).hexdigest()[:8]}"


def _list_gates(report: GateReport) -> Iterator[str]:
    for result in report.results:
        if result.status is not GateStatus.PASS:
            yield f"  {result.status.value}  {result.name}: {result.message}"
            yield from (f"    {detail}" for detail in result.details)
