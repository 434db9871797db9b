"""Enumerations of comparisons of groups. A member's value is the text that the library has."""

from __future__ import annotations

from enum import Enum

import strawberry
from strawberry import enum_value


@strawberry.enum(description="What became of a figure from base to head.")
class Verdict(Enum):
    """See the description, which is public."""

    REGRESSION = enum_value("regression", description="It is worse, beyond chance.")
    IMPROVEMENT = enum_value("improvement", description="It is better, beyond chance.")
    EQUIVALENT = enum_value("equivalent", description="It changed by less than the margin.")
    INCONCLUSIVE = enum_value("inconclusive", description="The runs cannot tell: see `reason`.")
    MORE = enum_value("more", description="It is more, beyond chance: neither better nor worse.")
    FEWER = enum_value(
        "fewer",
        description="It is fewer, beyond chance: a count that is no better for it, or fewer runs "
        "succeed.",
    )
    LESS = enum_value("less", description="It is less, beyond chance, and fewer runs succeed.")


@strawberry.enum(description="Which test a p-value is from.")
class ComparisonTest(Enum):
    """See the description, which is public."""

    MANN_WHITNEY = enum_value("mann_whitney", description="Two samples of figures.")
    WILCOXON = enum_value("wilcoxon", description="Figures of the same cases.")
    FISHER = enum_value("fisher", description="Two counts of what is so or not.")
    MCNEMAR = enum_value("mcnemar", description="What is so or not of the same cases.")


@strawberry.enum(description="What an effect is measured in.")
class EffectScale(Enum):
    """See the description, which is public."""

    RATIO = enum_value("ratio", description="A share of base: 0.3 is 30 % more.")
    DIFFERENCE = enum_value("difference", description="The figure's own unit, or a share of runs.")


@strawberry.enum(description="How an interval was found.")
class IntervalMethod(Enum):
    """See the description, which is public."""

    BCA = enum_value("bca", description="A bootstrap, corrected for bias and skew.")
    PERCENTILE = enum_value("percentile", description="A bootstrap.")
    RANK = enum_value("rank", description="By inverting the test.")
    NEWCOMBE = enum_value("newcombe", description="Of two Wilson intervals.")
    EXACT = enum_value("exact", description="Nothing varies: a point.")


@strawberry.enum(description="What spans are put together by.")
class PartDimension(Enum):
    """See the description, which is public."""

    TYPE = enum_value("type", description="Their type.")
    NAME = enum_value("name", description="Their type and name.")
    MODEL = enum_value("model", description="Their model.")


@strawberry.enum(description="One of the two groups.")
class GroupSide(Enum):
    """See the description, which is public."""

    BASE = enum_value("base", description="The group that is compared with.")
    HEAD = enum_value("head", description="The group that is judged.")


@strawberry.enum(description="What a reader has to know before trusting a comparison of groups.")
class GroupWarningCode(Enum):
    """See the description, which is public."""

    EMPTY = enum_value("empty", description="A group has no run.")
    INCOMPLETE = enum_value("incomplete", description="Runs are open, or lost records.")
    COVERAGE = enum_value("coverage", description="A figure is known in part.")
    PAIRING = enum_value("pairing", description="Cases of one side alone are left out.")
    CUT = enum_value("cut", description="There is more than is compared.")
