"""A comparison of two runs in a word, and in the sentence that stands above it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from agenttrace.diff.model import Outcome, WarningCode

if TYPE_CHECKING:
    from agenttrace.diff.model import RunDiff


class Verdict(StrEnum):
    """What two runs are to each other. What is lost outweighs what is alike: it may differ."""

    IDENTICAL = "identical"
    DIFFERENT = "different"
    UNRELATED = "unrelated"  # no span of one run is in the other
    NO_SPANS = "no_spans"  # neither run has any: there is nothing to compare
    INCOMPLETE = "incomplete"  # a run is still open, or records of it are lost


WITHOUT_DATA: Final = frozenset({Verdict.INCOMPLETE, Verdict.NO_SPANS})
"""There is too little to judge by: a command ends with 4."""


def find_verdict(diff: RunDiff) -> Verdict:
    """Return a comparison in a word; `RunDiff.identical` is about what is there alone."""
    if diff.is_incomplete:
        return Verdict.INCOMPLETE
    if not diff.rows:
        return Verdict.NO_SPANS
    if any(warning.code is WarningCode.NOTHING_SHARED for warning in diff.warnings):
        return Verdict.UNRELATED
    return Verdict.IDENTICAL if diff.identical else Verdict.DIFFERENT


def describe_verdict(diff: RunDiff) -> str:
    """Return a comparison in a line: the word, where it is no plain difference, and the counts."""
    counts = _count_rows(diff) if diff.rows else "no span of either run is there"
    alike = "what is there does not differ, " if diff.identical and diff.rows else ""
    return {
        Verdict.IDENTICAL: "identical",
        Verdict.DIFFERENT: counts,
        Verdict.UNRELATED: f"unrelated, no span is in both runs: {counts}",
        Verdict.NO_SPANS: "no spans recorded: there is nothing to compare",
        Verdict.INCOMPLETE: f"incomplete: {alike}{counts}",
    }[find_verdict(diff)]


def _count_rows(diff: RunDiff) -> str:
    counts = diff.counts
    found = [
        f"{count:,} {outcome.value}"
        for outcome in Outcome
        if outcome is not Outcome.UNCHANGED and (count := getattr(counts, outcome.value))
    ]
    if diff.run_flags and not found:
        found.append("only the run itself differs")
    about = ", approximately" if diff.approx else ""
    return ", ".join([*found, f"{counts.unchanged:,} unchanged"]) + about
