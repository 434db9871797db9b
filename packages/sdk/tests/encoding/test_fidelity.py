"""Exact is proven: always, for a sample, or never; and what failed once is believed no more."""

from __future__ import annotations

from typing import Any

import pytest

from agenttrace.encoding import fidelity
from agenttrace.encoding.fidelity import CHECK_EVERY, FIRST_CHECKS, RoundTrip
from agenttrace.encoding.payload import Policy, encode
from agenttrace.encoding.policy import find_check_mode
from agenttrace.encoding.snapshot import take_snapshot

LIMIT = 2**20


def write(value: Any, round_trip: RoundTrip | None) -> str:
    """Return how true the payload of a value is."""
    policy = Policy(round_trip=round_trip)
    snapshot = take_snapshot(value, max_bytes=LIMIT)
    return encode(snapshot, max_bytes=LIMIT, policy=policy).fidelity


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Give the list of the trees that were checked."""
    seen: list[Any] = []
    check = fidelity.check_round_trip

    def count(tree: Any, text: bytes, types: bytes) -> str | None:
        seen.append(tree)
        return check(tree, text, types)

    monkeypatch.setattr(fidelity, "check_round_trip", count)
    return seen


def test_without_a_check_nothing_typed_is_exact(checks: list[Any]) -> None:
    """Plain JSON needs none."""
    for round_trip in (None, RoundTrip("never")):
        assert write((1,), round_trip) == "structural"
        assert write([1], round_trip) == "exact"
    assert checks == []


def test_a_sample_is_checked(checks: list[Any]) -> None:
    """The first of each combination of types, and then one in a hundred."""
    round_trip = RoundTrip("sampled")
    for _ in range(3 * CHECK_EVERY):
        assert write((1,), round_trip) == "exact"
    assert len(checks) == FIRST_CHECKS + 2
    write((1, {2}), round_trip)
    assert len(checks) == FIRST_CHECKS + 3


def test_always_is_each_time(checks: list[Any]) -> None:
    """As under pytest and in development."""
    round_trip = RoundTrip("always")
    for _ in range(30):
        write((1,), round_trip)
    assert len(checks) == 30
    assert find_check_mode() == "always"


def test_a_check_that_fails_costs_the_word_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the check broken so that it always holds, this fails: it is the check that decides."""
    from agenttrace.encoding.builders import BUILDERS

    monkeypatch.setitem(BUILDERS, "tuple", lambda *_args: (1, 2, 3))
    assert write((1,), RoundTrip("always")) == "structural"


def test_types_that_are_too_long_are_left_out() -> None:
    """The value stays whole; it is no more than structural."""
    value = [(n,) for n in range(3_000)]
    snapshot = take_snapshot(value, max_bytes=LIMIT)
    policy = Policy(round_trip=RoundTrip("always"))
    encoded = encode(snapshot, max_bytes=30_000, policy=policy)
    assert (encoded.types, encoded.fidelity, encoded.whole) == (None, "structural", None)
