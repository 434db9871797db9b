"""Gates and what became of them: plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class GateStatus(StrEnum):
    """What became of a gate. INCONCLUSIVE: the runs cannot tell, which is no pass."""

    PASS = "pass"  # noqa: S105 -- no password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


class GateTest(StrEnum):
    """How a figure is compared.

    AUTO is PAIRED where every run has a case, else MWU (Mann-Whitney). NONE compares the plain
    figures (of groups their medians), which fires on noise.
    """

    AUTO = "auto"
    MWU = "mwu"
    PAIRED = "paired"
    NONE = "none"


class OutcomeGate(StrEnum):
    """SAME: the runs of head end no worse than those of base. SUCCESS: each ends COMPLETED."""

    SAME = "same"
    SUCCESS = "success"


@dataclass(frozen=True, slots=True)
class OutputGate:
    """What the final output of head has in common with that of base: 1 is equal.

    Equal is by the rules of the diff. Less is a share of words that are common, in their order.
    """

    at_least: float = 1.0


@dataclass(frozen=True, slots=True)
class MetricGate:
    """A figure by a name of `groups.METRICS`. `max_increase` is a share of base: 0.1 is 10 %.

    `min_coverage`: of the figure at least so much is known, on both sides.
    """

    metric: str
    max_increase: float
    test: GateTest = GateTest.AUTO
    alpha: float = 0.05
    min_coverage: float = 0.9


@dataclass(frozen=True, slots=True)
class Gates:
    """What has to hold. `structure` is how many rows of an outcome there may be, by its name.

    `forbid` and `require` are patterns of keys, such as `tool:delete_*`: no run of head makes such
    a call, each makes one.
    """

    structure: Mapping[str, int] = field(default_factory=dict)
    outcome: OutcomeGate | None = None
    final_output: OutputGate | None = None
    metrics: tuple[MetricGate, ...] = ()
    forbid: tuple[str, ...] = ()
    require: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GateResult:
    """One gate: its name as in `gates.yaml`, and in a sentence what was found.

    `details` are what it was found in: at most a few lines.
    """

    name: str
    status: GateStatus
    message: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GateReport:
    """All gates, in the order of the file."""

    results: tuple[GateResult, ...]

    @property
    def status(self) -> GateStatus:
        """FAIL when one fails, else INCONCLUSIVE when one is, else PASS."""
        found = {result.status for result in self.results}
        for status in (GateStatus.FAIL, GateStatus.INCONCLUSIVE):
            if status in found:
                return status
        return GateStatus.PASS

    def count(self, status: GateStatus) -> int:
        """Return how many gates have a status."""
        return sum(result.status is status for result in self.results)
