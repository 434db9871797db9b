"""A traced function does what the plain one does, whatever breaks inside: a few hundred examples.

The program beside this runs as many as are asked for.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from .differential import INTERNALS, KINDS, Case, check, run_examples

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """Let no log of the faults through; there are thousands."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.filterwarnings("ignore")  # a stream that breaks in its midst may leave a coroutine
def test_nothing_that_breaks_inside_is_seen_outside() -> None:
    """Same objects, errors, kinds and signatures, arguments untouched."""
    assert len(INTERNALS) > 150
    run_examples(200)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_does_the_same_when_nothing_breaks(kind: str) -> None:
    """To its end, with an early stop, and with an error."""
    for error in (None, ValueError("e")):
        for limit in (0, 1):
            check(Case(kind, [1, "b", 3], {"c": object()}, [object(), 5], error, limit), None)
