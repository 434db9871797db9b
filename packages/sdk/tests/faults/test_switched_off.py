"""A fault test proves nothing until it was seen failing: each protection is taken out in turn."""

from __future__ import annotations

from pathlib import Path

from .harness import Stage
from .scenarios import run_scenario

SEED = 20261125


def test_the_ledger_notices_a_server_that_acknowledges_before_it_stores(tmp_path: Path) -> None:
    """Delivered by the recorder's word, and nowhere: lost."""
    with Stage(tmp_path) as stage:
        sink = stage.start_sink()
        sink.obey("ack_first")
        stage.end(stage.start_child(sink.endpoint, runs=2))
        sink.obey("store")
        assert stage.judge().lost > 0


def test_the_ledger_notices_a_drop_that_is_not_counted() -> None:
    """Silent, and the accounts do not balance."""
    verdict = run_scenario("overflow", seed=SEED, faults=1, off=("accounts",))
    assert verdict.silent > 0


def test_the_ledger_notices_an_exporter_that_takes_failure_for_success() -> None:
    """A 503 that counts as delivered: lost."""
    assert run_scenario("passing-503_twice", seed=SEED, faults=1, off=("retry",)).lost > 0


def test_the_ledger_notices_batches_that_are_not_split() -> None:
    """What one request is too large for is given up, though it would fit into two."""
    verdict = run_scenario("too-large", seed=SEED, faults=1, off=("split",))
    assert verdict.complaints


def test_the_ledger_notices_processes_without_a_finalizer() -> None:
    """Processes of multiprocessing end without atexit: what they recorded last is silent."""
    assert run_scenario("mp-fork", seed=SEED, faults=2, off=("finalizer",)).silent > 0


def test_the_ledger_notices_a_child_that_inherits_queues_and_locks() -> None:
    """It hangs, or sends again what is its parent's."""
    verdict = run_scenario("os-fork-flush", seed=SEED, faults=5, off=("fork_reset",))
    assert not verdict.is_clean
