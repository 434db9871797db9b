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
    # kills
    "kill9": 5,
    "kill9-settled": 1,
    "kill9-open": 1,
    "kill9-sync": 1,
    # ends
    "end": 2,
    "os-exit-sync": 1,
    "sigterm-default": 1,
    # forks
    "os-fork-flush": 10,
    "mp-fork": 2,
    "mp-forkserver": 1,
    # servers
    "away-ack_lost": 1,
    "passing-503_twice": 1,
    "redirect": 1,
    "poison": 1,
    "too-large": 1,
    # queues and disks
    "overflow": 1,
    "disk-full": 1,
    "live-neighbour": 1,
    "damage": 1,
    "file-killed": 1,
}
"""Each with how often the fault happens."""


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_record_is_stored_spooled_or_counted(name: str) -> None:
    """Nothing lost, phantom, duplicate, changed or silent; exit codes and accounts are right."""
    try:
        verdict = run_scenario(name, seed=SEED, faults=SCENARIOS[name], window_ns=WINDOW_NS)
    except NotPermittedError as error:
        pytest.skip(str(error))
    assert verdict.is_clean, verdict
    assert verdict.attempted > 0
