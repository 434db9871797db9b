"""What may be said of a comparison: a rule, and why it says no more where it says no more."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import ceil, comb, log1p
from typing import TYPE_CHECKING, Final, Literal

from agenttrace.diff.statistics.evidence import Procedure, Scale

if TYPE_CHECKING:
    from agenttrace.diff.statistics.evidence import Evidence, Interval

_TINY_P: Final = 0.001
_SMALL_P: Final = 0.01
_OF_SHARES: Final = frozenset({Procedure.FISHER, Procedure.MCNEMAR})
_MAX_COUNT: Final = 64
"""Samples that need more figures than this for any verdict at all do not occur."""


class Verdict(StrEnum):
    """What became of a figure from base to head; INCONCLUSIVE is no pass.

    MORE, FEWER and LESS are changes beyond chance that are neither better nor worse by themselves.
    """

    REGRESSION = "regression"
    IMPROVEMENT = "improvement"
    EQUIVALENT = "equivalent"
    INCONCLUSIVE = "inconclusive"
    MORE = "more"
    FEWER = "fewer"
    LESS = "less"


@dataclass(frozen=True, slots=True)
class Policy:
    """By what a comparison is judged.

    `min_effect`: a change up to it is of no interest, however sure. `margin`: changes that all lie
    within it count as none. Both are in the evidence's scale: 0.05 is 5 % of base, or for shares
    5 percentage points. `worse` says which way is a regression.
    """

    alpha: float = 0.05
    min_effect: float = 0.05
    margin: float = 0.10
    worse: Literal["higher", "lower"] = "higher"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, and in a sentence what it rests on or what it lacks."""

    verdict: Verdict
    reason: str


def judge(
    evidence: Evidence, *, p_adjusted: float | None, policy: Policy, tests: int = 1
) -> Judgement:
    """Return the verdict on a comparison that is one of a family of `tests`."""
    if evidence.effect is None or evidence.p is None or p_adjusted is None:
        return Judgement(Verdict.INCONCLUSIVE, f"{describe_counts(evidence)}: nothing to compare")
    too_few = explain_too_few(evidence, policy.alpha, tests)
    if too_few is not None:
        return Judgement(Verdict.INCONCLUSIVE, too_few)
    interval = evidence.interval
    is_sure = p_adjusted < policy.alpha and interval is not None and _excludes_zero(interval)
    if is_sure and abs(evidence.effect) > policy.min_effect:
        is_worse = (evidence.effect > 0) == (policy.worse == "higher")
        verdict = Verdict.REGRESSION if is_worse else Verdict.IMPROVEMENT
        return Judgement(verdict, f"{describe_effect(evidence)}, {_say_p(p_adjusted)}")
    if interval is not None and -policy.margin <= interval.low <= interval.high <= policy.margin:
        within = write_size(policy.margin, evidence)
        return Judgement(Verdict.EQUIVALENT, f"{describe_effect(evidence)}: within {within}")
    return Judgement(Verdict.INCONCLUSIVE, _explain_doubt(evidence, p_adjusted, policy))


def describe_counts(evidence: Evidence) -> str:
    """Return how many figures were compared: `3 v 3`, or `3 pairs`."""
    if evidence.is_paired:
        return f"{evidence.base_count} pair{'' if evidence.base_count == 1 else 's'}"
    return f"{evidence.base_count} v {evidence.head_count}"


def describe_effect(evidence: Evidence) -> str:
    """Return an effect with its interval: `+31 % (+12 % to +54 %)`."""
    if evidence.effect is None:
        return "unknown"
    text = write_change(evidence.effect, evidence.scale, evidence.test)
    if evidence.interval is None:
        return text
    low = write_change(evidence.interval.low, evidence.scale, evidence.test)
    high = write_change(evidence.interval.high, evidence.scale, evidence.test)
    return f"{text} ({low} to {high})"


def write_change(change: float, scale: Scale, test: Procedure) -> str:
    """Return a change with its sign: in percent, in percentage points, or plain."""
    if scale is Scale.RATIO:
        return f"{change * 100:+,.1f} %"
    if test in _OF_SHARES:
        return f"{change * 100:+.1f} points"
    return f"{change:+.3g}"


def write_size(size: float, evidence: Evidence) -> str:
    """Return a size of the evidence's kind without a sign."""
    if evidence.scale is Scale.RATIO:
        return f"{size * 100:,.3g} %"
    return f"{size * 100:.3g} points" if evidence.test in _OF_SHARES else f"{size:.3g}"


def write_p(p: float) -> str:
    """Return a p-value with what of it means something."""
    if p < _TINY_P:
        return f"< {_TINY_P}"
    return f"{p:.3f}" if p < _SMALL_P else f"{p:.2f}"


def find_needed_count(evidence: Evidence, effect: float) -> int | None:
    """Return how many figures a side show an effect four times out of five; None: cannot be told.

    The detectable effect falls with the root of the count.
    """
    reach = evidence.detectable
    if reach is None or effect <= 0 or not evidence.base_count or not evidence.head_count:
        return None
    if evidence.scale is Scale.RATIO:
        reach, effect = log1p(reach), log1p(effect)
    count = 2 / (1 / evidence.base_count + 1 / evidence.head_count)
    return ceil(count * (reach / effect) ** 2)


def explain_too_few(evidence: Evidence, alpha: float, tests: int) -> str | None:
    """Return why no figures whatever could give a verdict; None when they could."""
    smallest = min(1.0, evidence.smallest_p * tests)
    if smallest < alpha:
        return None
    needed = next((n for n in range(1, _MAX_COUNT) if _bound_p(evidence, n) * tests < alpha), None)
    among = f" among {tests} tests" if tests > 1 else ""
    # "0.10" for 3 v 3: a small p is rounded to where it differs from alpha.
    text = f"{describe_counts(evidence)}: the smallest possible p{among} is {write_p(smallest)}"
    if needed is None:
        return text
    return f"{text}; needs {f'{needed} pairs' if evidence.is_paired else f'{needed} v {needed}'}"


def _say_p(p: float) -> str:
    text = write_p(p)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def _excludes_zero(interval: Interval) -> bool:
    return interval.low > 0 or interval.high < 0


def _bound_p(evidence: Evidence, count: int) -> float:
    if evidence.is_paired:
        return 2.0 ** (1 - count)
    return 2 / comb(2 * count, count)


def _explain_doubt(evidence: Evidence, p_adjusted: float, policy: Policy) -> str:
    said = f"{describe_effect(evidence)}, {_say_p(p_adjusted)}: neither a change nor none"
    if evidence.detectable is None:
        return said
    seen = write_size(evidence.detectable, evidence)
    said = f"{said} is shown; {describe_counts(evidence)} show one of {seen} four times out of five"
    # Of figures with zeros the margin has no unit that it could be held against.
    if evidence.scale is Scale.DIFFERENCE and evidence.test not in _OF_SHARES:
        return said
    needed = find_needed_count(evidence, policy.margin)
    if needed is None or needed <= min(evidence.base_count, evidence.head_count):
        return said
    many = f"{needed} pairs" if evidence.is_paired else f"{needed} v {needed}"
    return f"{said}, {many} one of {write_size(policy.margin, evidence)}"
