"""A fault test proves nothing until it was seen failing: each protection is taken out in turn."""

from __future__ import annotations

from pathlib import Path

import pytest

from .harness import Stage
from .scenarios import run_scenario

SEED = 20261125


def test_the_ledger_notices_a_server_that_acknowledges_before_it_stores(tmp_path: Path) -> None:
    """Delivered by the recorder's word, and nowhere: lost."""
    with Stage(tmp_path) as stage:
        sink = stage.start_sink()
        sink.obey("ack_first")
        stage.end(stage.start_child(sink.endpoint, runs=2, settle_s=5.0))
        assert stage.judge().lost > 0


@pytest.mark.parametrize(
    ("name", "protection"),
    [
        ("overflow", "accounts"),  # a full queue drops without a count
        ("mp-fork", "finalizer"),  # processes of multiprocessing end without atexit
        ("end", "exit_hook"),
        ("sigterm-default", "signals"),
    ],
)
def test_the_ledger_notices_what_is_silently_gone(name: str, protection: str) -> None:
    """Neither stored nor spooled nor counted."""
    verdict = run_scenario(name, seed=SEED, faults=1, off=(protection, "spool"))
    assert verdict.silent > 0


def test_the_ledger_notices_an_exporter_that_takes_failure_for_success() -> None:
    """A 503 that counts as delivered: lost."""
    assert run_scenario("passing-503_twice", seed=SEED, faults=1, off=("retry",)).lost > 0


@pytest.mark.parametrize(
    ("name", "protection", "complaint", "faults"),
    [
        ("kill9-settled", "spool", "not in safety", 1),
        ("poison", "split", "were given up for 1 poisoned", 1),
        ("live-neighbour", "lock", "came twice", 1),
        ("os-fork-flush", "fork_reset", "did not end", 5),
    ],
)
def test_the_ledger_complains_where_a_protection_is_missing(
    name: str, protection: str, complaint: str, faults: int
) -> None:
    """Of what it cannot count: a hang, what came twice, what was given up for nothing."""
    verdict = run_scenario(name, seed=SEED, faults=faults, off=(protection,))
    assert complaint in "".join(verdict.complaints), verdict
