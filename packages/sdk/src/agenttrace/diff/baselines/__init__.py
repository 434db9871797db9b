"""What runs of one version vary in, learnt from several: what a single run is held against.

from agenttrace.diff.baselines import learn_baseline, read_baseline, write_baseline

baseline = learn_baseline([measure_run(run) for run in runs])
Path("baseline.json").write_text(write_baseline(baseline))
"""

from __future__ import annotations

from agenttrace.diff.baselines.document import (
    BaselineError,
    is_baseline,
    read_baseline,
    write_baseline,
)
from agenttrace.diff.baselines.learning import learn_baseline
from agenttrace.diff.baselines.model import Baseline, CallRange, MetricRange

__all__ = [
    "Baseline",
    "BaselineError",
    "CallRange",
    "MetricRange",
    "is_baseline",
    "learn_baseline",
    "read_baseline",
    "write_baseline",
]
