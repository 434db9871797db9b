"""A traced function does what the plain one does, whatever breaks inside: a few hundred examples.

The program beside this runs as many as are asked for.
"""

from __future__ import annotations

import gc
import logging
from typing import TYPE_CHECKING

import pytest

from .differential import INTERNALS, KINDS, Case, check, run_examples

if TYPE_CHECKING:
    from collections.abc import Iterator


# A stream that breaks in its midst may leave a coroutine that nobody awaits.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """Let no log of the faults through; there are thousands."""
    logging.disable()
    yield
    gc.collect()
    logging.disable(logging.NOTSET)


def test_nothing_that_breaks_inside_is_seen_outside() -> None:
    """Same objects, errors, kinds and signatures, arguments untouched."""
    assert len(INTERNALS) > 150
    run_examples(200)


FOLLOWING = [
    name
    for name in INTERNALS
    if name.split(".")[1]
    in ("adoption", "calls", "chunks", "recording_methods", "returned", "streams")
]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("returned")])
def test_whatever_breaks_in_following_a_stream_is_not_seen(kind: str) -> None:
    """Each part of it, under each kind of stream."""
    assert len(FOLLOWING) > 30
    for name in FOLLOWING:
        check(Case(kind, [1], {}, [object(), 5], None, 1), (name, SystemExit(3)))


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_does_the_same_when_nothing_breaks(kind: str) -> None:
    """To its end, with an early stop, and with an error."""
    for error in (None, ValueError("e")):
        for limit in (0, 1):
            check(Case(kind, [1, "b", 3], {"c": object()}, [object(), 5], error, limit), None)
