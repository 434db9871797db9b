"""A fault test proves nothing until it was seen failing: each protection is taken out in turn."""

from __future__ import annotations

from .nemeses import run_nemesis

SEED = 20261125


def test_the_ledger_notices_a_server_that_acknowledges_before_it_commits() -> None:
    """What was in memory when the server was killed is lost."""
    verdict = run_nemesis("kill9", seed=SEED, faults=2, off=("commit_first",)).verdict
    assert verdict.lost > 0, verdict


def test_the_ledger_notices_a_server_that_commits_nothing_now_and_then() -> None:
    """Without any fault of its surroundings."""
    verdict = run_nemesis("sigterm", seed=SEED, faults=1, off=("commit_all",)).verdict
    assert verdict.lost > 0, verdict
