"""The ledger in short: faults with a fixed seed. The five counts are 0.

`packages/server/benchmarks/ledger.py` plays them all at length, with any seed.
"""

from __future__ import annotations

from typing import Final

import pytest

from .nemeses import run_nemesis

SEED: Final = 20261125
NEMESES: Final = {"kill9": 5, "sigterm": 1, "sigstop": 1}
"""Each with how often it happens."""


@pytest.mark.parametrize("name", NEMESES)
def test_what_is_acknowledged_is_stored_once_and_as_it_was_sent(name: str) -> None:
    """Nothing lost, phantom, duplicate, changed or silent; sums and exit codes are right."""
    verdict = run_nemesis(name, seed=SEED, faults=NEMESES[name]).verdict
    assert verdict.is_clean, verdict
    assert verdict.settled == verdict.attempted > 0
