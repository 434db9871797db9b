"""Two groups of runs side by side."""

from __future__ import annotations

from typing import Self

import strawberry
from strawberry import field

from agenttrace.diff import groups
from agenttrace_server.errors import InvalidArgumentError
from agenttrace_server.graphql.types.comparison_enums import GroupSide, GroupWarningCode
from agenttrace_server.graphql.types.comparison_rows import (
    AttributeComparison,
    MetricComparison,
    PartComparison,
    StructureComparison,
    SuccessComparison,
    TransitionComparison,
)
from agenttrace_server.graphql.types.filters import check_text
from agenttrace_server.services.comparisons import MAX_RUNS

_MAX_SEED = 2**31 - 1


@strawberry.input(description="How groups are compared.")
class CompareOptions:
    """See the description, which is public."""

    alpha: float = field(
        default=0.05, description="Below which p a change is beyond chance; over 0, under 1."
    )
    min_effect: float = field(
        default=0.05, description="A change up to this share of base is no verdict; from 0."
    )
    margin: float = field(
        default=0.10, description="Changes within this share of base are EQUIVALENT; from 0."
    )
    pair_by: str | None = field(
        default="case_id",
        description="The run attribute that names its case: where every run has one, figures of "
        "the same case are compared. Null: never.",
    )
    seed: int = field(
        default=0, description="Of the bootstrap: the same seed gives the same; from 0."
    )
    first: int = field(default=MAX_RUNS, description="Runs of each side, the newest; 1 to 200.")


def read_options(given: CompareOptions | None) -> groups.GroupOptions:
    """Return the library's options.

    Raises:
        InvalidArgumentError: a number is out of its range, or the text too long.

    """
    chosen = given or CompareOptions()
    if not 0 < chosen.alpha < 1:
        raise InvalidArgumentError(f"options.alpha is {chosen.alpha}; expected over 0 and under 1")
    for name, value in (("minEffect", chosen.min_effect), ("margin", chosen.margin)):
        if not 0 <= value < float("inf"):
            raise InvalidArgumentError(f"options.{name} is {value}; expected 0 or more")
    if not 0 <= chosen.seed <= _MAX_SEED:
        raise InvalidArgumentError(f"options.seed is {chosen.seed}; expected 0 to {_MAX_SEED}")
    if not 1 <= chosen.first <= MAX_RUNS:
        raise InvalidArgumentError(f"options.first is {chosen.first}; expected 1 to {MAX_RUNS}")
    pair_by = None if chosen.pair_by is None else check_text(chosen.pair_by, "options.pairBy")
    return groups.GroupOptions(
        alpha=chosen.alpha,
        min_effect=chosen.min_effect,
        margin=chosen.margin,
        seed=chosen.seed,
        pair_by=pair_by,
    )


@strawberry.type(description="One of the two groups.")
class ComparedGroup:
    """See the description, which is public."""

    runs: int = field(description="How many.")
    run_ids: list[str] = field(description="Which, oldest first.")
    names: list[str] = field(description="The names that they have.")

    @classmethod
    def from_ref(cls, ref: groups.GroupRef) -> Self:
        """Return the GraphQL object."""
        return cls(runs=len(ref.run_ids), run_ids=list(ref.run_ids), names=list(ref.names))


@strawberry.type(description="Something to know before trusting a comparison of groups.")
class GroupWarning:
    """See the description, which is public."""

    code: GroupWarningCode = field(description="What it is.")
    message: str = field(description="The same in a sentence.")
    side: GroupSide | None = field(description="Of which group; null: of both.")


@strawberry.type(description="What differs from one group of runs to another, beyond chance.")
class GroupComparison:
    """See the description, which is public."""

    alpha: float = field(description="Below which p a change is beyond chance.")
    min_effect: float = field(description="A change up to it is no verdict; a share of base.")
    margin: float = field(description="Changes within it are EQUIVALENT; a share of base.")
    seed: int = field(description="Of the bootstrap.")
    base: ComparedGroup = field(description="What is compared with.")
    head: ComparedGroup = field(description="What is judged.")
    pairs: int | None = field(description="Cases that both have; null: not compared by case.")
    success: SuccessComparison = field(description="How many runs succeeded.")
    metrics: list[MetricComparison] = field(description="Figures of runs that some run says.")
    structure: list[StructureComparison] = field(
        description="In how many runs each call is; what changed beyond chance first; at most 300."
    )
    transitions: list[TransitionComparison] = field(
        description="What came next more or less often; what changed most first; at most 50."
    )
    attributes: list[AttributeComparison] = field(
        description="What tells the groups apart; at most 50, the most different first."
    )
    parts: list[PartComparison] = field(
        description="Figures by type, name and model of spans; the surest first; at most 300."
    )
    warnings: list[GroupWarning] = field(description="What to know before trusting it.")

    @classmethod
    def from_comparison(cls, found: groups.GroupComparison) -> Self:
        """Return the GraphQL object."""
        return cls(
            alpha=found.options.alpha,
            min_effect=found.options.min_effect,
            margin=found.options.margin,
            seed=found.options.seed,
            base=ComparedGroup.from_ref(found.base),
            head=ComparedGroup.from_ref(found.head),
            pairs=found.pairs,
            success=SuccessComparison.from_row(found.success),
            metrics=[MetricComparison.from_row(row) for row in found.metrics],
            structure=[StructureComparison.from_row(row) for row in found.structure],
            transitions=[TransitionComparison.from_row(row) for row in found.transitions],
            attributes=[AttributeComparison.from_row(row) for row in found.attributes],
            parts=[PartComparison.from_row(row) for row in found.parts],
            warnings=[_make_warning(warning) for warning in found.warnings],
        )


def _make_warning(warning: groups.GroupWarning) -> GroupWarning:
    return GroupWarning(
        code=GroupWarningCode(warning.code),
        message=warning.message,
        side=None if warning.side is None else GroupSide(warning.side),
    )
