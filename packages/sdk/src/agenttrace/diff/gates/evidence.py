"""What gates are checked on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agenttrace.diff.groups.model import GroupOptions
from agenttrace.diff.outputs import write_canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agenttrace.diff.baselines import Baseline
    from agenttrace.diff.groups.measures import RunMeasures
    from agenttrace.diff.model import RunDiff


@dataclass(frozen=True, slots=True)
class GateEvidence:
    """Two groups of measured runs; or a baseline in the stead of `base`, which is empty then.

    `diff` is there of one run against one. `normalise` brings the JSON text of an output to the
    form in which outputs are equal.
    """

    base: Sequence[RunMeasures]
    head: Sequence[RunMeasures]
    diff: RunDiff | None = None
    baseline: Baseline | None = None
    options: GroupOptions = field(default_factory=GroupOptions)
    normalise: Callable[[str], str] = write_canonical
