"""Ids: their layout, and that they differ."""

from __future__ import annotations

import random
import re
import time
from uuid import UUID

from agenttrace.ids import RandomIds
from agenttrace.testing import IncrementalIds, StepClock


def test_run_ids_are_uuids_of_version_7_in_the_order_of_time() -> None:
    """32 hex digits, the RFC's version and variant, milliseconds in front."""
    before_ms = time.time_ns() // 1_000_000
    run_id = RandomIds().new_run_id()
    after_ms = time.time_ns() // 1_000_000
    assert re.fullmatch("[0-9a-f]{32}", run_id)
    uuid = UUID(run_id)
    assert (uuid.version, uuid.variant) == (7, "specified in RFC 4122")
    assert before_ms <= uuid.int >> 80 <= after_ms


def test_span_ids_are_64_bits_and_never_zero() -> None:
    """All zero is invalid in W3C Trace Context."""
    ids = RandomIds()
    found = {ids.new_span_id() for _ in range(10_000)}
    assert len(found) == 10_000
    assert all(0 < each < 2**64 for each in found)

    class Zero(random.Random):
        def getrandbits(self, k: int, /) -> int:
            return 0

    ids._random = Zero()
    assert ids.new_span_id() == 1


def test_a_seeded_program_repeats_no_ids() -> None:
    """A user's `random.seed` is for the user's own numbers."""
    random.seed(1)
    first = (RandomIds().new_run_id(), RandomIds().new_span_id())
    random.seed(1)
    second = (RandomIds().new_run_id(), RandomIds().new_span_id())
    assert first[0] != second[0]
    assert first[1] != second[1]


def test_ids_and_clocks_for_tests_count() -> None:
    """They repeat from test to test."""
    ids, clock = IncrementalIds(), StepClock(start_ns=10, step_ns=5)
    assert [ids.new_run_id(), ids.new_run_id()] == [f"{1:032x}", f"{2:032x}"]
    assert [ids.new_span_id(), ids.new_span_id()] == [1, 2]
    assert [clock.time_ns(), clock.monotonic_ns(), clock.time_ns(), clock.monotonic_ns()] == [
        10,
        10,
        15,
        15,
    ]
