"""The ledger in short: each scenario once, with a fixed seed. The five counts are 0.

`packages/sdk/benchmarks/ledger.py` plays them all at length, with any seed.
"""

from __future__ import annotations

from typing import Final

import pytest

from .scenarios import run_scenario
from .scenarios.disks import NotPermittedError

SEED: Final = 20261125
WINDOW_NS: Final = 5_000_000_000
"""On a busy machine a thread may wait long for its turn; what is settled is held to be there."""

SCENARIOS: Final = {
    "end": 3,
    "os-exit": 1,
    "kill9-open": 1,
    "sigint-default": 1,
    "os-fork-flush": 10,
    "mp-fork": 2,
    "mp-spawn": 1,
    "mp-pool": 3,
    "passing-503_twice": 1,
    "passing-ack_lost_once": 1,
    "refusing-html": 1,
    "redirect": 1,
    "too-large": 1,
    "overflow": 1,
    "file-full": 1,
    "file-killed": 1,
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_record_is_stored_spooled_or_counted(name: str) -> None:
    """Nothing lost, phantom, duplicate, changed or silent; exit codes and accounts are right."""
    try:
        verdict = run_scenario(name, seed=SEED, faults=SCENARIOS[name], window_ns=WINDOW_NS)
    except NotPermittedError as error:
        pytest.skip(str(error))
    assert verdict.is_clean, verdict
    assert verdict.attempted > 0
